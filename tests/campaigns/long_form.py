"""The long form of a campaign that consists of tests with random rounds.

It runs the tests that use the fixture ``progress``, in one process for each database, and makes a
row of the table from each.
"""

from __future__ import annotations

import argparse
import logging
import multiprocessing
import os
import random
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from importlib import import_module
from pathlib import Path
from typing import Any
from urllib.parse import SplitResult

import pytest
from django.db import connection

from tests.campaigns.crash.report import Progress, Row, print_line
from tests.support import servers, skips

DATABASES = ("sqlite", "postgresql", "mariadb")
#: Options of pytest on all databases but the first.
_ON_OTHERS = ["-m", "database and not redis"]


class LongForm:
    """A plugin of pytest that collects a row from each test with the fixture ``progress``."""

    def __init__(self) -> None:
        self.rows: list[Row] = []

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        items[:] = [item for item in items if "progress" in getattr(item, "fixturenames", ())]

    def start(self, title: str, database: str, rounds: int) -> Progress:
        """Add a row and return its progress."""
        row = Row(title, database)
        self.rows.append(row)
        return Progress(row, rounds)

    @pytest.hookimpl(tryfirst=True)
    def pytest_report_teststatus(self, report: pytest.TestReport) -> tuple[str, str, str]:
        # No dots between the lines of the progress.
        return report.outcome, "", ""

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if not report.failed:
            return
        print_line(f"\n{report.longreprtext}")
        crash = getattr(report.longrepr, "reprcrash", None)
        error = str(getattr(crash, "message", report.longreprtext)).splitlines()[0]
        if report.when == "setup" or not self.rows:
            self.rows.append(Row(report.nodeid.rpartition("/")[2], ""))
        self.rows[-1].errors.append(error)


@pytest.fixture
def progress(request: pytest.FixtureRequest) -> Callable[[str, int], Progress]:
    """Return the function that starts a row of the table: of a title and a number of rounds.

    The test calls ``step()`` of the result after each round. In the suite, nothing is printed.
    """
    plugins = request.config.pluginmanager.get_plugins()
    plugin = next((each for each in plugins if isinstance(each, LongForm)), None)
    has_database = request.node.get_closest_marker("database") is not None

    def start(title: str, rounds: int) -> Progress:
        database = connection.display_name if has_database else ""
        if plugin is None:
            return Progress(Row(title, database), rounds, silent=True)
        return plugin.start(title, database, rounds)

    return start


def main(
    arguments: Sequence[str],
    folder: Path,
    *,
    description: str,
    epilog: str,
    rounds: int,
    rounds_are: str,
    variables: tuple[str, str],
    table: Callable[[list[Row]], str],
) -> int:
    """Run the command of the campaign in *folder* and return its exit code.

    *variables* are the names of the environment variables for the number of rounds and the seed.
    """
    parser = argparse.ArgumentParser(
        f"python -m tests.campaigns.{folder.name}",
        description=description,
        epilog=epilog,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--database",
        action="append",
        choices=DATABASES,
        help="database to use; can be repeated (default: all available)",
    )
    parser.add_argument(
        "--rounds", type=int, default=rounds, help=f"{rounds_are} (default: %(default)s)"
    )
    parser.add_argument(
        "--seed",
        type=int,
        default=random.SystemRandom().randrange(10**6),
        help="seed of an earlier run",
    )
    options = parser.parse_args(arguments)
    skips.clear_notes()
    print_line(f"Seed {options.seed}: it determines the random choices.")
    names = options.database or list(DATABASES)
    reachable = available(names)
    values = (str(options.rounds), str(options.seed))
    rows = run(folder, reachable, dict(zip(variables, values, strict=True)))
    print_line(f"\n{table(rows)}\n")
    errors = sum(len(row.errors) for row in rows)
    print_line(f"{sum(row.runs for row in rows)} rounds, {errors} errors. Seed {options.seed}.")
    return int(errors > 0 or not rows or (skips.in_ci() and reachable != names))


def run(folder: Path, names: Sequence[str], environment: Mapping[str, str]) -> list[Row]:
    """Run the tests in *folder* on the databases *names* at the same time. Return their rows.

    Most of the time, the tests wait for delays and for the database. Tests that touch no database
    run on the first only. *environment* has their options.
    """
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(len(names), mp_context=spawn, max_tasks_per_child=1) as pool:
        runs = [
            pool.submit(_run, folder, name, dict(environment), _ON_OTHERS if number else [])
            for number, name in enumerate(names)
        ]
        return [row for run in runs for row in run.result()]


def available(names: Sequence[str]) -> list[str]:
    """Return those of the databases *names* that are reachable, and note the others."""
    if set(names) == {"sqlite"}:
        return list(names)
    # It imports the drivers of the servers, which a run on SQLite does not need.
    databases: Any = import_module("tests.support.databases")
    checks: dict[str, tuple[str, SplitResult, Callable[[], str]]] = {
        "postgresql": ("PostgreSQL", servers.postgresql(), databases.postgresql_version),
        "mariadb": ("MariaDB", servers.mariadb(), databases.mariadb_version),
    }
    return [name for name in names if name not in checks or databases.is_reachable(*checks[name])]


def _run(folder: Path, database: str, environment: dict[str, str], options: list[str]) -> list[Row]:
    os.environ.update(environment, DATABASE=database)
    # The suite may use its test database at the same time.
    for variable, url in (
        ("TOKENAUTH_TEST_POSTGRESQL", servers.postgresql()),
        ("TOKENAUTH_TEST_MARIADB", servers.mariadb()),
    ):
        name = url.path.strip("/") or "tokenauth"
        os.environ[variable] = url._replace(path=f"/{name}_{folder.name}").geturl()
    # The log lines of rejected requests would hide the progress.
    logging.getLogger("django_tokenauth").addHandler(logging.NullHandler())
    plugin = LongForm()
    quiet = ["-s", "-qq", "--no-header", "--no-summary", "-p", "no:randomly"]
    code = pytest.main([str(folder), *quiet, *options], plugins=[plugin])
    if code not in (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED):
        plugin.rows.append(Row(f"pytest ended with {code}", database, errors=["see above"]))
    return plugin.rows
