"""``python -m tests.campaigns.rotation``: a rotation under load, for as long as asked."""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from tests.campaigns.crash.report import say
from tests.campaigns.rotation.result import faults, table
from tests.campaigns.rotation.rotating import ENDS, Plan, rotate

DESCRIPTION = """\
Rotate the keys by "manage.py tokenauth_keys" while clients sign in, refresh and call protected
views at several server processes, which share a folder of keys and a database in a file; and while
services that keep the public keys as long as they were told verify each token. One further process
has the keys in its settings.

How the key before goes:

  retire  by "tokenauth_keys retire --now", when no client uses a token of it any more. A token of
          it that could live longer is shown to each process all the time and has to be refused
  remove  the same, and its file is removed by hand
  wait    not hurried at all: the next key waits as long as the command says (JWKS_MAX_AGE and a
          minute), and the key before ends when the command said. It takes about 160 seconds
"""
EPILOG = "Exit code: 0 if no request failed and nothing else was wrong, 1 if anything was."


def main(arguments: list[str]) -> int:
    asked = _parser().parse_args(arguments)
    is_patient = asked.end == "wait"
    plan = Plan(
        seconds=asked.seconds,
        rate=asked.rate,
        workers=asked.workers,
        end=asked.end,
        delay=None if is_patient else asked.max_age + 15,
        max_age=asked.max_age,
        lifetime=20 if is_patient else 120,
        keep=12 if is_patient else 4,
    )
    with tempfile.TemporaryDirectory() as folder:
        run = rotate(plan, Path(folder))
        say(f"\n{table(run)}\n")
        wrong = faults(run)
        if wrong:
            say(run.deployment.log.read_text(encoding="utf-8")[-4000:])
    say(f"{len(wrong)} wrong.")
    return int(bool(wrong))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        "python -m tests.campaigns.rotation",
        description=DESCRIPTION,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--seconds",
        type=float,
        default=60,
        help="how long the load lasts, or as long as the rotation takes (default: %(default)s)",
    )
    parser.add_argument(
        "--rate", type=float, default=50, help="requests in a second (default: %(default)s)"
    )
    parser.add_argument(
        "--workers", type=int, default=3, help="server processes (default: %(default)s)"
    )
    parser.add_argument(
        "--max-age",
        type=int,
        default=5,
        help="seconds that the public keys may be kept, JWKS_MAX_AGE (default: %(default)s)",
    )
    parser.add_argument(
        "--end", choices=ENDS, default="retire", help="see above (default: %(default)s)"
    )
    return parser


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
