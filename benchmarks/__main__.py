"""Everything that costs, beside what people use today: ``python -m benchmarks --help``."""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.support import skips

from . import databases, plots, sizing
from . import publish as publishing
from .parts import PARTS, Effort, Part
from .peers import PEERS, installed, reason_against
from .report import Report
from .run import in_process

ROOT = Path(__file__).resolve().parent.parent
DESCRIPTION = """\
Measure what our tokens cost, side by side with what people use today, and print
tables with ratios to the best peer and to the least that anybody has to do.
"""
EPILOG = """\
Peers that are not installed, or do not run with this Django, are named and left
out; so is a database that does not answer, which is a failure where CI is set.
"tox -e benchmarks" installs them all. The databases are looked for where
tests/support/servers.py says.

Ends with 1 if something did not run, or if a count that is promised (of
statements, of rows) does not hold. It never judges a time: measure on a machine
that does nothing else, and compare the ratios of one run.
"""


def parsed(arguments: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description=DESCRIPTION,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--quick", action="store_true", help="small numbers and few rounds: shows that all runs"
    )
    parser.add_argument(
        "--only",
        nargs="+",
        metavar="PART",
        choices=list(PARTS),
        default=list(PARTS),
        help="measure these only: " + ", ".join(PARTS),
    )
    parser.add_argument(
        "--rounds", type=int, metavar="N", help="turns of each candidate (default: 31; quick: 3)"
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all figures there")
    parser.add_argument(
        "--plots", type=Path, metavar="FOLDER", help="draw an SVG of each part there"
    )
    parser.add_argument(
        "--publish",
        action="store_true",
        help="write the figures into README.rst and docs/, with the plots",
    )
    parser.add_argument(
        "--from",
        dest="source",
        type=Path,
        metavar="FILE",
        help="with --publish: take the figures that --json wrote there, and measure nothing",
    )
    parser.add_argument("--list", action="store_true", help="say what there is to measure, and end")
    options = parser.parse_args(arguments)
    if options.rounds is not None and options.rounds < 1:
        parser.error("--rounds is at least 1.")
    if (options.plots or options.publish) and (what := plots.missing()):
        parser.error(f"The plots need {what}.")
    if options.publish and (options.quick or set(options.only) != set(PARTS)):
        parser.error("--publish is for a whole run, without --quick and --only.")
    if options.source and not options.publish:
        parser.error("--from is for --publish.")
    return options


def main(arguments: list[str] | None = None) -> int:
    options = parsed(arguments)
    if options.list:
        return list_parts()
    if options.source:
        return publish(options.source)
    rounds = options.rounds or (3 if options.quick else 31)
    report = Report(quick=options.quick, rounds=rounds)
    parts = [PARTS[name] for name in dict.fromkeys(options.only)]
    complete = look_around(parts, report)
    peers = tuple(try_peers(report)) if any(part.peers for part in parts) else ()
    seconds = 0.005 if options.quick else 0.05
    for part in parts:
        for database in part.databases:
            if database in report.databases and not lacks(part):
                effort = Effort(options.quick, rounds, seconds, peers, database, folder="")
                measure(part, effort, report)
    tell(report, options)
    status = verdict(report, complete=complete)
    if options.publish and not status:
        with tempfile.TemporaryDirectory() as folder:
            # Through the file, as --from does it: what is published is what can be read again.
            report.write(Path(folder) / "figures.json")
            status = publish(Path(folder) / "figures.json")
    return status


def list_parts() -> int:
    for part in PARTS.values():
        say(f"{part.name:16}{part.what}")
    return 0


def publish(source: Path) -> int:
    """Write what is in ``source`` where readers see it."""
    try:
        figures = publishing.read(source)
        publishing.write(figures, ROOT)
    except publishing.Unfit as unfit:
        say(f"Not published. {unfit}")
        return 1
    publishing.draw(figures, ROOT)
    # Computed from them.
    status = sizing.main(["--page", str(ROOT / "docs" / "scaling.rst")])
    say("Published: README.rst and docs/ have these figures." if not status else "Not complete.")
    return status


def tell(report: Report, options: argparse.Namespace) -> None:
    say("")
    for line in report.lines():
        say(line)
    if options.json:
        report.write(options.json)
    if options.plots:
        for name, tables in report.parts.items():
            plots.draw(tables, options.plots / f"{name}.svg")


def verdict(report: Report, *, complete: bool) -> int:
    """The status to end with. No time has a part in it."""
    if not complete and skips.in_ci():
        say("Something is missing, and CI is set: that is a failure.")
        return 1
    return int(bool(report.failed or report.broken()))


def look_around(parts: list[Part], report: Report) -> bool:
    """Whether everything is there that ``parts`` need; what is not is left out."""
    complete = True
    for name in dict.fromkeys(name for part in parts for name in part.databases):
        version, where = databases.answers(name)
        if version is not None:
            report.databases[name] = version
        else:
            what = f"the benchmarks on {databases.TITLES[name]}, which {where}"
            skips.note(what)
            report.left_out.append(what)
            complete = False
    for part in parts:
        if lacks(part):
            what = f"the benchmark {part.name}, for which {part.needs} is not installed"
            skips.note(what)
            report.left_out.append(what)
            complete = False
    return complete


def lacks(part: Part) -> bool:
    return bool(part.needs) and installed(part.needs) is None


def try_peers(report: Report) -> list[str]:
    """The names of those that run here. The others are no fault of ours, in CI neither."""
    found = []
    for peer in PEERS.values():
        say(f"{peer.name}: trying", end="")
        reason = reason_against(peer)
        say(f", {reason or 'runs'}")
        if reason is None:
            found.append(peer.name)
        else:
            report.left_out.append(f"{peer.name}: {reason}")
    return found


def measure(part: Part, effort: Effort, report: Report) -> None:
    what = f"{part.name} on {databases.TITLES[effort.database]}"
    say(f"{what}: measuring", end="")
    start = time.monotonic()
    try:
        tables = in_process(part.name, effort)
    except subprocess.CalledProcessError as error:
        say(f", failed with {error.returncode}")
        report.failed.append(what)
        return
    say(f", {time.monotonic() - start:.0f} s")
    report.parts.setdefault(part.name, []).extend(tables)


def say(line: str, end: str = "\n") -> None:
    print(line, end=end, flush=True)  # noqa: T201


if __name__ == "__main__":
    sys.exit(main())
