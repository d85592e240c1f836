"""What many users need of machines: their habits times the measured costs of one operation."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from .sizing_costs import (
    FULL_POLL,
    POLL,
    POLLED,
    PRUNE,
    PRUNED,
    REFRESH,
    REQUEST,
    SIGN_IN,
    SIGN_OUT,
    Costs,
)
from .sizing_model import Daily, Habits

#: What an id in a list of revoked sessions takes of the memory of a process, at most: the text, and
#: its place in a set that is never more than three fifths full and grows fourfold.
BYTES_OF_AN_ID = 210


@dataclass(frozen=True, slots=True, kw_only=True)
class Machines:
    """What there is to run it on, and how much of it may be busy."""

    #: The busiest seconds, as a multiple of the average.
    peak_factor: float = 3.0
    #: Of one machine of the database, and which part of them may be busy at the peak.
    database_processors: int = 16
    most_busy: float = 0.5
    #: ``REVOCATION_POLL_INTERVAL``, in seconds.
    revocation_poll_interval: float = 10.0


@dataclass(frozen=True, slots=True)
class Load:
    """What so many users need. Rates are a second, all but the average at the peak."""

    users: float
    average: dict[str, float]
    peak: dict[str, float]
    rows: float
    bytes_stored: float
    #: Bytes of the write-ahead log a second: where all pages were written since the checkpoint, and
    #: where none was.
    wal: tuple[float, float]
    #: Processors of the application: for passwords, and for everything else.
    passwords: float
    application: float
    processes: int
    #: Processors of the database: for what writes, for ``JWTAuthentication`` and for the polls.
    writes: float
    requests: float
    polls: float
    #: Connections that wait for the database: without the requests, and for them.
    connections: tuple[float, float]
    #: The ids in the list of revoked sessions of each process, and their bytes.
    revoked: float
    snapshot: float
    replicas: int
    shards: int


def load(users: float, daily: Daily, habits: Habits, costs: Costs, machines: Machines) -> Load:
    """What ``users`` need who each do ``daily``."""
    average = daily.of_many(users)
    peak = {name: rate * machines.peak_factor for name, rate in average.items()}
    # Whatever ends a session costs about what a sign-out does. Each row is deleted once.
    writing = {
        SIGN_IN: peak["sign_ins"],
        REFRESH: peak["refreshes"],
        SIGN_OUT: peak["revocations"],
        PRUNE: peak["sign_ins"] / PRUNED,
    }
    asking = peak["requests"]
    passwords = peak["sign_ins"] * costs.password
    application = (
        sum(rate * costs.application[name] for name, rate in writing.items())
        + asking * costs.application[REQUEST]
    )
    processes = max(2, math.ceil((passwords + application) / machines.most_busy))
    window = habits.access_token_lifetime * 60 + 2 * machines.revocation_poll_interval
    revoked = peak["revocations"] * window
    polls = processes / machines.revocation_poll_interval
    poll, wait_of_a_poll = (_of_a_poll(each, revoked) for each in (costs.server, costs.wait))
    writes = sum(rate * costs.server[name] for name, rate in writing.items())
    requests = asking * costs.server[REQUEST]
    rows = daily.rows(habits) * users
    most = machines.database_processors * machines.most_busy
    reads = requests + polls * poll
    shards = math.ceil(writes / most)
    return Load(
        users=users,
        average=average,
        peak=peak,
        rows=rows,
        bytes_stored=rows * costs.row,
        wal=(
            sum(rate * costs.wal_warm[name] for name, rate in writing.items()),
            sum(rate * costs.wal_cold[name] for name, rate in writing.items()),
        ),
        passwords=passwords,
        application=application,
        processes=processes,
        writes=writes,
        requests=requests,
        polls=polls * poll,
        connections=(
            sum(rate * costs.wait[name] for name, rate in writing.items()) + polls * wait_of_a_poll,
            asking * costs.wait[REQUEST],
        ),
        revoked=revoked,
        snapshot=revoked * BYTES_OF_AN_ID,
        replicas=0 if writes + reads <= most else math.ceil(reads / most),
        shards=max(1, shards),
    )


def _of_a_poll(seconds: Mapping[str, float], revoked: float) -> float:
    """What a poll takes that finds ``revoked`` ids."""
    # On a busy machine chance may have made the longer one the shorter.
    of_an_id = max(0.0, seconds[FULL_POLL] - seconds[POLL]) / POLLED
    return seconds[POLL] + of_an_id * revoked
