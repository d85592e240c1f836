"""A moment, and others seen from it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)


def after(**duration: float) -> datetime:
    """That long after ``NOW``: ``after(seconds=10)``."""
    return NOW + timedelta(**duration)
