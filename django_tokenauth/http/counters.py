"""Counters in one of Django's caches, which all processes should share.

Each cache backend raises its own exceptions. A cache error is logged and not raised, because a
failed cache must not lock out all users.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any, ClassVar

from django.core.cache import caches

logger = logging.getLogger("django_tokenauth")


_NOT_THROTTLED = "are not throttled"


class Counters:
    """The counters of one action, such as ``"sign-in"``, in the cache *alias*."""

    #: The prefix of the cache key of each counter. ``django_tokenauth.test`` sets another namespace
    #: for each test, so that tests do not throttle each other.
    namespace: ClassVar[str] = ""

    def __init__(self, alias: str, action: str) -> None:
        self._cache = caches[alias]
        self._action = action

    def increment(self, key: str, seconds: int) -> int | None:
        """Add one and return the count. The counter expires *seconds* after its last increment."""
        count = self._count(self._incr, self._name(key), seconds)
        if count is not None:
            # Some caches implement incr() with set() and their default timeout.
            self._call(self._cache.touch, self._name(key), seconds, effect="can expire early")
        return count

    def decrement(self, key: str, number: int = 1) -> int | None:
        """Subtract *number* and return the count."""
        return self._count(self._cache.decr, self._name(key), number, effect="stay counted")

    def read(self, key: str) -> int | None:
        """Return the count, which is zero for a missing counter."""
        return self._count(self._cache.get, self._name(key), 0)

    def start(self, key: str, count: int, seconds: int) -> bool:
        """Create a counter that expires after *seconds*, unless it exists. Return ``False`` only
        after a cache error."""
        return self._call(self._cache.add, self._name(key), count, seconds) is not None

    def add(self, key: str, seconds: int) -> bool | None:
        """Remember *key* for *seconds*. Return ``False`` if it is known, ``None`` after a cache
        error."""
        name, effect = self._name(key), "are rejected"
        added = self._call(self._cache.add, name, 1, seconds, effect=effect)
        # After a database error, Django's database cache returns False and has no value.
        if added is None or (
            not added and self._call(self._cache.get, name, effect=effect) is None
        ):
            return None
        return bool(added)

    def delete(self, key: str) -> bool:
        """Delete a counter. Return ``False`` only if the counter did not exist."""
        return self._call(self._cache.delete, self._name(key), effect="stay counted") is not False

    def _name(self, key: str) -> str:
        return f"{self.namespace}{key}"

    def _incr(self, key: str, seconds: int) -> Any:
        self._cache.add(key, 0, seconds)
        count: Any = self._cache.incr(key)
        if isinstance(count, int) and count < 1:
            raise ValueError("a count below one")
        return count

    def _count(
        self, operation: Callable[..., Any], *arguments: Any, effect: str = _NOT_THROTTLED
    ) -> int | None:
        count = self._call(operation, *arguments, effect=effect)
        # In Python, bool is a subclass of int.
        if isinstance(count, int) and not isinstance(count, bool):
            return count
        if count is not None:
            self._log(f"{type(count).__name__} instead of int", effect)
        return None

    def _call(
        self, operation: Callable[..., Any], *arguments: Any, effect: str = _NOT_THROTTLED
    ) -> Any:
        """Return the result of *operation*, or ``None`` after an error. A successful operation
        never returns ``None``."""
        try:
            result = operation(*arguments)
        except Exception as error:  # noqa: BLE001
            self._log(type(error).__name__, effect)
            return None
        if result is None:
            self._log("no result", effect)
        return result

    def _log(self, reason: str, effect: str) -> None:
        logger.error("cache error (%s): %ss %s", reason, self._action, effect)
