"""How many operations a second PostgreSQL does for several processes at once.

The processes run on the machine of the database and take their part of it.
"""

from __future__ import annotations

import multiprocessing
import time
from collections.abc import Callable
from functools import partial

from django.contrib.auth import get_user_model
from django.db import connection

from django_tokenauth import services

from . import project
from .parts import Effort
from .results import Kind, Row, Table
from .rounds import figure
from .sizing_costs import REFRESH, REQUEST

CLIENTS = (1, 2, 4, 8)
#: So long that all have connected before they begin.
AHEAD = 0.5


def throughput(effort: Effort) -> Table:
    """Refreshes and requests a second, with ``synchronous_commit``."""
    seconds, rounds = (0.2, 1) if effort.quick else (1.5, min(effort.rounds, 3))
    everybody = [user.pk for user in project.users(max(CLIENTS))]
    rows = []
    for name, kind in ((REFRESH, _refreshes), (REQUEST, _requests)):
        for clients in CLIENTS[:2] if effort.quick else CLIENTS:
            found = [_once(kind, everybody[:clients], seconds) for _ in range(rounds)]
            label = "1 process" if clients == 1 else f"{clients} processes"
            rows.append(Row(label, Kind.OURS, figure(found), group=name))
    return Table(
        "Operations of several processes at once",
        rows,
        "a second",
        more_is_better=True,
        rounds=rounds,
    )


def _once(kind: Callable[[int], Callable[[], object]], keys: list[int], seconds: float) -> float:
    # No process may go on with the connection of another.
    connection.close()
    start = time.monotonic() + AHEAD
    with multiprocessing.get_context("fork").Pool(len(keys)) as pool:
        work = partial(_count, kind, start, start + seconds)
        return sum(pool.map(work, keys, chunksize=1)) / seconds


def _count(kind: Callable[[int], Callable[[], object]], start: float, end: float, key: int) -> int:
    act = kind(key)
    act()
    if time.monotonic() > start:
        raise RuntimeError("It took too long to connect.")
    time.sleep(start - time.monotonic())
    done = 0
    while time.monotonic() < end:
        act()
        done += 1
    return done


def _refreshes(key: int) -> Callable[[], object]:
    current = [services.sign_in(get_user_model()._default_manager.get(pk=key)).refresh_token]

    def act() -> None:
        current[0] = services.refresh(current[0]).refresh_token

    return act


def _requests(key: int) -> Callable[[], object]:
    token = services.sign_in(get_user_model()._default_manager.get(pk=key)).access_token
    return lambda: services.get_user(services.authenticate_access_token(token))
