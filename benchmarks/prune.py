"""To delete 100,000 ended of 200,000 rows, by the commands that are there for it.

simplejwt's rows are outstanding refresh tokens; those that ended are on its blacklist too, as
rotation puts them there. The memory is what the process needs more than before.
"""

from __future__ import annotations

import gc
import io
import random
import time
import uuid
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from importlib import import_module
from typing import Any

from django.core.management import call_command
from django.utils import timezone

from django_tokenauth.models import Session
from django_tokenauth.sessions import store as sessions
from django_tokenauth.sessions.pruning import prunable

from . import project, system
from .parts import Effort
from .results import Kind, Row, Table
from .rounds import figure

#: Longer ago than any of them keeps what has ended.
LONG_AGO = timedelta(days=100)
BATCH = 2000


def tables(effort: Effort) -> Iterator[Table]:
    number = 1000 if effort.quick else 100_000
    rounds = 1 if effort.quick else min(effort.rounds, 3)
    everybody = list(project.users(100))
    taken: dict[str, list[float]] = {}
    grown: dict[str, list[float]] = {}
    candidates = list(_candidates(everybody, effort))
    kinds = {name: kind for name, kind, *_ in candidates}
    for fill in dict.fromkeys(fill for *_, fill, _ in candidates):
        fill(number, timedelta(days=10))
    for _ in range(rounds):
        for name, _, fill, command in random.sample(candidates, len(candidates)):
            fill(number, -LONG_AGO)
            milliseconds, mebibytes = _pruned(command)
            taken.setdefault(name, []).append(milliseconds)
            if mebibytes is not None:
                grown.setdefault(name, []).append(mebibytes)
    title = f"Deleting {number:,} ended of {2 * number:,} rows"
    rows = [Row(name, kind, figure(taken[name])) for name, kind in kinds.items()]
    yield Table(title, rows, "ms", rounds=rounds)
    if grown:
        rows = [Row(name, kind, figure(grown[name])) for name, kind in kinds.items()]
        yield Table(f"{title}: memory above that before", rows, "MiB", rounds=rounds)


_Fill = Callable[[int, timedelta], None]
_Command = Callable[[], object]


def _candidates(
    everybody: list[Any], effort: Effort
) -> Iterator[tuple[str, Kind, _Fill, _Command]]:
    def ours(number: int, end: timedelta) -> None:
        _sessions(everybody, number, end)

    yield "tokenauth_prune", Kind.OURS, ours, _called("tokenauth_prune")
    yield "our rows, all in one statement", Kind.LIMIT, ours, _at_once
    if "simplejwt" in effort.peers:
        yield (
            "flushexpiredtokens",
            Kind.PEER,
            lambda number, end: _outstanding(everybody, number, end),
            _called("flushexpiredtokens"),
        )


def _called(command: str) -> _Command:
    return lambda: call_command(command, stdout=io.StringIO())


def _at_once() -> None:
    """The least that a database has to do: no batches, no progress, one lock until the end."""
    rows = prunable(timezone.now() - timedelta(days=30))
    rows._raw_delete(rows.db)


def _pruned(command: _Command) -> tuple[float, float | None]:
    """The milliseconds, and the MiB that were needed more than before."""
    gc.collect()
    before = system.resident() if system.forget_peak() else None
    start = time.perf_counter()
    command()
    milliseconds = (time.perf_counter() - start) * 1000
    most = system.peak()
    return milliseconds, None if before is None or most is None else max(0.0, most - before)


def _sessions(everybody: list[Any], number: int, end: timedelta) -> None:
    now = timezone.now()
    for first in range(0, number, BATCH):
        Session.objects.bulk_create(
            # One after the other, as sign-ins come.
            _session(everybody[place % len(everybody)], now + end + timedelta(seconds=place))
            for place in range(first, min(first + BATCH, number))
        )


def _session(user: Any, idle_expires_at: datetime) -> Session:
    created_at = idle_expires_at - timedelta(days=14)
    return Session(
        id=sessions.new_id(created_at),
        user=user,
        created_at=created_at,
        refreshed_at=created_at,
        idle_expires_at=idle_expires_at,
        absolute_expires_at=created_at + timedelta(days=90),
        auth_hash="0" * 64,
        client_id="django-tokenauth",
        user_agent="Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
        ip="192.0.2.1",
        amr="pwd",
    )


def _outstanding(everybody: list[Any], number: int, end: timedelta) -> None:
    stored = import_module("rest_framework_simplejwt.token_blacklist.models")
    sample = str(import_module("rest_framework_simplejwt.tokens").RefreshToken())
    now = timezone.now()
    for first in range(0, number, BATCH):
        tokens = stored.OutstandingToken.objects.bulk_create(
            stored.OutstandingToken(
                user=everybody[place % len(everybody)],
                jti=uuid.uuid4().hex,
                token=sample,
                created_at=now + end - timedelta(days=14),
                idle_expires_at=now + end + timedelta(seconds=place),
            )
            for place in range(first, min(first + BATCH, number))
        )
        if end < timedelta(0):
            if tokens[0].pk is None:
                raise SystemExit("The database does not tell the keys of new rows.")
            stored.BlacklistedToken.objects.bulk_create(
                stored.BlacklistedToken(token=token) for token in tokens
            )
