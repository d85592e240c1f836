"""Which key signs and which verify, at a given time. Pure values.

Each key may say when it begins to sign and when it stops to verify, so a rotation needs no restart:
the next key is known to everybody before its time comes, and then takes over in all processes in
the same second.
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
    """The keys of one issuer: at most one that signs, all verify, looked up by ``kid``."""

    signing: Key | None
    verifying: Mapping[str, Key]


class KeySource(Protocol):
    """Whatever tells which keys there are."""

    def at(self, now: float) -> KeySet:
        """The keys at ``now`` (seconds since the epoch). The same object while nothing changes."""


def key_set(signing: Key | None, verifying: Iterable[Key]) -> KeySet:
    """A set of ``verifying`` keys of which ``signing`` (one of them) signs.

    Raises :class:`InvalidKey` for two keys of one ``kid`` and for secrets beside asymmetric keys,
    with which a public key could be passed off as a secret (RFC 8725 section 2.1).
    """
    by_kid: dict[str, Key] = {}
    for key in verifying:
        if key.kid in by_kid:
            raise InvalidKey(
                "Two keys have the same kid.",
                "Give each key its own kid, or leave it out: then it is made from the key.",
                check_id="E003",
            )
        by_kid[key.kid] = key
    if len({key.algorithm in HMAC_ALGORITHMS for key in by_kid.values()}) > 1:
        raise InvalidKey(
            "Secrets (HS256, HS384, HS512) and asymmetric keys stand in one key set.",
            "Set ALGORITHM and SIGNING_KEY for one family and remove the keys of the other.",
            check_id="E001",
        )
    return KeySet(signing, MappingProxyType(by_kid))


class KeySchedule:
    """Keys with their times. The youngest of ``signers`` whose time has come signs.

    All verify until they end, also those that do not sign yet: another server's clock may be ahead.
    ``verifiers`` never sign. Raises :class:`InvalidKey` as :func:`key_set` does.
    """

    def __init__(self, signers: Iterable[Key], verifiers: Iterable[Key] = ()) -> None:
        signers = list(signers)
        self._signers = [key for key in signers if key.can_sign]
        # The order in which they are published: by the time from which they sign.
        self._all = (*sorted(signers, key=lambda key: key.not_before), *verifiers)
        key_set(None, self._all)
        self._moments = sorted(
            {key.not_before for key in self._signers}
            | {key.expires_at for key in self._all if key.expires_at is not None}
        )
        self._sets: dict[int, KeySet] = {}

    def gaps(self, now: float) -> bool:
        """Whether there is a time, from ``now`` on, at which no key signs."""
        moments = [now, *(moment for moment in self._moments if moment > now)]
        return any(self.at(moment).signing is None for moment in moments)

    def at(self, now: float) -> KeySet:
        """The keys at ``now``: see :class:`KeySource`."""
        place = bisect_right(self._moments, now)
        return self._sets.get(place) or self._sets.setdefault(place, self._made_for(now))

    def _made_for(self, now: float) -> KeySet:
        ready = [key for key in self._signers if key.not_before <= now and not key.has_ended(now)]
        signing = max(ready, key=lambda key: (key.not_before, key.kid), default=None)
        return key_set(signing, [key for key in self._all if not key.has_ended(now)])
