"""Delete 100,000 expired of 200,000 rows by the commands for it.

Ours deletes in batches, so that no sign-in waits long. simplejwt's rows are refresh tokens; the
expired ones are on its blacklist too, as rotation puts them there.
"""

from __future__ import annotations

import io
import random
import time
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from django.core.management import call_command
from django.utils import timezone

from django_tokenauth.models import Session

from .catalog import Run
from .competitors import load
from .project import new_users
from .rows import new_session
from .sampling import show_progress
from .tables import OURS, Row, RowKind, Table, summarize

#: Longer than the retention period of each package.
LONG_AGO = timedelta(days=100)
BATCH = 2000
#: Inserts sessions that expire at these times.
Insert = Callable[[list[datetime]], None]


def tables(run: Run) -> Iterator[Table]:
    number = 1000 if run.quick else 100_000
    rounds = min(run.rounds, 3)
    users = new_users(100)
    insert: Insert = partial(insert_sessions, users)
    subjects: dict[str, tuple[RowKind, str, Insert]] = {
        OURS: (RowKind.OURS, "tokenauth_prune", insert)
    }
    if "simplejwt" in run.competitors:
        insert = partial(load("simplejwt").insert, users)
        subjects["simplejwt"] = (RowKind.COMPETITOR, "flushexpiredtokens", insert)
    for *_, insert in subjects.values():
        fill(insert, number, timezone.now() + timedelta(days=10))
    times: dict[str, list[float]] = {name: [] for name in subjects}
    for _ in range(rounds):
        for name in random.sample(list(subjects), len(subjects)):
            _, command, insert = subjects[name]
            fill(insert, number, timezone.now() - LONG_AGO)
            start = time.perf_counter()
            call_command(command, stdout=io.StringIO())
            times[name].append((time.perf_counter() - start) * 1000)
        show_progress()
    rows = [Row(name, kind, summarize(times[name])) for name, (kind, *_) in subjects.items()]
    title = f"Delete {number:,} expired of {2 * number:,} rows"
    note = "By manage.py tokenauth_prune and manage.py flushexpiredtokens."
    yield Table(title, rows, "ms", note=note, rounds=rounds)


def insert_sessions(users: list[Any], ends: list[datetime]) -> None:
    Session.objects.bulk_create(
        new_session(users[place % len(users)], end) for place, end in enumerate(ends)
    )


def fill(insert: Insert, number: int, end: datetime) -> None:
    """Insert rows that expire in the order of their creation, one per second from ``end``."""
    for first in range(0, number, BATCH):
        last = min(first + BATCH, number)
        insert([end + timedelta(seconds=place) for place in range(first, last)])
