"""Failed sign-ins, counted by address and by (user name, address); clients by address.

Never by the name alone: then anybody could lock anybody out. An attempt takes its place before the
password is checked and gives it back if the password was right, so a crowd of parallel guesses gets
no further than one after the other.
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
    """The address of the client, by REST framework's ``NUM_PROXIES``.

    Without that setting ``X-Forwarded-For`` counts for nothing: any client can write it.
    """
    proxies = api_settings.NUM_PROXIES
    forwarded = request.META.get("HTTP_X_FORWARDED_FOR", "")
    if proxies and forwarded:
        addresses = forwarded.split(",")
        return _without_port(addresses[-min(proxies, len(addresses))].strip())
    return str(request.META.get("REMOTE_ADDR", ""))


def _without_port(address: str) -> str:
    """Some proxies write the port too: ``192.0.2.1:1234``, ``[2001:db8::1]:1234``."""
    if address.startswith("["):
        return address[1:].partition("]")[0]
    host, colon, port = address.partition(":")
    return host if colon and port.isdigit() else address


def valid_ip(address: str) -> str | None:
    """``address`` as a database takes it, or ``None`` (a socket, a broken header)."""
    try:
        # A zone (%eth0) means something on this machine only.
        return str(ipaddress.ip_address(address.partition("%")[0]))
    except ValueError:
        return None


class SignInThrottle:
    """The count of one attempt. Windows are fixed: a rate of 20/hour starts anew each hour."""

    #: What is counted, for the keys in the cache and for the log.
    counted = "sign-in"

    def __init__(
        self, settings: Settings, *, address: str, username: str, now: float | None = None
    ) -> None:
        self._cache = caches[settings.throttle_cache]
        self._now = time.time() if now is None else now
        self._counters = list(self._counters_of(settings, _network(address), username))
        self._taken: list[str] = []

    def _limits(
        self, settings: Settings, network: str, username: str
    ) -> Iterator[tuple[Rate | None, tuple[str, ...]]]:
        # The address first: once it has used up its places, new names fill the cache no further.
        yield settings.sign_in_rate_ip, ("address", network)
        yield settings.sign_in_rate_user, ("user", network, _folded(username))

    def _counters_of(
        self, settings: Settings, network: str, username: str
    ) -> Iterator[tuple[Rate, str]]:
        for rate, parts in self._limits(settings, network, username):
            if rate is not None:
                window = int(self._now // rate.seconds)
                digest = hashlib.sha256("\0".join(parts).encode("utf-8", "replace")).hexdigest()
                kind = self.counted.replace("-", "_")
                yield rate, f"django_tokenauth.{kind}.{digest}.{window}"

    def acquire(self) -> None:
        """Take a place for one attempt. Raises :class:`TooManyRequests`."""
        for rate, key in self._counters:
            count = self._ask(partial(self._count, key, rate))
            if count is None:
                # To ask once more would be to wait once more.
                return
            self._taken.append(key)
            if count > rate.limit:
                # It takes no place, so that it is no failure either.
                self.release()
                logger.warning("%s throttled", self.counted)
                raise TooManyRequests(rate.seconds - int(self._now % rate.seconds))

    def release(self) -> None:
        """The attempt was no failure: it does not count."""
        while self._taken:
            if self._ask(partial(self._cache.decr, self._taken.pop())) is None:
                self._taken.clear()

    @contextmanager
    def counting(self, failure: type[Exception]) -> Iterator[None]:
        """Hold a place around an attempt that fails by ``failure`` and by nothing else.

        Raises :class:`TooManyRequests`.
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

    def _count(self, key: str, rate: Rate) -> int:
        self._cache.add(key, 0, timeout=rate.seconds)
        count: int = self._cache.incr(key)
        # Some caches count by writing anew, for as long as they keep things by default.
        self._cache.touch(key, timeout=rate.seconds)
        return count

    def _ask(self, question: Callable[[], int]) -> int | None:
        try:
            return question()
        except Exception as fault:  # noqa: BLE001
            # Each cache raises its own kinds. People sign in without the count all the same: a
            # cache that is down must not be a way to keep everybody out.
            kind = type(fault).__name__
            logger.error("the cache did not answer (%s): %ss are not throttled", kind, self.counted)
            return None


class ClientThrottle(SignInThrottle):
    """Wrong client secrets, counted by address only.

    A count for each client protects secrets that people choose; generated ones do not need it.
    """

    counted = "client"

    def __init__(self, settings: Settings, *, address: str) -> None:
        super().__init__(settings, address=address, username="")

    def _limits(
        self, settings: Settings, network: str, username: str
    ) -> Iterator[tuple[Rate | None, tuple[str, ...]]]:
        yield settings.sign_in_rate_ip, ("address", network)


_ONE_LETTER = str.maketrans("jyv", "iiu")


def _folded(username: str) -> str:
    """``username`` without what a database may overlook: case, accents, control and format
    characters, the script of a digit, blanks at the end. And what collations for Latin (i and j, u
    and v) or Lithuanian (i and y) take for one letter."""
    letters = unicodedata.normalize("NFKD", username.casefold())
    plain = "".join(
        str(unicodedata.decimal(letter, letter))
        for letter in letters
        if not unicodedata.combining(letter) and not unicodedata.category(letter).startswith("C")
    )
    return unicodedata.normalize("NFKC", plain).casefold().translate(_ONE_LETTER).strip()


def _network(address: str) -> str:
    """The network that one client holds: for IPv6 usually all of a /64."""
    try:
        ip = ipaddress.ip_address(address)
    except ValueError:
        return address
    if isinstance(ip, ipaddress.IPv6Address) and ip.ipv4_mapped is None:
        return str(ipaddress.ip_network((ip, 64), strict=False))
    return str(getattr(ip, "ipv4_mapped", None) or ip)
