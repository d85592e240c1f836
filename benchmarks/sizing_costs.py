"""What the sizing takes from a run of ``python -m benchmarks``: the costs of the part ``database``.

Nothing of Django is needed to read them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from .results import Row, Table, table

PART = "database"
#: The titles of its tables, and the names of their rows and groups.
WAIT = "Waiting for the database"
APPLICATION = "Processor time of the application"
SERVER = "Processor time of the database"
WAL = "Write-ahead log"
WARM = "pages already written since the checkpoint"
COLD = "the first write of its pages after a checkpoint"
HASH = "Check of a password"
SIZE = "Size of a session with its indexes"
REFRESHED = "after each was refreshed twice"
SIGN_IN, REFRESH, REQUEST, SIGN_OUT = "sign-in", "refresh", "request", "sign-out"
PRUNE, POLL, FULL_POLL = "prune of 20 rows", "poll of none", "poll of 1,000 ids"
OPERATIONS = (SIGN_IN, REFRESH, REQUEST, SIGN_OUT, PRUNE, POLL, FULL_POLL)
#: Those that write.
WRITES = (SIGN_IN, REFRESH, SIGN_OUT, PRUNE)
PRUNED, POLLED = 20, 1000


class Missing(ValueError):
    """A figure that the sizing needs is not there. Says which."""


@dataclass(frozen=True, slots=True)
class Costs:
    """Medians of one operation each, in seconds and bytes."""

    #: From the sending of each statement to its answer.
    wait: Mapping[str, float]
    #: Of the processors.
    application: Mapping[str, float]
    server: Mapping[str, float]
    #: The check of a password, of the processors of the application.
    password: float
    #: In the write-ahead log, where the pages were written since the checkpoint, and where not.
    wal_warm: Mapping[str, float]
    wal_cold: Mapping[str, float]
    #: Of a session with its indexes, after a while.
    row: float


def costs(figures: Mapping[str, Any]) -> Costs:
    """The costs among the figures that ``python -m benchmarks --json`` wrote.

    Raises :class:`Missing` for a quick run, and for one without a figure that is needed.
    """
    if figures["quick"]:
        raise Missing("These are the figures of --quick, which shows only that all runs.")
    if PART not in figures["parts"]:
        raise Missing(f"These figures have no part {PART!r}: python -m benchmarks --only {PART}")
    found = [table(shown) for shown in figures["parts"][PART]]

    def of_each(title: str) -> dict[str, float]:
        return {name: _median(found, title, name) / 1e6 for name in OPERATIONS}

    return Costs(
        wait=of_each(WAIT),
        application=of_each(APPLICATION),
        server=of_each(SERVER),
        # The name of its one row tells how often it is hashed.
        password=_rows(found, HASH)[0].figure.median / 1e3,
        wal_warm={name: _median(found, WAL, name, WARM) for name in WRITES},
        wal_cold={name: _median(found, WAL, name, COLD) for name in WRITES},
        row=_median(found, SIZE, REFRESHED),
    )


def _rows(found: Sequence[Table], title: str) -> list[Row]:
    for one in found:
        if one.title == title:
            return one.rows
    raise Missing(f"These figures have no table {title!r}.")


def _median(found: Sequence[Table], title: str, name: str, group: str = "") -> float:
    for row in _rows(found, title):
        if (row.name, row.group) == (name, group):
            return row.figure.median
    raise Missing(f"These figures have no row {name!r} in {title!r}.")
