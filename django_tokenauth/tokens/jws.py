"""The compact form of a signed token: taking it apart, strictly, and putting it together.

RFC 7515 says what a JWS is; what it leaves to the reader, or allows and we do not need, is refused
(RFC 8725). PyJWT takes part with the signature only: see :mod:`django_tokenauth.keys.loading`.
"""

from __future__ import annotations

import base64
import re
from binascii import a2b_base64
from collections.abc import Mapping
from typing import Any, NamedTuple

from .. import _strict_json as strict_json
from ..errors import InvalidToken, TokenErrorCode
from ..keys.loading import Key
from ..keys.schedule import KeySet

#: The longest token that is looked at, in bytes. More would not pass most servers' header limits.
MAX_LENGTH = 8192

# What RFC 4648 section 5 writes otherwise than section 4, for which alone there is a fast reader.
_URL_SAFE = bytes.maketrans(b"-_", b"+/")
_ALPHABET = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
# The last characters that a segment can have, by the number of characters that are left of it after
# groups of four. RFC 4648 section 3.5 makes the last one carry zero bits where it carries none of
# the data; anything else would be a second spelling of the same token. One alone is nothing.
_LAST = {1: b"", 2: b"AQgw", 3: b"AEIMQUYcgkosw048"}
_PADDING = (b"", b"", b"==", b"=")
_PRINTABLE_ASCII = re.compile(r"[\x20-\x7e]{1,128}\Z")

# crit and b64 change what is signed, zip and enc what is read, cty what it is (RFC 7515 section
# 4.1.11, RFC 7797, RFC 7516, RFC 7519 section 5.2). We make none and so accept none.
_REFUSED = frozenset({"crit", "b64", "zip", "enc", "cty"})


class Compact(NamedTuple):
    """A JWS taken apart: its header is not read yet, its signature not verified."""

    #: As it stands in the token, in base64url.
    header: bytes
    payload: bytes
    signing_input: bytes
    signature: bytes


def parse(token: bytes) -> Compact:
    """Take a compact JWS apart. Raises :class:`InvalidToken` (malformed)."""
    # Two points are left of it, without the alphabet. A regular expression that says all of this
    # and what _decode asks takes three times as long, a sixth of the whole verification with HS256.
    if len(token) > MAX_LENGTH or token.translate(None, _ALPHABET) != b"..":
        raise InvalidToken(TokenErrorCode.MALFORMED)
    header, payload, signature = token.split(b".")
    signing_input = token[: len(header) + 1 + len(payload)]
    return Compact(header, _decode(payload), signing_input, _decode(signature))


def read_header(segment: bytes) -> dict[str, Any]:
    """The members of a header, in base64url. Raises :class:`InvalidToken` (malformed, header)."""
    header = json_object(_decode(segment))
    algorithm, kid = header.get("alg"), header.get("kid")
    if not isinstance(algorithm, str) or not _REFUSED.isdisjoint(header):
        raise InvalidToken(TokenErrorCode.HEADER)
    if "kid" in header and not (isinstance(kid, str) and _PRINTABLE_ASCII.match(kid)):
        raise InvalidToken(TokenErrorCode.HEADER)
    return header


def key_for(header: Mapping[str, Any], keys: KeySet) -> Key:
    """The one key that the header names, whose algorithm must be the header's.

    Raises :class:`InvalidToken` (key).
    """
    key = keys.verifying.get(header.get("kid", ""))
    if key is None or header["alg"] != key.algorithm:
        raise InvalidToken(TokenErrorCode.KEY)
    return key


def verify(compact: Compact, key: Key) -> None:
    """Verify the signature with ``key``. Raises :class:`InvalidToken` (signature)."""
    if not key.verify(compact.signing_input, compact.signature):
        raise InvalidToken(TokenErrorCode.SIGNATURE)


def encode(header: bytes, payload: bytes, key: Key) -> str:
    """Sign ``payload``; ``header`` is its JSON, already in base64url."""
    signing_input = header + b"." + base64url(payload)
    return (signing_input + b"." + base64url(key.sign(signing_input))).decode("ascii")


def base64url(data: bytes) -> bytes:
    """RFC 7515 section 2: base64url without padding."""
    return base64.urlsafe_b64encode(data).rstrip(b"=")


def _decode(segment: bytes) -> bytes:
    rest = len(segment) % 4
    if rest and segment[-1] not in _LAST[rest]:
        raise InvalidToken(TokenErrorCode.MALFORMED)
    return a2b_base64(segment.translate(_URL_SAFE) + _PADDING[rest])


def json_object(data: bytes) -> dict[str, Any]:
    """Read ``data`` as a JSON object. Raises :class:`InvalidToken` (malformed)."""
    try:
        value = strict_json.loads(data)
    except strict_json.Malformed:
        raise InvalidToken(TokenErrorCode.MALFORMED) from None
    if not isinstance(value, dict):
        raise InvalidToken(TokenErrorCode.MALFORMED)
    return value
