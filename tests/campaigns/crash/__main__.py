"""``python -m tests.campaigns.crash``: the long form of the crash tests."""

from __future__ import annotations

import argparse
import random
import sys
from collections.abc import Callable
from pathlib import Path
from urllib.parse import SplitResult

from tests.campaigns.crash import cluster
from tests.campaigns.crash.report import Row, print_line, table
from tests.campaigns.crash.running import run_in_process
from tests.support import databases, servers, skips

DATABASES = ("sqlite", "postgresql", "mariadb")
PARTS = ("kills", "stops", "faults")

DESCRIPTION = """\
Kill the application process, stop PostgreSQL, and make each statement of each request fail. Check
that every client can continue with its last token.

  kills   kill -9 of the process during refreshes
  stops   immediate stops of a temporary PostgreSQL server, created by initdb
  faults  each fault at each statement of each request, and a repeated request
"""
EPILOG = """\
The database servers are those of the suite, at TOKENAUTH_TEST_POSTGRESQL and
TOKENAUTH_TEST_MARIADB. The command creates the database test_tokenauth_crash and drops it at the
end. The exit code is 0 without errors and 1 with errors. If CI is set, a skipped part is an error.
"""


def main(arguments: list[str]) -> int:
    options = _parser().parse_args(arguments)
    skips.clear_notes()
    print_line(f"Seed {options.seed}: it determines the delays before the kills and stops.")
    parts = options.only or PARTS
    rows: list[Row] = []
    complete = True
    for database in (options.database or DATABASES) if {"kills", "faults"} & set(parts) else ():
        if not _is_available(database):
            complete = False
            continue
        environment = {"DATABASE": database}
        if "kills" in parts:
            rows += run_in_process(
                "tests.campaigns.crash.kills", "rows", environment, options.kills, options.seed
            )
        if "faults" in parts:
            rows += run_in_process("tests.campaigns.crash.statements", "rows", environment)
    if "stops" in parts:
        binaries = cluster.find_binaries()
        if binaries is None:
            skips.note("the stops of PostgreSQL: initdb and pg_ctl are missing")
            complete = False
        else:
            rows += _stops(binaries, options.stops, options.seed)
    print_line(f"\n{table(rows)}\n")
    errors = sum(len(row.errors) for row in rows)
    print_line(f"{errors} errors. Seed {options.seed}.")
    return int(errors > 0 or not rows or (skips.in_ci() and not complete))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        "python -m tests.campaigns.crash",
        description=DESCRIPTION,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--database",
        action="append",
        choices=DATABASES,
        help="database of the kills and faults; can be repeated (default: all available)",
    )
    parser.add_argument(
        "--only",
        action="append",
        choices=PARTS,
        help="part to run; can be repeated (default: all three)",
    )
    parser.add_argument(
        "--kills", type=int, default=200, help="kills on each database (default: %(default)s)"
    )
    parser.add_argument(
        "--stops",
        type=int,
        default=20,
        help="stops with synchronous_commit on, and with off (default: %(default)s)",
    )
    parser.add_argument(
        "--seed",
        type=int,
        default=random.SystemRandom().randrange(10**6),
        help="seed of an earlier run",
    )
    return parser


def _is_available(database: str) -> bool:
    checks: dict[str, tuple[str, SplitResult, Callable[[], str]]] = {
        "postgresql": ("PostgreSQL", servers.postgresql(), databases.postgresql_version),
        "mariadb": ("MariaDB", servers.mariadb(), databases.mariadb_version),
    }
    return database not in checks or databases.is_reachable(*checks[database])


def _stops(binaries: Path, stops: int, seed: int) -> list[Row]:
    """Run the stops, half of them with health checks of the connections."""
    plans = [
        cluster.Plan(number, may_lose, health_checks)
        for may_lose in (False, True)
        for number, health_checks in ((stops - stops // 2, False), (stops // 2, True))
        if number
    ]
    with cluster.cluster(binaries) as server:
        environment = {"DATABASE": "postgresql", "TOKENAUTH_TEST_POSTGRESQL": server.url}
        return run_in_process(
            "tests.campaigns.crash.stops", "stop_often", environment, server, plans, seed, False
        )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
