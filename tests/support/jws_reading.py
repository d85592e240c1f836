"""Parsing and verification of a compact JWS in one call."""

from __future__ import annotations

from types import MappingProxyType

from django_tokenauth.keys.schedule import KeySet
from django_tokenauth.tokens import jws


def parse_token(token):
    """Return the parts of ``token`` (string or bytes) and the members of its header."""
    parts = jws.parse(token.encode() if isinstance(token, str) else token)
    return parts, jws.read_header(parts.header)


def verify_token(token, keys):
    """Return the parts of ``token``, verified with the key of ``keys`` that its header names."""
    parts, header = parse_token(token)
    jws.verify(parts, jws.find_key(header, keys))
    return parts


def verify_token_with(token, key):
    """Return the parts of ``token``, verified with ``key`` under any kid in its header."""
    _, header = parse_token(token)
    return verify_token(token, KeySet(None, MappingProxyType({header.get("kid", ""): key})))
