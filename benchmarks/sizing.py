"""What a million users need, and more: ``python -m benchmarks.sizing --help``.

Computed from the costs that the part ``database`` of the benchmarks measured, and from what people
do, which is assumed and can be told by options.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from . import publish
from .results import number
from .sizing_costs import Costs, Missing, costs
from .sizing_load import Load, Machines, load
from .sizing_model import Daily, Habits, Unfit, arithmetic
from .sizing_simulation import Simulated, simulate

ROOT = Path(__file__).resolve().parent.parent
BEGIN, END = ".. sizing: made tables begin", ".. sizing: made tables end"
USERS = (1e6, 1e7, 1e8)
#: How many users are simulated; a tenth of the error costs a hundred times the time.
SAMPLE, SEED = 200, 1
NOT_YET = "No figures have been published yet, so there is nothing to compute it from."
EPILOG = """\
It is arithmetic, not a measurement: it holds as far as the costs grow with the
number of operations, and those were measured with 300,000 sessions on one
machine. A simulation of a sample of users stands beside it. HTTP, your views and
their statements are not in it, and neither are wrong passwords.
"""
HELP = {
    "daily_share": "chance that a device is used on a day",
    "sessions_per_user": "devices of a user, each with a session",
    "openings": "how often the application is opened on such a day",
    "active_hours": "hours that it is open then in all",
    "requests_per_minute_active": "requests a minute while it is open",
    "sign_out_share": "chance that such a day ends with a sign-out",
    "password_changes_per_year": "new passwords of a user in a year",
    "access_token_lifetime": "ACCESS_TOKEN_LIFETIME in minutes",
    "refresh_token_lifetime": "REFRESH_TOKEN_LIFETIME in days",
    "session_lifetime": "SESSION_LIFETIME in days",
    "session_retention": "SESSION_RETENTION in days",
    "max_sessions": "MAX_SESSIONS_PER_USER",
    "peak_factor": "the busiest seconds as a multiple of the average",
    "database_processors": "processors of a machine of the database",
    "most_busy": "which part of the processors may be busy at the peak",
    "revocation_poll_interval": "REVOCATION_POLL_INTERVAL in seconds",
}


@dataclass(frozen=True, slots=True)
class Sizing:
    """All that was computed."""

    habits: Habits
    machines: Machines
    daily: Daily
    simulated: Simulated
    loads: list[Load]


def parsed(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.sizing",
        description="Compute what so many users need, from measured costs.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--users", nargs="+", type=float, default=list(USERS), metavar="N")
    parser.add_argument(
        "--costs",
        type=Path,
        default=ROOT / publish.FIGURES,
        metavar="FILE",
        help=f"figures of python -m benchmarks --json (default: {publish.FIGURES})",
    )
    for default in (Habits(), Machines()):
        for each in fields(default):
            value = getattr(default, each.name)
            parser.add_argument(
                f"--{each.name.replace('_', '-')}",
                type=type(value),
                default=value,
                metavar="N",
                help=f"{HELP[each.name]} (default: {value:g})",
            )
    parser.add_argument("--sample", type=int, default=SAMPLE, help="users to simulate")
    parser.add_argument("--seed", type=int, default=SEED, help="of the simulation")
    parser.add_argument("--json", action="store_true", help="print all of it as JSON")
    parser.add_argument("--page", type=Path, metavar="FILE", help="write the tables into this page")
    options = parser.parse_args(arguments)
    if options.sample < 2:
        parser.error("--sample is at least 2.")
    if min(options.users) <= 0:
        parser.error("--users is more than 0.")
    return options


def main(arguments: Sequence[str] | None = None) -> int:
    options = parsed(arguments)
    try:
        found = costs(publish.read(options.costs))
        habits = Habits(**{each.name: getattr(options, each.name) for each in fields(Habits)})
        machines = Machines(**{each.name: getattr(options, each.name) for each in fields(Machines)})
        sizing = sized(found, options.users, habits, machines, options.sample, options.seed)
        if options.page:
            write(options.page, "\n".join(block(sizing)))
            return 0
    except (Missing, Unfit, publish.Unfit) as error:
        print(error, file=sys.stderr)  # noqa: T201
        return 1
    if options.json:
        print(json.dumps(asdict(sizing), indent=1))  # noqa: T201
    else:
        print("\n".join(lines(sizing)))  # noqa: T201
    return 0


def sized(
    found: Costs,
    users: Sequence[float],
    habits: Habits,
    machines: Machines,
    sample: int = SAMPLE,
    seed: int = SEED,
) -> Sizing:
    """What each number of ``users`` needs. Raises :class:`~.sizing_model.Unfit`."""
    simulated = simulate(habits, users=sample, seed=seed)
    # Where sessions are evicted there is no arithmetic, and the simulation stands for it.
    evicted = habits.sessions_per_user > habits.max_sessions
    daily = simulated.daily if evicted else arithmetic(habits)
    loads = [load(number, daily, habits, found, machines) for number in users]
    return Sizing(habits, machines, daily, simulated, loads)


def table(sizing: Sizing) -> list[tuple[str, ...]]:
    """The head, and a row for each thing that is needed."""
    head = ("", *(f"{one.users:,.0f} users" for one in sizing.loads))
    return [head, *((name, *map(tell, sizing.loads)) for name, tell in LINES.items())]


def _rates(name: str) -> Any:
    return lambda one: f"{rounded(one.average[name])}; {rounded(one.peak[name])}"


def _from_to(pair: tuple[float, float], per: float = 1.0) -> str:
    return f"{rounded(pair[0] / per)} to {rounded(pair[1] / per)}"


LINES = {
    "sign-ins a second: on the average; at the peak": _rates("sign_ins"),
    "refreshes a second": _rates("refreshes"),
    "sign-outs and the like a second": _rates("revocations"),
    "requests a second": _rates("requests"),
    "rows in the table of sessions": lambda one: rounded(one.rows),
    "GB of them, with their indexes": lambda one: rounded(one.bytes_stored / 1e9),
    "write-ahead log, MB a second": lambda one: _from_to(one.wal, 1e6),
    "application: processors that check passwords": lambda one: rounded(one.passwords),
    "application: processors for everything else": lambda one: rounded(one.application),
    "application: processes": lambda one: rounded(one.processes),
    "database: processors for what writes": lambda one: rounded(one.writes),
    "database: processors for requests, JWTAuthentication": lambda one: rounded(one.requests),
    "database: processors for the polls of all processes": lambda one: rounded(one.polls),
    "database: connections that wait, without requests": lambda one: rounded(one.connections[0]),
    "database: connections that wait, with requests": lambda one: rounded(sum(one.connections)),
    "ids in the list of revoked sessions": lambda one: rounded(one.revoked),
    "MB of that list, in each process": lambda one: rounded(one.snapshot / 1e6),
    "database: replicas for requests, JWTAuthentication": lambda one: rounded(one.replicas),
    "database: machines that share the rows": lambda one: rounded(one.shards),
}


def rounded(value: float) -> str:
    """``value`` with two digits, as more were not measured; whole numbers below 100 as they are."""
    if not value:
        return "0"
    if value < 0.01:
        return "< 0.01"
    shown = float(f"{value:.2g}")
    return number(shown) if shown >= 10 or shown == int(shown) else f"{shown:g}"


def compared(sizing: Sizing) -> list[tuple[str, ...]]:
    """The arithmetic beside the simulation, of one user on a day."""
    rows: list[tuple[str, ...]] = [
        ("of a user on a day", "arithmetic", "simulation", "standard error")
    ]
    for each in fields(Daily):
        parts = (sizing.daily, sizing.simulated.daily, sizing.simulated.error)
        name = each.name.replace("_", "-")
        title = "sessions alive at midnight" if name == "living" else name
        rows.append((title, *(f"{getattr(part, each.name):.4f}" for part in parts)))
    return rows


def lines(sizing: Sizing) -> Iterator[str]:
    """Both tables for a terminal."""
    for rows in (table(sizing), compared(sizing)):
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        for first, *others in rows:
            cells = (cell.rjust(width) for cell, width in zip(others, widths[1:], strict=True))
            yield "  ".join((first.ljust(widths[0]), *cells)).rstrip()
        yield ""
    yield "All but the averages at the peak, with the processors half busy by default: --help."


def block(sizing: Sizing) -> Iterator[str]:
    """Both tables as they stand in a page."""
    for rows in (table(sizing), compared(sizing)):
        yield from (".. list-table::", "   :header-rows: 1", "")
        for first, *others in rows:
            yield f"   * - {first}".rstrip()
            yield from (f"     - {cell}" for cell in others)
        yield ""


def write(path: Path, made: str) -> None:
    """Put ``made`` between the two comments of a page. Raises :class:`~.publish.Unfit`."""
    text = path.read_text(encoding="utf-8")
    if text.count(f"{BEGIN}\n") != 1 or text.count(f"{END}\n") != 1:
        raise publish.Unfit(f"{path} has no place for the tables.")
    before, _, rest = text.partition(f"{BEGIN}\n")
    _, _, after = rest.partition(f"{END}\n")
    path.write_text(f"{before}{BEGIN}\n\n{made}\n{END}\n{after}", encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
