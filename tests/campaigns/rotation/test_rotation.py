"""A rotation under load: the short form."""

from __future__ import annotations

import pytest
from django.db import connection

from tests.campaigns.rotation.result import find_errors, table
from tests.campaigns.rotation.rotating import Plan, rotate

WORKERS = 3
# The new key is published early enough for the caches of a slow machine.
PLAN = Plan(
    seconds=0,
    rate=20,
    workers=WORKERS,
    removal="retire",
    delay=10,
    max_age=2,
    lifetime=300,
    use_time=2,
    maximum_delay=60,
    silent=True,
)


@pytest.mark.promise(22)
@pytest.mark.attack(167)
@pytest.mark.skipif(connection.vendor != "sqlite", reason="The test has its own database.")
def test_key_rotation_under_load_causes_no_failed_request(tmp_path):
    run = rotate(PLAN, tmp_path)
    print(table(run))  # noqa: T201
    assert find_errors(run) == []
    assert len(run.monitors) == WORKERS + 1
    assert all(consumer.verified_count for consumer in run.load.consumers)
