"""Immediate stops of PostgreSQL under load: the short version, with a cluster of its own."""

from __future__ import annotations

import pytest
from django.db import connection

from tests.campaigns.crash import cluster
from tests.campaigns.crash.running import alone
from tests.support import skips

STOPS = 1
ATTEMPTS = 5

pytestmark = pytest.mark.skipif(
    connection.vendor != "postgresql", reason="stops PostgreSQL: see the run on that"
)


@pytest.fixture
def programs():
    found = cluster.programs()
    if found is None:
        if skips.in_ci():
            pytest.fail("initdb and pg_ctl of PostgreSQL are missing")
        skips.note(what := "the stops of PostgreSQL, for want of initdb and pg_ctl")
        pytest.skip(what)
    return found


@pytest.mark.promise(9)
@pytest.mark.attack(135)
def test_a_database_that_stops_costs_nobody_the_session(programs):
    plans = [
        cluster.Plan(STOPS, may_lose=False, health_checks=False),
        cluster.Plan(STOPS, may_lose=True, health_checks=True),
    ]
    # A stop in a moment in which all was written has nothing to lose: then once more.
    for seed in range(1, ATTEMPTS + 1):
        with cluster.cluster(programs) as ours:
            environment = {"DATABASE": "postgresql", "TOKENAUTH_TEST_POSTGRESQL": ours.url}
            rows = alone(
                "tests.campaigns.crash.stops", "stop_often", environment, ours, plans, seed, True
            )
        stored, lost = rows
        assert (stored.wrong, lost.wrong) == ([], [])
        assert (stored.times, lost.times) == (STOPS, STOPS)
        # Each device that slept has found its connection dead, or a live one.
        assert stored.figures["503 at first after sleep"] == 4 * STOPS
        assert lost.figures["503 at first after sleep"] == 0
        if lost.figures["rotations lost, and gone on with"]:
            return
    pytest.fail("No stop lost a rotation: that they go on was not shown.")
