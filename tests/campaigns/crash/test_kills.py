"""``kill -9`` of the application process during refreshes: the short form."""

from __future__ import annotations

import pytest

from tests.campaigns.crash.kills import kill_often

KILLS = 4
ATTEMPTS = 10


@pytest.mark.promise(9)
@pytest.mark.attack(135)
@pytest.mark.django_db(transaction=True)
def test_killed_process_loses_no_session(alice, bob):
    # A fast process answers all pending requests before it ends, so the kills are repeated.
    for seed in range(1, ATTEMPTS + 1):
        row = kill_often(KILLS, seed=seed, devices=4, silent=True)
        assert row.errors == []
        assert row.runs == KILLS
        assert row.figures["pending requests at the kill"] >= KILLS
        if any(count for name, count in row.figures.items() if name.endswith(": 0")):
            return
    pytest.fail("No response was lost.")
