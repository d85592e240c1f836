"""Conversion of times to UTC, whatever ``USE_TZ`` and ``TIME_ZONE`` say.

Local times repeat when clocks are set back, and the order of two of them is then unknown.
"""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from django.conf import settings


def as_utc(moment: datetime) -> datetime:
    """Return *moment* in UTC.

    Without ``tzinfo`` it is a local time of ``TIME_ZONE``, as ``datetime.now()`` returns it. In the
    hour that repeats when clocks are set back, ``fold=1`` means the second pass (PEP 495).
    """
    if moment.utcoffset() is None:
        moment = moment.replace(tzinfo=ZoneInfo(settings.TIME_ZONE))
    return moment.astimezone(UTC)
