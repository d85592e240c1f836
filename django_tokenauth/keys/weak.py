"""Public keys that are well formed and worthless."""

from __future__ import annotations

from functools import cache
from itertools import pairwise

# The primes of the fingerprint in "The Return of Coppersmith's Attack" (CVE-2017-15361).
_PRIMES = (
    *(3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53, 59, 61, 67, 71, 73, 79, 83, 89),
    *(97, 101, 103, 107, 109, 113, 127, 131, 137, 139, 149, 151, 157, 163, 167),
)

_FIELD = 2**255 - 19
# The y coordinates of the eight points of Ed25519 whose order divides 8; of order 8 are two.
_ORDER_8 = (
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
)
_SMALL_ORDER_Y = {0, 1, _FIELD - 1, *(int.from_bytes(bytes.fromhex(y), "little") for y in _ORDER_8)}


@cache
def _powers(prime: int) -> frozenset[int]:
    return frozenset(pow(65537, exponent, prime) for exponent in range(prime - 1))


def is_roca(modulus: int) -> bool:
    """Whether an RSA modulus was made by the faulty generator of CVE-2017-15361.

    Its primes are powers of 65537 modulo a product of small primes, and so is their product; a
    sound modulus passes for one with a probability of about 2 to the minus 28 or less.
    """
    return all(modulus % prime in _powers(prime) for prime in _PRIMES)


def is_small_order(point: bytes) -> bool:
    """Whether an Ed25519 public key (32 bytes, RFC 8032 section 5.1.2) is of small order.

    With such a key one signature fits every message (RFC 8725 section 3.4).
    """
    y = int.from_bytes(point, "little") & (2**255 - 1)
    return y % _FIELD in _SMALL_ORDER_Y


#: So Django marks the keys that it writes into a new project.
_MARK = b"django-insecure-"
# What stands in secrets that people make up, or leave as they found them. As a prefix it does no
# harm: without it, a secret still has to be as long as the shortest that is allowed.
_WORDS = (b"secret", b"password", b"changeme", b"change-me", b"change_me", b"insecure", b"example")
_SHORTEST = 32
# The poorest secret that can be random is 32 hexadecimal digits, of which there are 16 kinds: it
# has fewer than 8 of them once in 28 million.
_FEWEST_KINDS = 8


def is_guessable(secret: bytes) -> bool:
    """Whether ``secret`` is little more than words that many take, or is a pattern: it repeats
    itself, is of few letters, or goes through the alphabet.

    True is meant; false says little. Random bytes, hexadecimal digits and base64 are not guessable.
    """
    return (
        secret.startswith(_MARK)
        or _is_worded(secret)
        or len(set(secret)) < _FEWEST_KINDS
        or len({after - before for before, after in pairwise(secret)}) < _FEWEST_KINDS
        or _repeats(secret)
    )


def _is_worded(secret: bytes) -> bool:
    left = secret.lower()
    for word in _WORDS:
        left = left.replace(word, b"")
    return len(left) < _SHORTEST


def _repeats(secret: bytes) -> bool:
    """Whether ``secret`` is made of one piece, at least twice; the last one may be cut."""
    return any(secret[size:] == secret[:-size] for size in range(1, len(secret) // 2 + 1))
