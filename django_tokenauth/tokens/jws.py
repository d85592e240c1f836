"""Signed tokens in compact form (RFC 7515): parse, verify and sign.

This module rejects header parameters that change the meaning of the payload or signature (RFC
8725). PyJWT only computes and verifies signatures: see :mod:`django_tokenauth.keys.loading`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, NamedTuple

from .. import _base64url as base64url
from .. import _strict_json as strict_json
from .._json_values import as_json_value
from ..conf.settings import UnusableSettings
from ..errors import InvalidToken, TokenErrorCode
from ..keys.loading import Key
from ..keys.schedule import KeySet

#: Maximum length of a token in bytes. Many web servers limit a header field to about 8 KB.
MAX_LENGTH = 8192

_KID = re.compile(r"[\x20-\x7e]{1,128}\Z")

# crit requires extensions (RFC 7515 section 4.1.11). b64 changes the signing input (RFC 7797). zip
# and enc mean a compressed or encrypted payload (RFC 7516). cty can mean a nested JWT (RFC 7519
# section 5.2). This package writes none of the header parameters in _REJECTED.
_REJECTED = frozenset({"crit", "b64", "zip", "enc", "cty"})


class Compact(NamedTuple):
    """The parts of a compact JWS. The header is not parsed and the signature is not verified."""

    #: The header in base64url, as in the token.
    header: bytes
    payload: bytes
    signing_input: bytes
    signature: bytes


def token_bytes(token: object) -> bytes:
    """Return *token*, a string, as bytes.

    Raises :class:`InvalidToken` with the code ``MALFORMED``.
    """
    if not isinstance(token, str) or len(token) > MAX_LENGTH or not token.isascii():
        raise InvalidToken(TokenErrorCode.MALFORMED)
    return token.encode("ascii")


def parse(token: bytes) -> Compact:
    """Split *token* into its parts.

    :func:`read_header` decodes the header, which most tokens do not need. Raises
    :class:`InvalidToken` with the code ``MALFORMED``.
    """
    # Two dots remain after deleting all base64url characters of a token. A regular expression for
    # all checks of parse() and decode() takes three times as long.
    if len(token) > MAX_LENGTH or token.translate(None, base64url.ALPHABET) != b"..":
        raise InvalidToken(TokenErrorCode.MALFORMED)
    header, payload, signature = token.split(b".")
    signing_input = token[: len(header) + 1 + len(payload)]
    try:
        return Compact(
            header, base64url.decode(payload), signing_input, base64url.decode(signature)
        )
    except ValueError:
        raise InvalidToken(TokenErrorCode.MALFORMED) from None


def read_header(segment: bytes) -> dict[str, Any]:
    """Decode a header in base64url and return its members.

    Raises :class:`InvalidToken` with the code ``MALFORMED`` or ``HEADER``.
    """
    try:
        header = json_object(base64url.decode(segment))
    except ValueError:
        raise InvalidToken(TokenErrorCode.MALFORMED) from None
    algorithm, kid = header.get("alg"), header.get("kid")
    if not isinstance(algorithm, str) or not _REJECTED.isdisjoint(header):
        raise InvalidToken(TokenErrorCode.HEADER)
    if "kid" in header and not (isinstance(kid, str) and _KID.match(kid)):
        raise InvalidToken(TokenErrorCode.HEADER)
    return header


def find_key(header: Mapping[str, Any], keys: KeySet) -> Key:
    """Return the key with the ``kid`` and the ``alg`` of *header*.

    Raises :class:`InvalidToken` with the code ``KEY``.
    """
    key = keys.verifying.get(header.get("kid", ""))
    if key is None or header["alg"] != key.algorithm:
        raise InvalidToken(TokenErrorCode.KEY)
    return key


def verify(compact: Compact, key: Key) -> None:
    """Verify the signature of *compact* with *key*.

    Raises :class:`InvalidToken` with the code ``SIGNATURE``.
    """
    if not key.verify(compact.signing_input, compact.signature):
        raise InvalidToken(TokenErrorCode.SIGNATURE)


def json_object(data: bytes) -> dict[str, Any]:
    """Return the JSON object in *data*.

    Raises :class:`InvalidToken` with the code ``MALFORMED``.
    """
    try:
        value = strict_json.loads(data)
    except strict_json.Malformed:
        raise InvalidToken(TokenErrorCode.MALFORMED) from None
    if not isinstance(value, dict):
        raise InvalidToken(TokenErrorCode.MALFORMED)
    return value


class Reader:
    """Verifies tokens of one type with the keys of one set."""

    def __init__(self, keys: KeySet, typ: str) -> None:
        self._keys = keys
        self._typ = typ
        # This package writes one header per key. A lookup of a known header avoids its parsing,
        # which would take a quarter of a verification with HS256.
        self._known_headers = {
            _header(key.algorithm, key.kid, typ): key for key in keys.verifying.values()
        }

    def read_payload(self, token: bytes) -> dict[str, Any]:
        """Verify the signature of *token* and return its payload, a JSON object.

        Raises :class:`InvalidToken` with the code ``MALFORMED``, ``HEADER``, ``TYP``, ``KEY`` or
        ``SIGNATURE``.
        """
        compact = parse(token)
        key = self._known_headers.get(compact.header) or self._find_key(compact.header)
        verify(compact, key)
        return json_object(compact.payload)

    def _find_key(self, segment: bytes) -> Key:
        header = read_header(segment)
        typ = header.get("typ")
        # RFC 7515 section 4.1.9: typ is a media type. Media types are case-insensitive, and typ can
        # omit the prefix application/.
        if not isinstance(typ, str) or typ.lower().removeprefix("application/") != self._typ:
            raise InvalidToken(TokenErrorCode.TYP)
        return find_key(header, self._keys)


def encode(payload: Mapping[str, Any], typ: str, keys: KeySet) -> str:
    """Return a token of type *typ* with *payload*, signed with the signing key of *keys*.

    Raises :class:`UnusableSettings` if *keys* has no signing key.
    """
    key = keys.signing
    if key is None:
        raise UnusableSettings(
            "TOKENAUTH has no key that signs now, only keys that verify. Set KEY_DIRECTORY, KEYS "
            "or SIGNING_KEY to sign tokens."
        )
    return sign(_header(key.algorithm, key.kid, typ), to_json(payload), key)


def sign(header: bytes, payload: bytes, key: Key) -> str:
    """Return the compact JWS of *header* (JSON in base64url) and *payload*, signed with *key*."""
    signing_input = header + b"." + base64url.encode(payload)
    return (signing_input + b"." + base64url.encode(key.sign(signing_input))).decode("ascii")


@lru_cache(maxsize=64)
def _header(algorithm: str, kid: str, typ: str) -> bytes:
    return base64url.encode(to_json({"alg": algorithm, "kid": kid, "typ": typ}))


def to_json(members: Mapping[str, Any]) -> bytes:
    """Return *members* as JSON. ``_json_values`` converts common types of Python.

    Raises ``TypeError``, ``ValueError`` or ``RecursionError`` if JSON cannot represent *members*. A
    :class:`~django_tokenauth._json_values.NotJSON` is a ``TypeError`` that names the type.
    """
    dumped = json.dumps(members, separators=(",", ":"), allow_nan=False, default=as_json_value)
    return dumped.encode("ascii")
