"""Immediate stops of a temporary PostgreSQL server under load: the short form."""

from __future__ import annotations

import pytest
from django.db import connection

from tests.campaigns.crash import cluster
from tests.campaigns.crash.running import run_in_process
from tests.support import skips

STOPS = 1
ATTEMPTS = 5

pytestmark = pytest.mark.skipif(
    connection.vendor != "postgresql", reason="This test stops PostgreSQL."
)


@pytest.fixture
def binaries():
    folder = cluster.find_binaries()
    if folder is None:
        if skips.in_ci():
            pytest.fail("initdb and pg_ctl of PostgreSQL are missing")
        skips.note(reason := "the stops of PostgreSQL: initdb and pg_ctl are missing")
        pytest.skip(reason)
    return folder


@pytest.mark.promise(9)
@pytest.mark.attack(135)
def test_database_stop_loses_no_session(binaries):
    plans = [
        cluster.Plan(STOPS, may_lose=False, health_checks=False),
        cluster.Plan(STOPS, may_lose=True, health_checks=True),
    ]
    # A stop after all rotations were written loses none, so it is repeated.
    for seed in range(1, ATTEMPTS + 1):
        with cluster.cluster(binaries) as server:
            environment = {"DATABASE": "postgresql", "TOKENAUTH_TEST_POSTGRESQL": server.url}
            rows = run_in_process(
                "tests.campaigns.crash.stops", "stop_often", environment, server, plans, seed, True
            )
        stored, lost = rows
        assert (stored.errors, lost.errors) == ([], [])
        assert (stored.runs, lost.runs) == (STOPS, STOPS)
        # Without health checks, each idle device finds its connection dead.
        assert stored.figures["503 after an idle time"] == 4 * STOPS
        assert lost.figures["503 after an idle time"] == 0
        if lost.figures["lost rotations"]:
            return
    pytest.fail("No stop lost a rotation, so the recovery was not tested.")
