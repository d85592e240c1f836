"""What there is to measure, and how much of it is asked for. The modules come later: most of them
import models, which needs a project that is set up."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from .results import Kind, Row
from .rounds import Candidate, Clock, above, compare, figure


@dataclass(frozen=True, slots=True)
class Part:
    """One thing to measure: ``module`` has ``tables(effort)``, which does it."""

    name: str
    module: str
    what: str
    databases: tuple[str, ...] = ("sqlite",)
    #: Whether the peers are asked, and so have to be tried before.
    peers: bool = True
    #: The package without which it cannot be measured.
    needs: str = ""


SERVERS = ("postgresql", "mariadb")
PARTS = {
    part.name: part
    for part in (
        Part("authentication", "authentication", "to know who sends a request, without a network"),
        Part("tokens", "tokens", "to verify and to sign a token, and nothing else", peers=False),
        Part(
            "refresh",
            "refresh",
            "a refresh with rotation and reuse detection",
            ("sqlite", *SERVERS),
        ),
        Part("sign_in", "sign_in", "a sign-in without the hash of the password"),
        Part("sign_out", "sign_out", "a sign-out by the token"),
        Part("sessions", "session_list", "the list of 100 sessions of a user"),
        Part(
            "growth",
            "growth",
            "rows and bytes in the database after 1 to 10,000 refreshes",
            ("sqlite-file", "postgresql"),
        ),
        Part(
            "prune",
            "prune",
            "to delete 100,000 ended of 200,000 rows",
            ("sqlite-file", *SERVERS),
        ),
        Part(
            "scale",
            "scale",
            "whether a request costs more with 1,000, 100,000 or 1,000,000 sessions",
            ("postgresql",),
            peers=False,
        ),
        Part(
            "database",
            "database_cost",
            "what the database does for each operation, of which sizing is computed",
            ("postgresql",),
            peers=False,
        ),
        Part("process", "process", "time and memory of the import, memory of a full token cache"),
        Part(
            "http",
            "over_http",
            "requests per second with gunicorn, 1 and 2 workers",
            ("sqlite-file",),
            needs="gunicorn",
        ),
    )
}


@dataclass(frozen=True, slots=True)
class Effort:
    """How much to do, and with whom."""

    quick: bool
    rounds: int
    #: Of a turn of a candidate.
    seconds: float
    #: The names of those that run here.
    peers: tuple[str, ...]
    #: The name of the database.
    database: str
    #: Where files can be made.
    folder: str

    @property
    def clock(self) -> Clock:
        """The time of the processor if all of the work is done in this process: what else the
        machine does hardly changes that."""
        return time.process_time if self.database == "sqlite" else time.perf_counter

    @property
    def unit(self) -> str:
        return "CPU us" if self.database == "sqlite" else "us"


@dataclass(frozen=True, slots=True)
class Entry:
    """A candidate and where it stands in a table."""

    name: str
    kind: Kind
    candidate: Candidate
    group: str = ""

    @property
    def key(self) -> str:
        return f"{self.group}: {self.name}"


def measure(
    entries: Sequence[Entry], effort: Effort, *, statements: Callable[[Candidate], int] | None
) -> list[Row]:
    """Compare ``entries`` in one run. Of those of the kind ``FLOOR`` there is one at most; what it
    takes is taken off the others. ``statements`` counts those of a call."""
    counts = {entry.key: statements(entry.candidate) for entry in entries} if statements else {}
    candidates = {entry.key: entry.candidate for entry in entries}
    times = compare(candidates, rounds=effort.rounds, seconds=effort.seconds, clock=effort.clock)
    floor = [times[entry.key] for entry in entries if entry.kind is Kind.FLOOR]
    rows = []
    for entry in entries:
        taken = times[entry.key]
        found = figure(taken) if entry.kind is Kind.FLOOR or not floor else above(floor[0], taken)
        rows.append(Row(entry.name, entry.kind, found, counts.get(entry.key), entry.group))
    return rows
