"""A fixed time, and times after it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)


def after(**duration: float) -> datetime:
    """Return the time this long after ``NOW``, as in ``after(seconds=10)``."""
    return NOW + timedelta(**duration)
