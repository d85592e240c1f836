"""Compute the requirements of many users: ``python -m benchmarks.sizing --help``.

The benchmark ``load`` measured the costs of one operation. The behaviour of users is assumed, and
each assumption is an option.

The model: a device that is used on a day opens the application a few times, once in each of as many
equal parts of the day. An opening begins with a request, and others follow at random. A request
whose access token has expired is preceded by a refresh, or by a sign-in if the session is inactive.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from math import ceil, exp
from pathlib import Path
from typing import Any

from django_tokenauth.conf.settings import LONGEST_WAIT

from .report import Report
from .tables import MissingFigure, aligned, number

FIGURES = Path(__file__).resolve().parent.parent / "docs" / "benchmarks" / "figures.json"
USERS = (1e6, 1e7, 1e8)
#: Titles, groups and rows of the benchmark ``load``.
TIME = "Time of each operation"
WAIT, APPLICATION, SERVER = "wait for the database", "processor, application", "processor, database"
WAL = "Write-ahead log after a checkpoint"
HASH, PBKDF2 = "Check of a password", "PBKDF2, Django's default"
SIZE, REFRESHED = "Size of a session with its indexes", "after two refreshes of each"
SIGN_IN, REFRESH, REQUEST, SIGN_OUT = "sign-in", "refresh", "request", "sign-out"
OPERATIONS = (SIGN_IN, REFRESH, REQUEST, SIGN_OUT)
WRITES = (SIGN_IN, REFRESH, SIGN_OUT)
#: Sessions of a user at midnight that have neither expired nor been revoked.
ACTIVE = "active sessions"

MINUTES_PER_DAY, SECONDS_PER_DAY = 24 * 60, 24 * 60 * 60
#: Upper bounds for the memory of revoked sessions: their sets, and an id. A test proves them.
BYTES_OF_SETS, BYTES_PER_REVOKED_ID = 600_000, 64


@dataclass(frozen=True, slots=True)
class Costs:
    """Seconds and bytes of one operation."""

    wait: Mapping[str, float]
    application: Mapping[str, float]
    server: Mapping[str, float]
    wal: Mapping[str, float]
    password: float
    row: float

    @classmethod
    def of(cls, report: Report) -> Costs:
        """Read the costs. Raises :class:`MissingFigure`."""

        def median(title: str, name: str, group: str = "") -> float:
            return report.table("load", title).row(name, group).figure.median

        def seconds(group: str) -> dict[str, float]:
            return {name: median(TIME, name, group) / 1e6 for name in OPERATIONS}

        return cls(
            wait=seconds(WAIT),
            application=seconds(APPLICATION),
            server=seconds(SERVER),
            wal={name: median(WAL, name) for name in WRITES},
            password=median(HASH, PBKDF2) / 1e6,
            row=median(SIZE, REFRESHED),
        )


def _assume(default: float, text: str) -> Any:
    return field(default=default, metadata={"help": text})


@dataclass(frozen=True, slots=True, kw_only=True)
class Assumptions:
    """The behaviour of users, the settings, and the machines."""

    daily_share: float = _assume(0.3, "probability that a device is used on a day")
    devices_per_user: int = _assume(2, "devices of a user, each with a session")
    openings: int = _assume(4, "how often the application is opened on such a day")
    active_hours: float = _assume(1.0, "hours that it is open on such a day")
    requests_per_minute: float = _assume(2.0, "requests per minute while it is open")
    sign_out_share: float = _assume(0.01, "probability that such a day ends with a sign-out")
    password_changes: float = _assume(0.5, "password changes of a user per year")
    access_token_lifetime: float = _assume(5.0, "ACCESS_TOKEN_LIFETIME in minutes")
    refresh_token_lifetime: int = _assume(14, "REFRESH_TOKEN_LIFETIME in days")
    session_lifetime: int = _assume(90, "SESSION_LIFETIME in days")
    session_retention: float = _assume(7.0, "SESSION_RETENTION in days")
    peak_factor: float = _assume(3.0, "the busiest seconds as a multiple of the average")
    database_processors: int = _assume(16, "processors of a database machine")
    max_utilization: float = _assume(0.5, "share of the processors that is busy at the peak")

    def __post_init__(self) -> None:
        if not 0 < self.daily_share <= 1 or not 0 <= self.sign_out_share <= 1:
            raise ValueError("A share must be between 0 and 1, and the daily share more than 0.")
        if min(self.devices_per_user, self.refresh_token_lifetime, self.session_lifetime) < 1:
            raise ValueError("A user has at least one device, and a lifetime is at least a day.")
        if self.openings < 2:
            raise ValueError("The application is opened at least twice on a day.")
        if self.start_window <= 0:
            raise ValueError("An access token outlives the next opening: assume fewer openings.")

    @property
    def opening(self) -> float:
        """Minutes of one opening."""
        return self.active_hours * 60 / self.openings

    @property
    def start_window(self) -> float:
        """Minutes of each part of the day in which an opening can start.

        The rest is so long that no access token is still valid at the next opening.
        """
        return MINUTES_PER_DAY / self.openings - self.opening - self.access_token_lifetime

    @property
    def password_change(self) -> float:
        """Probability that a user changes the password on a day."""
        return self.password_changes / 365


def tokens_per_opening(given: Assumptions) -> float:
    """Return how many access tokens an opening needs on average.

    One at its start, then one at the first request after each has expired. Token ``n + 1`` is
    needed if ``n`` lifetimes and ``n`` waits for a request fit into the opening: if at least ``n``
    requests fall into the time that the lifetimes leave (a Poisson distribution).
    """
    tokens, n = 1.0, 1
    while (left := given.opening - n * given.access_token_lifetime) > 0:
        expected = given.requests_per_minute * left
        term = fewer = exp(-expected)
        for count in range(1, n):
            term *= expected / count
            fewer += term
        tokens += 1 - fewer
        n += 1
    return tokens


def daily(given: Assumptions) -> dict[str, float]:
    """Return how often a user does each operation on an average day, and ``ACTIVE`` sessions.

    A simulation in the tests agrees with it.
    """
    days, midnights = days_of_session(given)
    openings, active = given.daily_share * given.openings, midnights / days
    per_device = {
        SIGN_IN: 1 / days,
        # Each access token comes with a sign-in or a refresh.
        REFRESH: openings * tokens_per_opening(given) - 1 / days,
        REQUEST: openings * (1 + given.requests_per_minute * given.opening),
        # A revocation for any reason costs about as much as a sign-out.
        SIGN_OUT: given.daily_share * given.sign_out_share + active * given.password_change,
        ACTIVE: active,
    }
    return {name: count * given.devices_per_user for name, count in per_device.items()}


def days_of_session(given: Assumptions) -> tuple[float, float]:
    """Return the days from one sign-in of a device to the next, and the active midnights of them.

    Day by day, ``idle`` maps the days since the last use to the probability that the device has
    not signed in again until then.
    """
    used, out, limit = given.daily_share, given.sign_out_share, given.refresh_token_lifetime
    wait = (1 - used) / used
    # The day of the sign-in may end with a sign-out; then the next use is 1 / used days away.
    days, midnights = out * (1 + wait), 0.0
    idle = {1: 1 - out}
    for day in range(1, given.session_lifetime + 1):
        active = sum(chance for since, chance in idle.items() if since <= limit)
        midnights += active
        # Revoked by a password change at midnight.
        days += active * given.password_change * (day + wait)
        following: dict[int, float] = {}
        for since, chance in idle.items():
            kept = chance * (1 - given.password_change) if since <= limit else chance
            if since > limit or day == given.session_lifetime:
                days += kept * (day + wait)
                continue
            days += kept * used * out * (day + 1 / used)
            following[1] = following.get(1, 0.0) + kept * used * (1 - out)
            following[since + 1] = following.get(since + 1, 0.0) + kept * (1 - used)
        idle = following
    return days, midnights


def requirements(users: float, given: Assumptions, costs: Costs) -> dict[str, tuple[float, ...]]:
    """Return the requirements of ``users``. All but the averages apply to the peak."""
    each = daily(given)
    average = {name: each[name] * users / SECONDS_PER_DAY for name in OPERATIONS}
    peak = {name: rate * given.peak_factor for name, rate in average.items()}

    def total(cost: Mapping[str, float], names: Sequence[str]) -> float:
        return sum(peak[name] * cost[name] for name in names)

    rows = users * (each[ACTIVE] + each[SIGN_IN] * given.session_retention)
    passwords = peak[SIGN_IN] * costs.password
    application = total(costs.application, OPERATIONS)
    writes, reads = total(costs.server, WRITES), total(costs.server, [REQUEST])
    revoked = peak[SIGN_OUT] * (given.access_token_lifetime * 60 + LONGEST_WAIT.total_seconds())
    memory = BYTES_OF_SETS + BYTES_PER_REVOKED_ID * revoked
    share = given.max_utilization
    usable = given.database_processors * share
    return {
        "sign-ins per second, average / peak": (average[SIGN_IN], peak[SIGN_IN]),
        "refreshes per second, average / peak": (average[REFRESH], peak[REFRESH]),
        "revocations per second, average / peak": (average[SIGN_OUT], peak[SIGN_OUT]),
        "requests per second, average / peak": (average[REQUEST], peak[REQUEST]),
        "rows in the session table": (rows,),
        "session table with indexes, GB": (rows * costs.row / 1e9,),
        "write-ahead log, MB per second": (total(costs.wal, WRITES) / 1e6,),
        "application: processors for password hashes": (passwords,),
        "application: processors for all else": (application,),
        "application: processes": (max(2, ceil((passwords + application) / share)),),
        "database: processors for writes": (writes,),
        "database: processors for requests": (reads,),
        "connections in use by writes": (total(costs.wait, WRITES),),
        "connections in use by requests": (total(costs.wait, [REQUEST]),),
        "revoked ids in each process": (revoked,),
        "memory for revoked ids in each process, MB": (memory / 1e6,),
        "read replicas for requests": (0 if writes + reads <= usable else ceil(reads / usable),),
        "database machines that share the rows": (max(1, ceil(writes / usable)),),
    }


def rounded(value: float) -> str:
    """Return ``value`` with the two digits that the measurement supports."""
    if not value:
        return "0"
    if value < 0.01:
        return "< 0.01"
    shown = float(f"{value:.2g}")
    return number(shown) if shown >= 10 or shown == int(shown) else f"{shown:g}"


def table(users: Sequence[float], given: Assumptions, costs: Costs) -> list[tuple[str, ...]]:
    """Return the requirements as a head and rows of text."""
    columns = [requirements(count, given, costs) for count in users]
    head = ("Needed", *(f"{count:,.0f} users" for count in users))
    texts = (
        (name, *(" / ".join(map(rounded, each[name])) for each in columns)) for name in columns[0]
    )
    return [head, *texts]


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.sizing",
        description="Compute the requirements of many users from measured costs and assumptions.",
        epilog="It is arithmetic: costs were measured with 300,000 sessions on one machine. HTTP, "
        "your own views and failed sign-ins are not included.",
    )
    parser.add_argument("--users", nargs="+", type=float, default=USERS, metavar="N")
    text = "file that python -m benchmarks --json wrote (default: the published figures)"
    parser.add_argument("--figures", type=Path, default=FIGURES, metavar="FILE", help=text)
    for item in fields(Assumptions):
        name, default = f"--{item.name.replace('_', '-')}", item.default
        text = f"{item.metadata['help']} (default: {default:g})"
        parser.add_argument(name, type=type(default), default=default, metavar="N", help=text)
    options = vars(parser.parse_args(arguments))
    users, figures = options.pop("users"), options.pop("figures")
    try:
        rows = table(users, Assumptions(**options), Costs.of(Report.read(figures)))
    except (MissingFigure, OSError, ValueError) as error:
        parser.error(str(error))
    print("\n".join(aligned(rows)))  # noqa: T201
    return 0


if __name__ == "__main__":
    sys.exit(main())
