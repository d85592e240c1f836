"""Delays of sign-ins to one account after failures from any address (``SIGN_IN_DELAY_USER``).

A limit per account must not lock the user out. The delay of an account applies to each network
separately, and exempts the networks from which the user has signed in.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager

from ..conf.settings import Settings
from ..errors import TooManyRequests
from .counters import Counters
from .throttling import cache_key, network_of
from .username_folding import folded

logger = logging.getLogger("django_tokenauth")

#: Maximum number of consecutive failures of an account without a delay.
FREE_FAILURES = 10
#: Seconds without a failure after which the account has no delays.
_MEMORY = 86400
#: Seconds after the delay in which a network must use its reserved attempt.
_RESERVED_FOR = 3600


class AccountDelay:
    """The delay of one sign-in attempt.

    While an account has a delay, the first attempt from an unknown network gets 429 with the delay
    in ``Retry-After``. The 429 response reserves one attempt after the delay for that network. With
    ``FREE_FAILURES + 1`` failures, the delay is two seconds. Each additional failure doubles the
    delay, up to ``SIGN_IN_DELAY_USER``. A successful sign-in subtracts only the failures with its
    own spelling of the username, because an attacker may have an account with a similar name. If
    the cache fails, no sign-in is delayed.

    *known_addresses* returns the addresses of earlier sign-ins of the user, and is called only
    while the account has a delay.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        address: str,
        username: str,
        known_addresses: Callable[[], Collection[str]],
    ) -> None:
        longest = settings.sign_in_delay_user
        self._longest = 0 if longest is None else int(longest.total_seconds())
        self._counters = Counters(settings.throttle_cache, "sign-in")
        self._address = address
        self._username = username
        self._known_addresses = known_addresses

    def check(self) -> None:
        """Raise :class:`TooManyRequests` if the attempt must wait."""
        delay, network = self._delay(), network_of(self._address)
        if not delay or network in map(network_of, self._known_addresses()):
            return
        now, key = int(time.time()), cache_key("reserved", folded(self._username), network)
        due = self._counters.read(key)
        # If two clients of one network try at the same time, only one of them gets the reserved
        # attempt.
        if due is None or (0 < due <= now and self._counters.delete(key)):
            return
        if due > now + self._longest:
            # The delay was stored before SIGN_IN_DELAY_USER was shortened.
            self._counters.delete(key)
            due = 0
        if due <= now:
            due = now + delay
            if not self._counters.start(key, due, delay + _RESERVED_FOR):
                return
        logger.warning("sign-in delayed")
        raise TooManyRequests(due - now)

    @contextmanager
    def counting(self, *not_checked: type[Exception]) -> Iterator[None]:
        """Count an error of the ``with`` block as a failure, except the errors *not_checked*."""
        try:
            yield
        except not_checked:
            raise
        except BaseException:
            if self._longest:
                for key in (self._failures(), self._own_failures()):
                    self._counters.increment(key, _MEMORY)
            raise
        if self._longest:
            self._take_back()

    def _take_back(self) -> None:
        """Subtract the failures of this username from the count of all similar usernames."""
        own = self._counters.read(self._own_failures())
        if own and self._counters.delete(self._own_failures()):
            rest = self._counters.decrement(self._failures(), own)
            # The cache may have dropped one of the counters.
            if rest is not None and rest < 1:
                self._counters.delete(self._failures())

    def _failures(self) -> str:
        return cache_key("account", folded(self._username))

    def _own_failures(self) -> str:
        return cache_key("account.own", self._username)

    def _delay(self) -> int:
        """Return the current delay of the account, in seconds."""
        if not self._longest:
            return 0
        failures = self._counters.read(self._failures()) or 0
        doublings = min(max(failures - FREE_FAILURES, 0), 32)
        return min(2**doublings, self._longest) if doublings else 0
