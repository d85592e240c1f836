"""The clock of everything that reads or writes sessions."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

#: Returns the current time in UTC.
Clock = Callable[[], datetime]


def utc_now() -> datetime:
    """Return the current time in UTC.

    ``timezone.now()`` returns a local time without ``tzinfo`` if ``USE_TZ`` is ``False``.
    """
    return datetime.now(UTC)
