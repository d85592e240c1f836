"""``python -m tests.campaigns.crash``: kills, stops and database errors, as often as asked."""

from __future__ import annotations

import argparse
import random
import sys
from collections.abc import Callable
from pathlib import Path
from urllib.parse import SplitResult

from tests.campaigns.crash import cluster
from tests.campaigns.crash.report import Row, say, table
from tests.campaigns.crash.running import alone
from tests.support import databases, servers, skips

DATABASES = ("sqlite", "postgresql", "mariadb")
PARTS = ("kills", "stops", "faults")

DESCRIPTION = """\
Kill the application process, stop PostgreSQL, and let each statement of each request fail; and
look whether every client goes on with the last token that it holds.

  kills   kill -9 of the process in the midst of refreshes
  stops   immediate stop of a PostgreSQL of its own, which is made by initdb in a temporary folder
  faults  each fault at each statement of each request, in HTTP; then the same request once more
"""
EPILOG = """\
The databases are those of the suite: TOKENAUTH_TEST_POSTGRESQL and TOKENAUTH_TEST_MARIADB say
where they are, and the tables are made in a database of its own there (test_tokenauth_crash) that
is dropped afterwards. Exit code: 0 if nothing was wrong, 1 if anything was, and with CI set also if
something was left out.
"""


def main(arguments: list[str]) -> int:
    asked = _parser().parse_args(arguments)
    skips.forget()
    say(f"Seed {asked.seed}: the same one waits as long before each kill and stop.")
    parts = asked.only or PARTS
    rows: list[Row] = []
    complete = True
    for database in (asked.database or DATABASES) if {"kills", "faults"} & set(parts) else ():
        if not _answers(database):
            complete = False
            continue
        environment = {"DATABASE": database}
        if "kills" in parts:
            rows += alone(
                "tests.campaigns.crash.kills", "rows", environment, asked.kills, asked.seed
            )
        if "faults" in parts:
            rows += alone("tests.campaigns.crash.statements", "rows", environment)
    if "stops" in parts:
        programs = cluster.programs()
        if programs is None:
            skips.note("the stops of PostgreSQL, for want of initdb and pg_ctl")
            complete = False
        else:
            rows += _stops(programs, asked.stops, asked.seed)
    say(f"\n{table(rows)}\n")
    wrong = sum(len(row.wrong) for row in rows)
    say(f"{wrong} wrong. Seed {asked.seed}.")
    return int(wrong > 0 or not rows or (skips.in_ci() and not complete))


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
        help="where to kill and to fail; may be given again (default: all that answer)",
    )
    parser.add_argument(
        "--only",
        action="append",
        choices=PARTS,
        help="a part to run; may be given again (default: all three)",
    )
    parser.add_argument(
        "--kills", type=int, default=200, help="how often, on each database (default: %(default)s)"
    )
    parser.add_argument(
        "--stops",
        type=int,
        default=20,
        help="how often with synchronous_commit on, and as often with off (default: %(default)s)",
    )
    parser.add_argument(
        "--seed", type=int, default=random.SystemRandom().randrange(10**6), help="of an earlier run"
    )
    return parser


def _answers(database: str) -> bool:
    known: dict[str, tuple[str, SplitResult, Callable[[], str]]] = {
        "postgresql": ("PostgreSQL", servers.postgresql(), databases.postgresql_version),
        "mariadb": ("MariaDB", servers.mariadb(), databases.mariadb_version),
    }
    return database not in known or databases.answers(*known[database])


def _stops(programs: Path, times: int, seed: int) -> list[Row]:
    """Half of them with connections that are checked before their use, and half without."""
    plans = [
        cluster.Plan(number, may_lose, health_checks)
        for may_lose in (False, True)
        for number, health_checks in ((times - times // 2, False), (times // 2, True))
        if number
    ]
    with cluster.cluster(programs) as ours:
        environment = {"DATABASE": "postgresql", "TOKENAUTH_TEST_POSTGRESQL": ours.url}
        return alone(
            "tests.campaigns.crash.stops", "stop_often", environment, ours, plans, seed, False
        )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
