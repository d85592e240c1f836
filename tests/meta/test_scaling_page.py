"""docs/scaling.rst states the assumptions of the sizing and the effect of a replica."""

from __future__ import annotations

from benchmarks.sizing import Assumptions
from tests.support.documents import DOCS, section
from tests.support.scenarios.running import run_scenario

PAGE = DOCS / "scaling.rst"


def test_token_is_rejected_if_the_replica_lacks_its_session(tmp_path):
    outcome = run_scenario(
        "tests.support.scenarios.scaling.scenario",
        "tests.support.scenarios.two_databases.settings",
        DATABASE_FOLDER=str(tmp_path),
    )
    assert outcome == [401, 200, 401, 200]


def test_scaling_page_states_the_assumptions_of_the_sizing():
    text = " ".join(section(PAGE, "Sizing").text.split())
    given = Assumptions()
    days = f"{given.daily_share * 10:g} days of 10"
    requests = f"{given.requests_per_minute:g} requests per minute"
    for sentence in (
        f"Assume that each of a user's {given.devices_per_user} devices is used on {days}.",
        f"opened {given.openings} times, for an hour in all, and sends {requests} while open.",
        "One day of use in 100 ends with a sign-out.",
        f"At the peak, {given.peak_factor:g} times the average, processors are half busy.",
        f"A database machine has {given.database_processors} processors.",
    ):
        assert sentence in text
    assert (given.active_hours, given.sign_out_share, given.max_utilization) == (1, 0.01, 0.5)
