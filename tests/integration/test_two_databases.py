"""Sessions in a database of their own, with a copy to read from: in a process of its own."""

from __future__ import annotations

from tests.support.scenarios.running import outcome_of


def test_what_decides_is_read_where_it_is_written(tmp_path):
    outcome = outcome_of(
        "tests.support.scenarios.two_databases.scenario",
        "tests.support.scenarios.two_databases.settings",
        DATABASE_FOLDER=str(tmp_path),
    )
    assert outcome == {
        "tables of default": [],
        "refreshed": [200] * 6,
        "reused": [400, 400, 1],
        "used": [200, 401],
        "signed out": [204, 204, 200, 400, 400, 400],
        "new password": [400],
        "too many": 3,
        "pruned": 0,
        "pruned in batches": [2, 1],
    }
