"""Tokens of one tenant are rejected at another, in a separate process for each project."""

from __future__ import annotations

import os
from importlib import import_module

import pytest
from django.db import connection

from tests.support import servers
from tests.support.scenarios.running import run_scenario

TENANTS = "tests.support.scenarios.tenants"
ACCEPTED, REJECTED = [200, 200, 204, 200], [401] * 4
RESULTS = {
    "cross_tenants": [ACCEPTED, REJECTED, 400, ACCEPTED, 200],
    "copied_rows": [REJECTED, 400, ACCEPTED],
    "count_statements": [1, 0, 2],
    "see_sign_outs_of_the_own_tenant": [200, 401] * 2,
    "switch_in_threads": [[200, 200, 401, 401]],
    "throttle_each_tenant": [*[400] * 5, 429, 400],
    "change_password": [REJECTED, ACCEPTED],
    "run_commands": [[401, 401], [200, 200], 0, True],
    "run_task": [[True, False], [200, 200], [401, 401]],
}
PROJECTS = ("constants", "issuer", "audience")


def test_token_of_tenant_is_rejected_in_another_database(tmp_path):
    results = run_scenario(
        f"{TENANTS}.databases_scenario",
        f"{TENANTS}.databases_settings",
        DATABASE_FOLDER=str(tmp_path),
    )
    assert results == {
        **dict.fromkeys(PROJECTS, RESULTS),
        "commands": {
            "token": 200,
            "session": [True, False],
            "revoke": [401, 200],
            "prune": [2, 0],
        },
        "commits": [0, 0],
    }


@pytest.fixture
def database_name():
    """Create a database of PostgreSQL and yield its name."""
    # Environments with SQLite only have no driver.
    psycopg = import_module("psycopg")
    name, url = f"tokenauth_tenants_{os.getpid()}", servers.postgresql()
    with psycopg.connect(url._replace(path="/postgres").geturl(), autocommit=True) as administrator:
        administrator.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
        administrator.execute(f"CREATE DATABASE {name}")
        yield name
        administrator.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.mark.database
@pytest.mark.skipif(connection.vendor != "postgresql", reason="schemas need PostgreSQL")
def test_token_of_tenant_is_rejected_in_another_schema(database_name):
    results = run_scenario(
        f"{TENANTS}.schemas_scenario",
        f"{TENANTS}.schemas_settings",
        DATABASE_NAME=database_name,
    )
    assert results == {
        **dict.fromkeys(PROJECTS, RESULTS),
        "checks": [["tokenauth.W029"], [], []],
        "commands": [[401, 200], [0, 0]],
        "re-created": [401, 400, ACCEPTED],
    }
