"""Conversion of times to UTC."""

from __future__ import annotations

import time
from datetime import UTC, datetime

import pytest

from django_tokenauth._utc import as_utc


@pytest.fixture
def _process_in_another_zone(settings, monkeypatch):
    settings.TIME_ZONE = "Asia/Seoul"
    # Django has set the zone of the process, too.
    monkeypatch.setenv("TZ", "America/New_York")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.mark.usefixtures("_process_in_another_zone")
def test_naive_datetime_is_read_in_the_time_zone_setting():
    noon = datetime(2026, 11, 23, 12)  # noqa: DTZ001
    assert as_utc(noon) == datetime(2026, 11, 23, 3, tzinfo=UTC)
    assert as_utc(noon).tzinfo is UTC
