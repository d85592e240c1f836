"""``python -m tests.campaigns.rotation``: the long form of the rotation under load."""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from tests.campaigns.crash.report import print_line
from tests.campaigns.rotation.result import find_errors, table
from tests.campaigns.rotation.rotating import REMOVALS, Plan, rotate

DESCRIPTION = """\
Rotate the keys with "manage.py tokenauth_keys" while clients sign in, refresh and call protected
views. Several server processes share a key folder and a SQLite database, and one additional process
has the keys in its settings. Other services cache the public keys for their max-age and verify each
token.

The removal of the old key:

  retire  by "tokenauth_keys retire --now" after its last use by a client. One of its tokens is sent
          to each process all the time, and must be rejected
  remove  the same, but its file is deleted
  wait    by the times of the command: the new key signs after JWKS_MAX_AGE and a minute, and the
          old key expires on its own. This takes about 160 seconds
"""
EPILOG = "The exit code is 0 without errors and 1 with errors."


def main(arguments: list[str]) -> int:
    options = _parser().parse_args(arguments)
    waits = options.removal == "wait"
    plan = Plan(
        seconds=options.seconds,
        rate=options.rate,
        workers=options.workers,
        removal=options.removal,
        delay=None if waits else options.max_age + 15,
        max_age=options.max_age,
        lifetime=20 if waits else 120,
        use_time=12 if waits else 4,
    )
    with tempfile.TemporaryDirectory() as folder:
        run = rotate(plan, Path(folder))
        print_line(f"\n{table(run)}\n")
        errors = find_errors(run)
        if errors:
            print_line(run.deployment.log.read_text(encoding="utf-8")[-4000:])
    print_line(f"{len(errors)} errors.")
    return int(bool(errors))


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
        help="minimum duration of the load (default: %(default)s)",
    )
    parser.add_argument(
        "--rate", type=float, default=50, help="requests per second (default: %(default)s)"
    )
    parser.add_argument(
        "--workers", type=int, default=3, help="server processes (default: %(default)s)"
    )
    parser.add_argument(
        "--max-age",
        type=int,
        default=5,
        help="JWKS_MAX_AGE, the cache time of public keys in seconds (default: %(default)s)",
    )
    parser.add_argument(
        "--removal",
        choices=REMOVALS,
        default="retire",
        help="removal of the old key, see above (default: %(default)s)",
    )
    return parser


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
