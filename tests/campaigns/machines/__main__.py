"""``python -m tests.campaigns.machines``: the long form of the outages and sign-outs."""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
from pathlib import Path

from tests.campaigns.crash.report import print_line
from tests.campaigns.machines.deployment import DEFECTS, missing_services
from tests.campaigns.machines.result import find_errors, table
from tests.campaigns.machines.running import Plan, run

DESCRIPTION = """\
Run three application processes with the production settings of the example, behind nginx with the
configuration of docs/nginx.conf. They share PostgreSQL, Redis and a key folder. Processes are
killed (SIGKILL, also two at once, or after SIGSTOP) or stopped (SIGTERM) in turn and restarted.
Meanwhile devices sign in, refresh, call protected views and sign out, the keys are rotated, and
sessions are revoked by each event.

  * no request fails after up to 5 retries, which follow no response, 502, 503 or 504
  * no session is lost
  * after a sign-out, JWTAuthentication rejects the token from the first request on in every
    process. Stateless authentication rejects it after REVOCATION_POLL_INTERVAL, except while the
    process reads the list of revoked sessions
  * all processes count wrong passwords together
"""
EPILOG = """\
The services are those of the suite, at TOKENAUTH_TEST_POSTGRESQL and TOKENAUTH_TEST_REDIS. The
command creates a database and drops it at the end, and deletes its keys in Redis. The exit code is
0 without errors, and 1 with errors or without a service.
"""


def main(arguments: list[str]) -> int:
    options = _parser().parse_args(arguments)
    if missing := list(missing_services()):
        print_line(f"Missing: {', '.join(missing)}.")
        return 1
    print_line(f"Seed {options.seed}: it determines the delays before the outages.")
    plan = Plan(
        outages=options.outages,
        sign_outs=options.sign_outs,
        rate=options.rate,
        seed=options.seed,
        poll=options.poll,
        defects=tuple(options.defect),
        timeout=options.poll + (10 if options.defect else 60),
    )
    with tempfile.TemporaryDirectory() as folder:
        result = run(plan, Path(folder))
    print_line(f"\n{table(result)}\n")
    errors = find_errors(result)
    print_line(f"{len(errors)} errors. Seed {options.seed}.")
    return int(bool(errors))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        "python -m tests.campaigns.machines",
        description=DESCRIPTION,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--outages",
        type=int,
        default=100,
        help="minimum number of outages; 0 also skips the key rotation (default: %(default)s)",
    )
    parser.add_argument(
        "--sign-outs",
        type=int,
        default=10,
        help="sign-outs of each of two clients in each of the four ways (default: %(default)s)",
    )
    parser.add_argument(
        "--rate",
        type=float,
        default=150,
        help="actions of the devices per second (default: %(default)s)",
    )
    parser.add_argument(
        "--poll",
        type=float,
        default=2,
        help="REVOCATION_POLL_INTERVAL in seconds (default: %(default)s)",
    )
    parser.add_argument(
        "--seed",
        type=int,
        default=random.SystemRandom().randrange(10**6),
        help="seed of an earlier run",
    )
    parser.add_argument(
        "--defect",
        action="append",
        default=[],
        choices=DEFECTS,
        help="defect to inject: no grace period, separate keys, no list of revoked sessions, "
        "separate counters of wrong passwords, or no check of the user; can be repeated",
    )
    return parser


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
