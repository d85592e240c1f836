"""The clock for reading and writing sessions."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

#: A function that returns the current time in UTC.
Clock = Callable[[], datetime]


def utc_now() -> datetime:
    """Return the current time in UTC.

    ``timezone.now()`` returns a local time without ``tzinfo`` if ``USE_TZ`` is ``False``.
    """
    return datetime.now(UTC)
