"""Base64url without padding (RFC 7515 section 2)."""

from __future__ import annotations

from binascii import a2b_base64, b2a_base64

#: The characters of base64url (RFC 4648 section 5).
ALPHABET = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"

# binascii reads and writes the alphabet of RFC 4648 section 4 only. "+", "/" and "=", which are not
# in ALPHABET, are translated to "*", which binascii rejects.
_TO_STANDARD = bytes.maketrans(b"-_+/=", b"+/***")
_TO_URL_SAFE = bytes.maketrans(b"+/", b"-_")
_PADDING = (b"", b"", b"==", b"=")
# RFC 4648 section 3.5: the unused bits of the last character are zero. _LAST maps the length modulo
# 4 to the permitted last characters. Other unused bits would permit a second encoding of the same
# bytes.
_LAST = {1: b"", 2: b"AQgw", 3: b"AEIMQUYcgkosw048"}


def encode(data: bytes) -> bytes:
    """Return *data* in base64url."""
    return b2a_base64(data, newline=False).translate(_TO_URL_SAFE, b"=")


def decode(segment: bytes) -> bytes:
    """Return the bytes that *segment* encodes.

    Raises ``ValueError`` unless :func:`encode` returns *segment* for the decoded bytes.
    """
    rest = len(segment) % 4
    if rest and segment[-1] not in _LAST[rest]:
        # The token parser replaces this ValueError with InvalidToken, so a message would be lost.
        raise ValueError
    return a2b_base64(segment.translate(_TO_STANDARD) + _PADDING[rest], strict_mode=True)
