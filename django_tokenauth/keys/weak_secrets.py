"""Secrets that are long enough and easy to guess all the same."""

from __future__ import annotations

from itertools import pairwise

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
