"""Counters in one of Django's caches, which all processes share.

Each cache has its own exceptions. An error is logged and reported as ``None``: a failed cache must
not lock out all users.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

from django.core.cache import caches

logger = logging.getLogger("django_tokenauth")


class Counters:
    """The counters of one action, such as ``"sign-in"``, in the cache *alias*."""

    def __init__(self, alias: str, action: str) -> None:
        self._cache = caches[alias]
        self._action = action

    def increment(self, key: str, seconds: int) -> int | None:
        """Add one and return the count. A new counter lasts *seconds*."""
        count = self._call(self._incr, key, seconds)
        if count is not None:
            # Some caches implement incr() with set() and their default timeout.
            self._call(self._cache.touch, key, seconds, effect="can expire early")
        return count

    def decrement(self, key: str) -> int | None:
        """Subtract one and return the count."""
        return self._call(self._cache.decr, key, effect="stay counted")

    def read(self, key: str) -> int | None:
        """Return the count, which is zero for a missing counter."""
        return self._call(self._cache.get, key, 0)

    def start(self, key: str, count: int, seconds: int) -> int | None:
        """Set a counter that does not exist, for *seconds*. Return whether it was set."""
        return self._call(self._cache.add, key, count, seconds)

    def delete(self, key: str) -> int | None:
        """Delete a counter. Return whether it existed."""
        return self._call(self._cache.delete, key, effect="stay counted")

    def _incr(self, key: str, seconds: int) -> Any:
        self._cache.add(key, 0, seconds)
        return self._cache.incr(key)

    def _call(
        self, operation: Callable[..., Any], *arguments: Any, effect: str = "are not throttled"
    ) -> int | None:
        try:
            result = operation(*arguments)
        except Exception as error:  # noqa: BLE001
            kind = type(error).__name__
        else:
            if isinstance(result, int):
                return result
            kind = f"{type(result).__name__} instead of a number"
        logger.error("cache error (%s): %ss %s", kind, self._action, effect)
        return None
