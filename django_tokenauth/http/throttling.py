"""Throttling of failed sign-ins, by address and by (username, address), and of wrong secrets.

A limit by username alone would let any client lock out any user. The counter of attempts is
incremented before the password check and decremented if the password is correct. Parallel guesses
therefore cannot exceed the limit, and the attempt of a killed process stays counted.
"""

from __future__ import annotations

import hashlib
import ipaddress
import logging
import random
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from django.http import HttpRequest
from rest_framework.settings import api_settings

from ..conf.settings import Settings
from ..conf.values import Rate
from ..errors import TooManyRequests
from ..sessions.tenants import current_tenant
from .counters import Counters
from .username_folding import folded

logger = logging.getLogger("django_tokenauth")


def client_address(request: HttpRequest) -> str:
    """Return the address of the client, according to REST framework's ``NUM_PROXIES``.

    *request* is a request of Django or REST framework. Without ``NUM_PROXIES``, ``X-Forwarded-For``
    is ignored, because any client can send it. Without ``NUM_PROXIES``, the result is empty if the
    server listens on a Unix socket.
    """
    proxies = api_settings.NUM_PROXIES
    forwarded = request.META.get("HTTP_X_FORWARDED_FOR", "")
    if proxies and forwarded:
        addresses = forwarded.split(",")
        return _without_port(addresses[-min(proxies, len(addresses))].strip())
    return str(request.META.get("REMOTE_ADDR", ""))


def _without_port(address: str) -> str:
    # Some proxies add the port: 192.0.2.1:1234, [2001:db8::1]:1234.
    if address.startswith("["):
        return address[1:].partition("]")[0]
    host, colon, port = address.partition(":")
    return host if colon and port.isdigit() else address


def valid_ip(address: str) -> str | None:
    """Return *address* in the form that databases accept, or ``None`` if it is not an IP
    address."""
    try:
        # An IPv6 zone (%eth0) is valid on one machine only.
        return str(ipaddress.ip_address(address.partition("%")[0]))
    except ValueError:
        return None


class SignInThrottle:
    """The counters of one sign-in attempt.

    An attempt is undecided until its password check finishes. Each limit has two counters: one of
    undecided and failed attempts, and one of failed attempts. Windows are fixed: with 20/hour, both
    counters restart at each full hour. *now* is in seconds since the epoch and defaults to the
    current time.
    """

    #: Seconds without a decided attempt after which undecided attempts count as failed.
    stalled_after = 20.0

    def __init__(
        self, settings: Settings, *, address: str, username: str, now: float | None = None
    ) -> None:
        self._counters = Counters(settings.throttle_cache, "sign-in")
        network = network_of(address)
        # The limit of the address is checked first, so that, beyond this limit, additional
        # usernames add no keys to the cache.
        self._limits = (
            (settings.sign_in_rate_ip, ("address", network)),
            (settings.sign_in_rate_user, ("user", network, folded(username))),
        )
        self._fixed_now = now
        self._acquired: list[_Window] = []
        # The last counts (failures, attempts) that a waiting attempt has read, and the time of
        # their last change.
        self._seen: tuple[int, int] | None = None
        self._since = 0.0

    def acquire(self) -> None:
        """Count one attempt. Raises :class:`TooManyRequests` if the failed attempts reach a limit.

        If the limit is reached only together with undecided attempts, wait until enough attempts
        are decided: all undecided attempts may have the correct password.
        """
        while (full := self._try_acquire()) is not None:
            self._wait(full)

    def release(self) -> None:
        """Undo :meth:`acquire`: the attempt did not fail."""
        while self._acquired:
            if self._counters.decrement(self._acquired.pop().attempts) is None:
                self._acquired.clear()

    def fail(self) -> None:
        """Count the attempt as failed, so that no other attempt waits for it."""
        while self._acquired:
            window = self._acquired.pop()
            if self._counters.increment(window.failures, window.rate.seconds) is None:
                self._acquired.clear()

    @contextmanager
    def counting(
        self, *not_checked: type[Exception], precondition: Callable[[], None] | None = None
    ) -> Iterator[None]:
        """Count the attempt as failed unless the ``with`` block succeeds or raises *not_checked*.

        *not_checked* are errors that precede the password check. Any other exception may follow the
        password check, and a client may be able to cause it. *precondition* is called before the
        ``with`` block, and its errors are not counted. Raises :class:`TooManyRequests` before the
        ``with`` block runs.
        """
        self.acquire()
        try:
            if precondition is not None:
                precondition()
        except BaseException:
            self.release()
            raise
        try:
            yield
        except not_checked:
            self.release()
            raise
        except BaseException:
            self.fail()
            raise
        self.release()

    def _try_acquire(self) -> _Window | None:
        """Count one attempt, or return the window whose limit is reached and count nothing."""
        for window in self._windows():
            count = self._counters.increment(window.attempts, window.rate.seconds)
            if count is None:
                # After a cache error, another call would wait for the same timeout.
                return None
            self._acquired.append(window)
            if count > window.rate.limit:
                # A throttled attempt does not count as a failure.
                self.release()
                return window
        return None

    def _wait(self, full: _Window) -> None:
        """Wait until the window *full* may be below its limit, or raise
        :class:`TooManyRequests`."""
        while True:
            failures = self._counters.read(full.failures)
            attempts = self._counters.read(full.attempts)
            if failures is None or attempts is None or failures >= full.rate.limit:
                break
            now = time.monotonic()
            if (failures, attempts) != self._seen:
                self._seen, self._since = (failures, attempts), now
            elif self._counters.read(full.stalled) or now - self._since > self.stalled_after:
                # The processes of the undecided attempts were killed or hang, or the cache returns
                # wrong counts.
                self._counters.increment(full.stalled, full.rate.seconds)
                break
            else:
                time.sleep(random.uniform(0.02, 0.1))  # noqa: S311
            if attempts < full.rate.limit:
                return
        logger.warning("sign-in throttled")
        raise TooManyRequests(full.retry_after(self._now()))

    def _windows(self) -> Iterator[_Window]:
        now = self._now()
        for rate, parts in self._limits:
            if rate is not None:
                yield _Window.at(now, rate, "sign_in", parts)

    def _now(self) -> float:
        return time.time() if self._fixed_now is None else self._fixed_now


