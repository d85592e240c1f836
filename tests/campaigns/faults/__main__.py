"""``python -m tests.campaigns.faults``: the long form of the random faults."""

from __future__ import annotations

import argparse
import random
import sys
from pathlib import Path

from tests.campaigns import long_form
from tests.campaigns.crash.report import print_line, table
from tests.support import skips

DESCRIPTION = """\
Let clocks jump, databases stall, key files break, and hooks, receivers and backends of the project
fail, in random rounds. No session and no token is lost, and no ended one works.
"""
EPILOG = """\
The database servers are those of the suite, at TOKENAUTH_TEST_POSTGRESQL and
TOKENAUTH_TEST_MARIADB. The command creates the database test_tokenauth_faults and drops it at the
end. Key files need no database, so their rounds are run once. The exit code is 0 without errors and
1 with errors. If CI is set, an unreachable database is an error.
"""


def main(arguments: list[str]) -> int:
    options = _parser().parse_args(arguments)
    skips.clear_notes()
    print_line(f"Seed {options.seed}: it determines all faults.")
    names = options.database or list(long_form.DATABASES)
    reachable = long_form.available(names)
    rows = long_form.run(
        Path(__file__).parent,
        reachable,
        {"FAULT_ROUNDS": str(options.rounds), "FAULT_SEED": str(options.seed)},
    )
    print_line(f"\n{table(rows)}\n")
    errors = sum(len(row.errors) for row in rows)
    print_line(f"{sum(row.runs for row in rows)} rounds, {errors} errors. Seed {options.seed}.")
    return int(errors > 0 or not rows or (skips.in_ci() and reachable != names))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        "python -m tests.campaigns.faults",
        description=DESCRIPTION,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--database",
        action="append",
        choices=long_form.DATABASES,
        help="database to use; can be repeated (default: all available)",
    )
    parser.add_argument(
        "--rounds",
        type=int,
        default=5000,
        help="rounds of each kind of fault (default: %(default)s)",
    )
    parser.add_argument(
        "--seed",
        type=int,
        default=random.SystemRandom().randrange(2**32),
        help="seed of an earlier run",
    )
    return parser


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
