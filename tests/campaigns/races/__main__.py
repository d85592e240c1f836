"""``python -m tests.campaigns.races``: the long form of the races."""

from __future__ import annotations

import sys
from pathlib import Path

from tests.campaigns import long_form
from tests.campaigns.crash.report import Row, align

#: The figure of a row with this name, as in :mod:`tests.campaigns.races.rounds`.
INSIDE = "the invalidation fell inside"

DESCRIPTION = """\
Run refreshes in parallel with each event that invalidates their session, and with each other. After
the invalidation, no token of the session works. Parallel refreshes rotate the token once. Use API
tokens in parallel with their rotation and their revocation.

  sign-out, ...           two clients with random delays: one refreshes, the other invalidates
                          the session
  API token: ...          one client uses an API token, or rotates it; the other rotates or revokes
                          it
  64 refreshes            a fifth of the rounds; all clients send the same token
  ..., repeatable-read    a tenth of the rounds, in a project with this isolation level
"""
EPILOG = """\
One invalidation in ten must fall inside a refresh or a use, or more rounds follow. The clients are
processes. SQLite has no isolation levels; "deferred" transactions lock it at their first write. All
databases are used at the same time.

The database servers are those of the suite, at TOKENAUTH_TEST_POSTGRESQL and
TOKENAUTH_TEST_MARIADB. The command creates the database test_tokenauth_races and drops it at the
end. The exit code is 0 without errors and 1 with errors. If CI is set, an unreachable database is
an error.
"""


def main(arguments: list[str]) -> int:
    return long_form.main(
        arguments,
        Path(__file__).parent,
        description=DESCRIPTION,
        epilog=EPILOG,
        rounds=1000,
        rounds_are="rounds of each race of two clients",
        variables=("TOKENAUTH_TEST_ROUNDS", "TOKENAUTH_TEST_SEED"),
        table=table,
    )


def table(rows: list[Row]) -> str:
    """Return the rows with the number of invalidations inside a request, and their errors."""
    cells = [
        (
            row.title,
            row.database,
            str(row.runs),
            str(row.figures.get(INSIDE, "")),
            f"{row.seconds:.0f}",
            str(len(row.errors)),
        )
        for row in rows
    ]
    head = ("race", "database", "rounds", "inside a request", "seconds", "errors")
    first, *lines = align([head, *cells])
    for row, line in zip(rows, lines, strict=True):
        first += "".join(f"\n{each}" for each in (line, *(f"    ERROR: {e}" for e in row.errors)))
    return first


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
