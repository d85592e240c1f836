"""Measure this package and others side by side: ``python -m benchmarks --help``."""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from collections.abc import Collection, Sequence
from pathlib import Path

from tests.support import skips

from . import publishing, worker
from .catalog import BENCHMARKS, DATABASES, Run
from .competitors import COMPETITORS, Competitor, installed
from .report import Report

ROOT = Path(__file__).resolve().parent.parent
ROUNDS, QUICK_ROUNDS = 21, 3
DESCRIPTION = """\
Measure the cost of tokens, side by side with other packages, and print tables with
ratios to the best competitor and to a reference, the least possible work.
"""
EPILOG = """\
benchmarks:
{benchmarks}

A full run takes about 15 minutes, --quick one minute. Use a machine that does
nothing else, and compare ratios of one run, not times of two runs.
"tox -e benchmarks -- --publish" installs all competitors and publishes a full run.

Databases that do not respond and competitors that are not installed are skipped;
with CI set this is a failure. tests/support/servers.py says where databases are expected.

The exit status is 1 if a benchmark fails, or if a count of statements or rows
exceeds its documented limit. No time decides it.
"""


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    listed = "\n".join(f"  {name:16}{each.title}" for name, each in BENCHMARKS.items())
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description=DESCRIPTION,
        epilog=EPILOG.format(benchmarks=listed),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--quick", action="store_true", help="few rows and rounds: proves that everything runs"
    )
    names = list(BENCHMARKS)
    parser.add_argument(
        "--only", nargs="+", metavar="NAME", choices=names, default=names, help="run only these"
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all figures to FILE")
    parser.add_argument(
        "--publish", action="store_true", help="write the figures into README.rst and docs/"
    )
    parser.add_argument(
        "--from", dest="source", type=Path, metavar="FILE", help="read figures that --json wrote"
    )
    options = parser.parse_args(arguments)
    if options.publish and (options.quick or set(options.only) != set(BENCHMARKS)):
        parser.error("--publish needs a full run: omit --quick and --only.")
    return options


def main(arguments: Sequence[str] | None = None) -> int:
    options = parse(arguments)
    report = Report.read(options.source) if options.source else measure(options)
    for line in report.lines():
        print(line)  # noqa: T201
    if options.json:
        report.write(options.json)
    if options.publish:
        try:
            publishing.publish(report, ROOT)
        except publishing.Unpublishable as error:
            say(f"Not published. {error}\n")
            return 1
        say("Published in README.rst and docs/.\n")
    skipped = report.skipped if skips.in_ci() else []
    return int(bool(report.failed or report.broken_assertions() or skipped))


def measure(options: argparse.Namespace) -> Report:
    report = Report(options.quick, QUICK_ROUNDS if options.quick else ROUNDS)
    databases = {}
    for name in dict.fromkeys(name for each in options.only for name in BENCHMARKS[each].databases):
        if version := works(DATABASES[name], Run("", name), "project.print_version()", report):
            databases[name] = version
            report.versions[DATABASES[name].partition(",")[0]] = version
    wanted = {name for each in options.only for name in BENCHMARKS[each].competitors}
    found = [
        name for name, each in COMPETITORS.items() if name in wanted and can_compare(each, report)
    ]
    if options.publish and report.skipped:
        raise SystemExit("--publish needs all databases and competitors.")
    runs = [
        Run(name, database, competitors_of(name, found), report.quick, report.rounds)
        for name in dict.fromkeys(options.only)
        for database in BENCHMARKS[name].databases
        if database in databases
    ]
    for place, run in enumerate(runs, start=1):
        what = f"{run.benchmark} on {DATABASES[run.database]}"
        say(f"[{place}/{len(runs)}] {what} ")
        start = time.monotonic()
        try:
            report.tables.setdefault(run.benchmark, []).extend(worker.measure(run))
        except subprocess.CalledProcessError as error:
            report.failed.append(f"{what}, status {error.returncode}")
        say(f" {time.monotonic() - start:.0f} s\n")
    return report


def competitors_of(benchmark: str, found: Collection[str]) -> tuple[str, ...]:
    """Return those of the installed competitors that a benchmark compares."""
    return tuple(name for name in BENCHMARKS[benchmark].competitors if name in found)


def can_compare(competitor: Competitor, report: Report) -> bool:
    """Return whether a competitor can be imported; if not, note that it is skipped."""
    name = competitor.name
    if installed(competitor.package) is None:
        # Starting a process takes longer than this check.
        skip(f"{name} (not installed)", report)
        return False
    run = Run("", competitors=(name,))
    return works(name, run, f"import {competitor.module}", report) is not None


def works(what: str, run: Run, program: str, report: Report) -> str | None:
    """Return the output of ``program`` in the project. If it fails, note ``what`` as skipped."""
    program = f"from {__package__} import project; project.set_up(); {program}"
    done = subprocess.run(  # noqa: S603
        [sys.executable, "-c", program],
        env=run.environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode == 0:
        return done.stdout.strip()
    skip(f"{what} ({done.stderr.strip().splitlines()[-1]})", report)
    return None


def skip(what: str, report: Report) -> None:
    report.skipped.append(what)
    skips.note(f"the benchmarks of {what}")


def say(text: str) -> None:
    """Print progress, apart from the results."""
    sys.stderr.write(text)
    sys.stderr.flush()


if __name__ == "__main__":
    sys.exit(main())
