"""``kill -9`` of the application process in the midst of refreshes: the short version."""

from __future__ import annotations

import pytest

from tests.campaigns.crash.kills import kill_often

KILLS = 4
ATTEMPTS = 10


@pytest.mark.promise(9)
@pytest.mark.attack(135)
@pytest.mark.django_db(transaction=True)
def test_a_killed_process_costs_nobody_the_session(alice, bob):
    # A process that is quick answers all that is under way before it dies: then once more.
    for seed in range(1, ATTEMPTS + 1):
        row = kill_often(KILLS, seed=seed, devices=4, silent=True)
        assert row.wrong == []
        assert row.times == KILLS
        assert row.figures["requests under way when killed"] >= KILLS
        if any(count for what, count in row.figures.items() if what.endswith(": 0")):
            return
    pytest.fail("No answer was lost.")
