"""The format of API tokens: ``PREFIX_``, 32 random characters, and a checksum of 6 characters.

The characters are letters and digits. 32 of them have 190 random bits, so neither the hash nor the
comparison of tokens needs to be slow. The checksum is the CRC-32 of everything before it: it finds
each typing error of one character and each exchange of two adjacent characters. It is not a secret.
"""

from __future__ import annotations

import hashlib
import re
import secrets
import string
import zlib

from django.views.decorators.debug import sensitive_variables

ALPHABET = string.digits + string.ascii_letters
RANDOM_LENGTH = 32
CHECKSUM_LENGTH = 6
#: Number of the last characters that the table stores, so that users recognize their tokens.
SHOWN = 4

_LENGTH = RANDOM_LENGTH + CHECKSUM_LENGTH
_SECRET = re.compile(rf"_[0-9A-Za-z]{{{_LENGTH}}}", re.ASCII)


def pattern(prefix: str) -> str:
    """Return the regular expression that finds each API token with *prefix* in a text."""
    return rf"\b{prefix}_[0-9A-Za-z]{{{_LENGTH}}}\b"


@sensitive_variables()
def generate(prefix: str) -> str:
    """Return a new API token."""
    start = f"{prefix}_{''.join(secrets.choice(ALPHABET) for _ in range(RANDOM_LENGTH))}"
    return start + _checksum(start)


def has_prefix(token: object, prefix: str) -> bool:
    """Return whether *token* starts like an API token and is not a JWT."""
    return isinstance(token, str) and token.startswith(prefix) and "." not in token


@sensitive_variables()
def is_complete(token: str, prefix: str) -> bool:
    """Return whether *token* has the format of an API token and the right checksum."""
    if not token.startswith(prefix) or not _SECRET.fullmatch(token, len(prefix)):
        return False
    start, checksum = token[:-CHECKSUM_LENGTH], token[-CHECKSUM_LENGTH:]
    return _checksum(start) == checksum


@sensitive_variables()
def digest(token: str) -> str:
    """Return the SHA-256 of *token*, in hexadecimal digits, which the table stores."""
    return hashlib.sha256(token.encode()).hexdigest()


def _checksum(text: str) -> str:
    number, digits = zlib.crc32(text.encode()), ""
    for _ in range(CHECKSUM_LENGTH):
        number, rest = divmod(number, len(ALPHABET))
        digits = ALPHABET[rest] + digits
    return digits
