"""What the page on growth says of a replica, and of what people are assumed to do."""

from __future__ import annotations

from benchmarks.sizing_load import Machines
from benchmarks.sizing_model import Habits
from tests.support.documents import DOCS, section
from tests.support.scenarios.running import outcome_of

PAGE = DOCS / "scaling.rst"


def test_a_session_that_a_replica_has_not_seen_is_refused_until_it_has(tmp_path):
    outcome = outcome_of(
        "tests.support.scenarios.scaling.scenario",
        "tests.support.scenarios.two_databases.settings",
        DATABASE_FOLDER=str(tmp_path),
    )
    assert outcome == [401, 200, 401, 200]


def test_the_page_tells_the_habits_that_are_assumed():
    text = " ".join(section(PAGE, "How much of it").text.split())
    assert (
        "each of a user's two devices is used on three days of ten, four times and for an hour "
        "in all, with two requests a minute, and one such day of a hundred ends with a sign-out"
    ) in text
    assert "three times the average. Processors are half busy" in text
    assert "a machine of the database has 16" in text
    habits, machines = Habits(), Machines()
    assert (habits.sessions_per_user, habits.daily_share, habits.openings) == (2, 0.3, 4)
    assert (habits.active_hours, habits.requests_per_minute_active) == (1, 2)
    assert habits.sign_out_share == 0.01
    assert (machines.peak_factor, machines.most_busy, machines.database_processors) == (3, 0.5, 16)
