"""Detection of weak keys: public keys with a known weakness, and guessable secrets."""

from __future__ import annotations

from functools import cache
from itertools import pairwise

# The primes of the fingerprint in "The Return of Coppersmith's Attack" (CVE-2017-15361).
_PRIMES = (
    *(3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53, 59, 61, 67, 71, 73, 79, 83, 89),
    *(97, 101, 103, 107, 109, 113, 127, 131, 137, 139, 149, 151, 157, 163, 167),
)

_FIELD = 2**255 - 19
# The y coordinates of the Ed25519 points of order 8. The points of order 1, 2 and 4 have the y
# coordinates 1, -1 and 0.
_ORDER_8 = (
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
)
_SMALL_ORDER_Y = {0, 1, _FIELD - 1, *(int.from_bytes(bytes.fromhex(y), "little") for y in _ORDER_8)}


@cache
def _powers(prime: int) -> frozenset[int]:
    return frozenset(pow(65537, exponent, prime) for exponent in range(prime - 1))


def is_roca(modulus: int) -> bool:
    """Return whether the faulty generator of CVE-2017-15361 generated the RSA *modulus*.

    The faulty generator chooses primes that are powers of 65537 modulo a product of small primes,
    so the modulus is such a power too. A sound modulus matches by chance with a probability of
    about 2 to the minus 28 or less.
    """
    return all(modulus % prime in _powers(prime) for prime in _PRIMES)


def is_small_order(point: bytes) -> bool:
    """Return whether an Ed25519 public key (32 bytes, RFC 8032 section 5.1.2) is of small order.

    With a public key of small order, anyone can create valid signatures (RFC 8725 section 3.4).
    """
    y = int.from_bytes(point, "little") & (2**255 - 1)
    return y % _FIELD in _SMALL_ORDER_Y


#: The prefix of the SECRET_KEY that Django's ``startproject`` generates.
_MARK = b"django-insecure-"
# Words in secrets that people invent or copy. The length of a secret is measured without these
# words.
_WORDS = (b"secret", b"password", b"changeme", b"change-me", b"change_me", b"insecure", b"example")
_MIN_LENGTH = 32
# About one of 28 million random secrets of 32 hexadecimal digits has fewer than 8 distinct digits.
_MIN_DISTINCT = 8


def is_guessable(secret: bytes) -> bool:
    """Return whether *secret* is too short without common words, or follows a pattern.

    Patterns are repetition, few distinct characters, and runs through the alphabet. True means that
    the secret is weak. False does not mean that the secret is strong. Random secrets of at least 32
    bytes, hexadecimal digits or base64 characters are practically never reported.
    """
    return (
        secret.startswith(_MARK)
        or _is_worded(secret)
        or len(set(secret)) < _MIN_DISTINCT
        or len({after - before for before, after in pairwise(secret)}) < _MIN_DISTINCT
        or _repeats(secret)
    )


def _is_worded(secret: bytes) -> bool:
    rest = secret.lower()
    for word in _WORDS:
        rest = rest.replace(word, b"")
    return len(rest) < _MIN_LENGTH


def _repeats(secret: bytes) -> bool:
    """Return whether *secret* repeats a substring, perhaps with an incomplete last repetition."""
    return any(secret[size:] == secret[:-size] for size in range(1, len(secret) // 2 + 1))
