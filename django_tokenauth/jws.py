"""The compact form of a signed token: taking it apart, strictly, and putting it together.

RFC 7515 says what a JWS is; what it leaves to the reader, or allows and we do not need, is refused
(RFC 8725). PyJWT takes part with the signature only: see :mod:`django_tokenauth.keys`.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from . import strict_json
from .errors import Code, InvalidToken
from .key_schedule import KeySet
from .keys import Key

#: The longest token that is looked at, in bytes. More would not pass most servers' header limits.
MAX_LENGTH = 8192

# RFC 4648 section 3.5 makes the last character of a segment carry zero bits where it carries none
# of the data; anything else would be a second spelling of the same token.
_SEGMENT = r"(?:[A-Za-z0-9_-]{4})*(?:[A-Za-z0-9_-][AQgw]|[A-Za-z0-9_-]{2}[AEIMQUYcgkosw048])?"
_COMPACT = re.compile(rf"({_SEGMENT})\.({_SEGMENT})\.({_SEGMENT})\Z".encode())
_PRINTABLE_ASCII = re.compile(r"[\x20-\x7e]{1,128}\Z")

# crit and b64 change what is signed, zip and enc what is read, cty what it is (RFC 7515 section
# 4.1.11, RFC 7797, RFC 7516, RFC 7519 section 5.2). We make none and so accept none.
_REFUSED = frozenset({"crit", "b64", "zip", "enc", "cty"})


@dataclass(frozen=True, slots=True)
class Compact:
    """A JWS taken apart and not yet verified."""

    header: Mapping[str, Any]
    payload: bytes
    signing_input: bytes
    signature: bytes


def parse(token: bytes) -> Compact:
    """Take a compact JWS apart. Raises :class:`InvalidToken` (malformed, header)."""
    if len(token) > MAX_LENGTH or not (match := _COMPACT.match(token)):
        raise InvalidToken(Code.MALFORMED)
    header = json_object(_decode(match[1]))
    algorithm, kid = header.get("alg"), header.get("kid")
    if not isinstance(algorithm, str) or not _REFUSED.isdisjoint(header):
        raise InvalidToken(Code.HEADER)
    if "kid" in header and not (isinstance(kid, str) and _PRINTABLE_ASCII.match(kid)):
        raise InvalidToken(Code.HEADER)
    return Compact(header, _decode(match[2]), token[: match.end(2)], _decode(match[3]))


def verify(compact: Compact, keys: KeySet) -> None:
    """Verify the signature with the one key that the header names.

    Raises :class:`InvalidToken` (key, signature).
    """
    key = keys.verifying.get(compact.header.get("kid", ""))
    if key is None:
        raise InvalidToken(Code.KEY)
    verify_with(compact, key)


def verify_with(compact: Compact, key: Key) -> None:
    """Verify the signature with ``key``, whose algorithm must be the header's."""
    if compact.header["alg"] != key.algorithm:
        raise InvalidToken(Code.KEY)
    if not key.verify(compact.signing_input, compact.signature):
        raise InvalidToken(Code.SIGNATURE)


def encode(header: bytes, payload: bytes, key: Key) -> str:
    """Sign ``payload``; ``header`` is its JSON, already in base64url."""
    signing_input = header + b"." + base64url(payload)
    return (signing_input + b"." + base64url(key.sign(signing_input))).decode("ascii")


def base64url(data: bytes) -> bytes:
    """RFC 7515 section 2: base64url without padding."""
    return base64.urlsafe_b64encode(data).rstrip(b"=")


def _decode(segment: bytes) -> bytes:
    return base64.urlsafe_b64decode(segment + b"=" * (-len(segment) % 4))


def json_object(data: bytes) -> dict[str, Any]:
    """Read ``data`` as a JSON object. Raises :class:`InvalidToken` (malformed)."""
    try:
        value = strict_json.loads(data)
    except strict_json.Malformed:
        raise InvalidToken(Code.MALFORMED) from None
    if not isinstance(value, dict):
        raise InvalidToken(Code.MALFORMED)
    return value