@dataclass(frozen=True)
class _Window:
    """The current window of a rate, and the names of its counters in the cache."""

    rate: Rate
    attempts: str

    @classmethod
    def at(cls, now: float, rate: Rate, action: str, parts: Iterable[str]) -> _Window:
        number = int(now // rate.seconds)
        return cls(rate, f"{cache_key(action, *parts)}.{number}")

    @property
    def failures(self) -> str:
        return f"{self.attempts}.failures"

    @property
    def stalled(self) -> str:
        return f"{self.attempts}.stalled"

    def retry_after(self, now: float) -> int:
        """Return the seconds until the next window."""
        return self.rate.seconds - int(now % self.rate.seconds)


class ClientThrottle:
    """The counter of wrong client secrets, by address only.

    Generated secrets cannot be guessed, so they need no additional counter for each client.
    """

    def __init__(self, settings: Settings, *, address: str) -> None:
        self._counters = Counters(settings.throttle_cache, "client")
        self._rate = settings.sign_in_rate_ip
        self._network = network_of(address)

    def count_failure(self) -> None:
        """Count one wrong secret. Raises :class:`TooManyRequests` beyond the limit."""
        if self._rate is None:
            return
        now = time.time()
        window = _Window.at(now, self._rate, "client", ("address", self._network))
        count = self._counters.increment(window.attempts, self._rate.seconds)
        if count is not None and count > self._rate.limit:
            logger.warning("client throttled")
            raise TooManyRequests(window.retry_after(now))


def cache_key(action: str, *parts: str) -> str:
    """Return the name of a counter, which shows neither a username nor an address.

    Each tenant has its own counters: users of two tenants may have the same username.
    """
    parts = (*current_tenant(), *parts)
    digest = hashlib.sha256("\0".join(parts).encode("utf-8", "replace")).hexdigest()
    return f"django_tokenauth.{action}.{digest}"


def network_of(address: str) -> str:
    """Return the network of one client: a /64 for IPv6, the address itself for IPv4."""
    try:
        ip = ipaddress.ip_address(address)
    except ValueError:
        return address
    if isinstance(ip, ipaddress.IPv6Address) and ip.ipv4_mapped is None:
        return str(ipaddress.ip_network((ip, 64), strict=False))
    return str(getattr(ip, "ipv4_mapped", None) or ip)
