"""``python -m tests.campaigns.machines``: as many outages and sign-outs as asked."""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
from pathlib import Path

from tests.campaigns.crash.report import say
from tests.campaigns.machines.deployment import BREAKS, is_missing
from tests.campaigns.machines.result import faults, table
from tests.campaigns.machines.running import Plan, run

DESCRIPTION = """\
Three application processes with the settings of the example in production, behind nginx with the
configuration of docs/nginx.conf, on one database (PostgreSQL), one cache (Redis) and one folder of
keys. Processes are killed (SIGKILL, also two at once, or after they were frozen by SIGSTOP) and
stopped (SIGTERM) in turn and started again, while devices sign in, refresh, call protected views
and sign out, the keys are rotated, and sessions end in each way there is.

  * no request fails that a client repeats as it should: up to 5 times after no answer, 502, 503
    or 504
  * no session is lost
  * after a sign-out no process takes the token with JWTAuthentication, from the first request on,
    and none with the stateless class after REVOCATION_POLL_INTERVAL, except while a process
    reads the list of revoked sessions
  * wrong passwords are counted over all processes together
"""
EPILOG = """\
The services are those of the suite: TOKENAUTH_TEST_POSTGRESQL and TOKENAUTH_TEST_REDIS say where
they are. The database is one of its own, which is dropped afterwards, as are the keys in Redis.
Exit code: 0 if nothing was wrong, 1 if anything was or if something is missing.
"""


def main(arguments: list[str]) -> int:
    asked = _parser().parse_args(arguments)
    if missing := list(is_missing()):
        say(f"Missing: {', '.join(missing)}.")
        return 1
    say(f"Seed {asked.seed}: the same one waits as long before each outage.")
    plan = Plan(
        outages=asked.outages,
        sign_outs=asked.sign_outs,
        rate=asked.rate,
        seed=asked.seed,
        poll=asked.poll,
        broken=tuple(asked.broken),
        patience=asked.poll + (10 if asked.broken else 60),
    )
    with tempfile.TemporaryDirectory() as folder:
        done = run(plan, Path(folder))
    say(f"\n{table(done)}\n")
    wrong = faults(done)
    say(f"{len(wrong)} wrong. Seed {asked.seed}.")
    return int(bool(wrong))


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
        help="how many at least; with none the keys are not rotated either (default: %(default)s)",
    )
    parser.add_argument(
        "--sign-outs",
        type=int,
        default=10,
        help="how often each of two clients ends its session in each of the four ways "
        "(default: %(default)s)",
    )
    parser.add_argument(
        "--rate",
        type=float,
        default=150,
        help="how often in a second a device does something (default: %(default)s)",
    )
    parser.add_argument(
        "--poll",
        type=float,
        default=2,
        help="REVOCATION_POLL_INTERVAL in seconds (default: %(default)s)",
    )
    parser.add_argument(
        "--seed", type=int, default=random.SystemRandom().randrange(10**6), help="of an earlier run"
    )
    parser.add_argument(
        "--broken",
        action="append",
        default=[],
        choices=BREAKS,
        help="see that it is found: a refresh is not answered again, each machine has keys of its "
        "own, reads no list of revoked sessions, counts wrong passwords by itself, or takes "
        "whoever asks for who they were; may be given again",
    )
    return parser


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
