"""A compact JWS read as a whole, which the package does in steps."""

from __future__ import annotations

from types import MappingProxyType

from django_tokenauth.keys.schedule import KeySet
from django_tokenauth.tokens import jws


def parsed(token):
    """The parts of ``token`` (text or bytes) and the members of its header."""
    parts = jws.parse(token.encode() if isinstance(token, str) else token)
    return parts, jws.read_header(parts.header)


def verified(token, keys):
    """The parts of ``token``, verified with the one of ``keys`` that its header names."""
    parts, header = parsed(token)
    jws.verify(parts, jws.find_key(header, keys))
    return parts


def verified_with(token, key):
    """The parts of ``token``, verified with ``key``, whatever the name of the key in its header."""
    _, header = parsed(token)
    return verified(token, KeySet(None, MappingProxyType({header.get("kid", ""): key})))
