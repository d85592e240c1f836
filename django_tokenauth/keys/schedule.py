"""The schedule of keys: which key signs and which keys verify at a given time.

Keys are values with a start and an expiry, so a rotation needs no restart. Every process loads the
next key in advance and starts to sign with the next key at the ``nbf`` of that key.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Protocol

from ..conf.settings import HMAC_ALGORITHMS
from ..errors import InvalidKey
from .loading import Key


@dataclass(frozen=True, slots=True, eq=False)
class KeySet:
    """The keys of one issuer by ``kid``: at most one key signs, and all keys verify."""

    signing: Key | None
    verifying: Mapping[str, Key]


class KeySource(Protocol):
    """A source of key sets."""

    def at(self, now: float) -> KeySet:
        """Return the keys at *now* (seconds since the epoch).

        The method returns the same object until the keys change.
        """


def make_key_set(signing: Key | None, verifying: Iterable[Key]) -> KeySet:
    """Return a key set of the *verifying* keys, with *signing* as the signing key.

    Raises :class:`InvalidKey` for two keys with the same ``kid``, and for secrets beside key pairs.
    In a mixed key set, an attacker could use a public key as a secret (RFC 8725 section 2.1).
    """
    by_kid: dict[str, Key] = {}
    for key in verifying:
        if key.kid in by_kid:
            raise InvalidKey(
                "Two keys have the same kid.",
                "Give each key its own kid, or omit the kid: it is then derived from the key.",
                check_id="E003",
            )
        by_kid[key.kid] = key
    if len({key.algorithm in HMAC_ALGORITHMS for key in by_kid.values()}) > 1:
        raise InvalidKey(
            "Secrets (HS256, HS384, HS512) and key pairs are in one key set.",
            "Set ALGORITHM and SIGNING_KEY for one family and remove the keys of the other.",
            check_id="E001",
        )
    return KeySet(signing, MappingProxyType(by_kid))


class KeySchedule:
    """A fixed collection of keys as a :class:`KeySource`.

    Of the unexpired keys in *signers* that can sign, the key with the latest past ``not_before``
    signs. A key verifies until it expires. Keys that do not sign yet verify too, because the clock
    of another server may be ahead. *verifiers* never sign. Raises :class:`InvalidKey` as
    :func:`make_key_set` does.
    """

    def __init__(self, signers: Iterable[Key], verifiers: Iterable[Key] = ()) -> None:
        signers = list(signers)
        self._signers = [key for key in signers if key.can_sign]
        # The keys are published in the order in which they sign.
        self._all = (*sorted(signers, key=lambda key: key.not_before), *verifiers)
        make_key_set(None, self._all)
        # The times at which the key set changes.
        self._changes = sorted(
            {key.not_before for key in self._signers}
            | {key.expires_at for key in self._all if key.expires_at is not None}
        )
        self._sets: dict[int, KeySet] = {}

    def has_gaps(self, now: float) -> bool:
        """Return whether there is a time from *now* on at which no key signs."""
        times = [now, *(time for time in self._changes if time > now)]
        return any(self.at(time).signing is None for time in times)

    def at(self, now: float) -> KeySet:
        """Return the keys at *now*: see :class:`KeySource`."""
        index = bisect_right(self._changes, now)
        return self._sets.get(index) or self._sets.setdefault(index, self._build(now))

    def _build(self, now: float) -> KeySet:
        ready = [key for key in self._signers if key.not_before <= now and not key.has_expired(now)]
        signing = max(ready, key=lambda key: (key.not_before, key.kid), default=None)
        return make_key_set(signing, [key for key in self._all if not key.has_expired(now)])
