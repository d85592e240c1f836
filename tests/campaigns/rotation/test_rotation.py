"""A rotation under load: the short version."""

from __future__ import annotations

import pytest
from django.db import connection

from tests.campaigns.rotation.result import faults, table
from tests.campaigns.rotation.rotating import Plan, rotate

WORKERS = 3
# The next key is published so much earlier than others need that a slow machine does not decide.
PLAN = Plan(
    seconds=0,
    rate=50,
    workers=WORKERS,
    end="retire",
    delay=10,
    max_age=2,
    lifetime=300,
    keep=2,
    notice=60,
    silent=True,
)


@pytest.mark.promise(22)
@pytest.mark.attack(167)
@pytest.mark.skipif(connection.vendor != "sqlite", reason="has its own database, and takes a while")
def test_a_rotation_under_load_fails_no_request_and_each_process_takes_part(tmp_path):
    run = rotate(PLAN, tmp_path)
    print(table(run))  # noqa: T201
    assert faults(run) == []
    assert len(run.watches) == WORKERS + 1
    assert all(consumer.verified for consumer in run.load.consumers)
