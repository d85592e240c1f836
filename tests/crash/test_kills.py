"""``kill -9`` of the application process in the midst of refreshes: the short version."""

from __future__ import annotations

import pytest

from tests.crash.kills import kill_often

KILLS = 4


@pytest.mark.attack(135)
@pytest.mark.django_db(transaction=True)
def test_a_killed_process_costs_nobody_the_session(alice, bob):
    row = kill_often(KILLS, seed=1, devices=4, silent=True)
    assert row.wrong == []
    assert row.times == KILLS
    assert row.figures["requests under way when killed"] >= KILLS
    # Answers were lost.
    assert sum(count for what, count in row.figures.items() if what.endswith(": 0")) > 0
