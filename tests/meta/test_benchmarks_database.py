"""What is measured of PostgreSQL, and that the sizing finds in it what it looks for."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import uuid
from pathlib import Path

import pytest
from django.db import connection

import benchmarks
from benchmarks.database_rows import session_id
from benchmarks.results import table
from benchmarks.sizing_costs import OPERATIONS, WRITES, costs
from django_tokenauth.sessions import store as sessions
from tests.support.clock import NOW

pytestmark = pytest.mark.skipif(
    os.environ.get("DATABASE") != "postgresql", reason="runs with the suite on PostgreSQL"
)
ROOT = Path(benchmarks.__file__).parent.parent


@pytest.fixture(scope="module")
def figures(tmp_path_factory):
    """Of a quick run of the part."""
    file = tmp_path_factory.mktemp("figures") / "figures.json"
    ended = subprocess.run(  # noqa: S603
        [
            *(sys.executable, "-m", "benchmarks", "--quick"),
            *("--only", "database", "--json", str(file)),
        ],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return json.loads(file.read_text(encoding="utf-8"))


def test_each_operation_makes_as_many_statements_as_it_is_said_to(figures):
    first = table(figures["parts"]["database"][0])
    assert [(promise.what, promise.found) for promise in first.promises] == [
        ("statements: sign-in", 5),
        ("statements: refresh", 2),
        ("statements: request", 1),
        ("statements: sign-out", 2),
        ("statements: poll of none", 1),
        ("statements: poll of 1,000 ids", 1),
        ("statements: prune of 20 rows", 1),
    ]


def test_the_sizing_finds_all_that_it_needs(figures):
    found = costs({**figures, "quick": False})
    for times in (found.wait, found.application, found.server):
        assert set(times) == set(OPERATIONS)
        assert all(seconds > 0 for seconds in times.values())
    assert set(found.wal_warm) == set(found.wal_cold) == set(WRITES)
    # Which is more is not said: somebody else may write into the same log meanwhile.
    assert min(*found.wal_warm.values(), *found.wal_cold.values()) > 0


def test_a_row_is_larger_after_refreshes_and_there_is_only_one(figures):
    [sizes] = [
        found
        for found in map(table, figures["parts"]["database"])
        if found.title == "Size of a session with its indexes"
    ]
    new, refreshed = (row.figure.median for row in sizes.rows)
    assert 200 < new < refreshed < 10 * new


@pytest.mark.django_db
def test_rows_that_the_database_makes_have_ids_as_those_of_sign_ins():
    text, given = session_id("%s", [NOW])
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {text}", given)
        [found] = cursor.fetchone()
    assert (found.version, found.variant) == (7, uuid.RFC_4122)
    assert found.int >> 80 == sessions.new_id(NOW).int >> 80
