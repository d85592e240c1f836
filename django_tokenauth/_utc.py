"""Conversion of times to UTC, for any ``USE_TZ`` and ``TIME_ZONE``.

Local times repeat when clocks are set back, so the order of two local times can be ambiguous.
"""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from django.conf import settings


def as_utc(moment: datetime) -> datetime:
    """Return *moment* in UTC.

    A *moment* without ``tzinfo`` is a local time in ``TIME_ZONE``, like ``datetime.now()``. In the
    hour that repeats when clocks are set back, ``fold=1`` means the second occurrence (PEP 495).
    """
    if moment.utcoffset() is None:
        moment = moment.replace(tzinfo=ZoneInfo(settings.TIME_ZONE))
    return moment.astimezone(UTC)
