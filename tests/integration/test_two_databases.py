"""Sessions in a separate database with a lagging replica, in a separate process."""

from __future__ import annotations

from tests.support.scenarios.running import run_scenario


def test_services_that_change_sessions_read_the_primary(tmp_path):
    outcome = run_scenario(
        "tests.support.scenarios.two_databases.scenario",
        "tests.support.scenarios.two_databases.settings",
        DATABASE_FOLDER=str(tmp_path),
    )
    assert outcome == {
        "tables of default": [],
        "refresh": [200] * 6,
        "reuse": [400, 400, 1],
        "authenticated request": [200, 401],
        "sign-out": [204, 204, 200, 400, 400, 400],
        "new password": [400],
        "session limit": 3,
        "pruning at sign-in": 0,
        "pruning in batches": [2, 1],
    }
