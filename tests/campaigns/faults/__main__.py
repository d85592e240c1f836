"""``python -m tests.campaigns.faults``: the long form of the random faults."""

from __future__ import annotations

import sys
from pathlib import Path

from tests.campaigns import long_form
from tests.campaigns.crash.report import table

DESCRIPTION = """\
Let clocks jump, databases stall, key files break, and hooks, receivers and backends of the project
fail, in random rounds. No session and no token is lost, and no expired or
revoked one works.
"""
EPILOG = """\
The database servers are those of the suite, at TOKENAUTH_TEST_POSTGRESQL and
TOKENAUTH_TEST_MARIADB. The command creates the database test_tokenauth_faults and drops it at the
end. Key files need no database, so their rounds are run once, and are a tenth as many, because each
takes half a second. The exit code is 0 without errors and 1 with errors. If CI is set, an
unreachable database is an error.
"""


def main(arguments: list[str]) -> int:
    return long_form.main(
        arguments,
        Path(__file__).parent,
        description=DESCRIPTION,
        epilog=EPILOG,
        rounds=5000,
        rounds_are="rounds of each kind of fault",
        variables=("FAULT_ROUNDS", "FAULT_SEED"),
        table=table,
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
