"""Throttling of failed sign-ins, by address and by (username, address), and of wrong secrets.

There is no limit by username alone: with it, any client could lock out any user. A counter is
incremented before the password check and decremented on success, so parallel guesses cannot exceed
the limit.
"""

from __future__ import annotations

import hashlib
import ipaddress
import logging
import time
import unicodedata
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial

from django.core.cache import caches
from django.http import HttpRequest
from rest_framework.settings import api_settings

from ..conf.settings import Settings
from ..conf.values import Rate
from ..errors import TooManyRequests

logger = logging.getLogger("django_tokenauth")


def client_address(request: HttpRequest) -> str:
    """Return the address of the client, according to REST framework's ``NUM_PROXIES``.

    *request* is Django's or REST framework's. Without ``NUM_PROXIES``, ``X-Forwarded-For`` is
    ignored, because any client can send it. The result is empty if the server listens on a socket
    file.
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
    """Return *address* as a database accepts it, or ``None`` if it is not an IP address."""
    try:
        # A zone (%eth0) has a meaning on one machine only.
        return str(ipaddress.ip_address(address.partition("%")[0]))
    except ValueError:
        return None


class SignInThrottle:
    """The counters of one sign-in attempt.

    Windows are fixed: with 20/hour, the count starts again at each full hour. *now* is in seconds
    since the epoch.
    """

    #: The counted action, for the keys in the cache and for the log.
    action = "sign-in"

    def __init__(
        self, settings: Settings, *, address: str, username: str, now: float | None = None
    ) -> None:
        self._cache = caches[settings.throttle_cache]
        self._now = time.time() if now is None else now
        self._counters = list(self._make_counters(settings, _network(address), username))
        self._acquired: list[str] = []

    def _limits(
        self, settings: Settings, network: str, username: str
    ) -> Iterator[tuple[Rate | None, tuple[str, ...]]]:
        # The address is first: beyond its limit, other usernames add no keys to the cache.
        yield settings.sign_in_rate_ip, ("address", network)
        yield settings.sign_in_rate_user, ("user", network, _folded(username))

    def _make_counters(
        self, settings: Settings, network: str, username: str
    ) -> Iterator[tuple[Rate, str]]:
        for rate, parts in self._limits(settings, network, username):
            if rate is not None:
                window = int(self._now // rate.seconds)
                digest = hashlib.sha256("\0".join(parts).encode("utf-8", "replace")).hexdigest()
                action = self.action.replace("-", "_")
                yield rate, f"django_tokenauth.{action}.{digest}.{window}"

    def acquire(self) -> None:
        """Count one attempt. Raises :class:`TooManyRequests` beyond a limit."""
        for rate, key in self._counters:
            count = self._call_cache(partial(self._increment, key, rate))
            if count is None:
                # Another call would only wait for the same timeout.
                return
            self._acquired.append(key)
            if count > rate.limit:
                # A throttled attempt does not count as a failure.
                self.release()
                logger.warning("%s throttled", self.action)
                raise TooManyRequests(rate.seconds - int(self._now % rate.seconds))

    def release(self) -> None:
        """Undo :meth:`acquire`: the attempt did not fail."""
        while self._acquired:
            if self._call_cache(partial(self._cache.decr, self._acquired.pop())) is None:
                self._acquired.clear()

    @contextmanager
    def counting(self, failure: type[Exception]) -> Iterator[None]:
        """Count the attempt inside the ``with`` block if it raises *failure*, and only then.

        Raises :class:`TooManyRequests` before the block.
        """
        self.acquire()
        try:
            yield
        except failure:
            raise
        except BaseException:
            self.release()
            raise
        self.release()

    def _increment(self, key: str, rate: Rate) -> int:
        self._cache.add(key, 0, timeout=rate.seconds)
        count: int = self._cache.incr(key)
        # Some caches implement incr() with set() and their default timeout.
        self._cache.touch(key, timeout=rate.seconds)
        return count

    def _call_cache(self, operation: Callable[[], int]) -> int | None:
        try:
            return operation()
        except Exception as error:  # noqa: BLE001
            # Each cache has its own exceptions. Sign-ins continue unthrottled: a cache failure must
            # not lock out all users.
            kind = type(error).__name__
            logger.error("cache error (%s): %ss are not throttled", kind, self.action)
            return None


class ClientThrottle(SignInThrottle):
    """The counter of one wrong client secret, by address only.

    A count for each client protects secrets that people choose; generated ones do not need it.
    """

    action = "client"

    def __init__(self, settings: Settings, *, address: str) -> None:
        super().__init__(settings, address=address, username="")

    def _limits(
        self, settings: Settings, network: str, username: str
    ) -> Iterator[tuple[Rate | None, tuple[str, ...]]]:
        yield settings.sign_in_rate_ip, ("address", network)


_SAME_LETTERS = str.maketrans("jyv", "iiu")


def _folded(username: str) -> str:
    """Return the same string for all usernames that a database may treat as equal.

    Case, accents, control and format characters, the script of a digit and outer spaces are
    removed. Collations for Latin treat i and j, and u and v, as equal; for Lithuanian, i and y.
    """
    letters = unicodedata.normalize("NFKD", username.casefold())
    plain = "".join(
        str(unicodedata.decimal(letter, letter))
        for letter in letters
        if not unicodedata.combining(letter) and not unicodedata.category(letter).startswith("C")
    )
    return unicodedata.normalize("NFKC", plain).casefold().translate(_SAME_LETTERS).strip()


def _network(address: str) -> str:
    """Return the network of one client: a /64 for IPv6, the address itself for IPv4."""
    try:
        ip = ipaddress.ip_address(address)
    except ValueError:
        return address
    if isinstance(ip, ipaddress.IPv6Address) and ip.ipv4_mapped is None:
        return str(ipaddress.ip_network((ip, 64), strict=False))
    return str(getattr(ip, "ipv4_mapped", None) or ip)
