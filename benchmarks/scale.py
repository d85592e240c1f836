"""The cost of each operation with 1,000, 100,000 and 1,000,000 sessions, on PostgreSQL.

Each size has a schema with its own tables, so all sizes take turns in one run. ``EXPLAIN`` proves
that no statement reads a whole table.
"""

from __future__ import annotations

import json
import time
import tracemalloc
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from functools import partial
from math import ceil
from typing import Any

from django.contrib.auth import get_user_model
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from django_tokenauth import services
from django_tokenauth.conf.settings import LONGEST_WAIT, load
from django_tokenauth.models import Session
from django_tokenauth.services.signing_in import PRUNED_PER_SIGN_IN as PRUNED
from django_tokenauth.sessions import pruning
from django_tokenauth.sessions.revocations import RevokedSessions
from django_tokenauth.tokens.access import access_tokens

from .catalog import Run
from .project import new_users
from .prune import LONG_AGO
from .rows import insert_sessions
from .sampling import Subject, measure, unit
from .tables import Assertion, Row, RowKind, Table, exact, summarize

SESSIONS_PER_USER = 10
POLL, NEW = timedelta(seconds=10), 100


def tables(run: Run) -> Iterator[Table]:
    sizes = (100, 1000) if run.quick else (1000, 100_000, 1_000_000)
    subjects: list[Subject] = []
    for size in sizes:
        users = fill(size)
        kind = RowKind.REFERENCE if size == sizes[0] else RowKind.OURS
        subjects += operations(size, users, kind)
    subjects.sort(key=lambda subject: subject.group)
    rows = measure(subjects, run)
    assertions = [
        Assertion(f"whole tables read: {subject.group}", 0, whole_tables_read(subject))
        for subject in subjects
        # PostgreSQL reads small tables sequentially by design.
        if subject.name == "1,000,000 sessions"
    ]
    yield Table("Cost by the number of sessions", rows, unit(run), assertions=assertions)
    yield from kept_in_memory(sizes[-1], 2 if run.quick else 9)


def kept_in_memory(size: int, polls: int) -> Iterator[Table]:
    """Measure a list of so many revoked sessions, and a full cache of verified tokens."""
    use_tables(size)
    keys = list(Session.objects.values_list("pk", flat=True)[: NEW * polls])
    start, window = timezone.now(), timedelta(minutes=5) + LONGEST_WAIT
    with connection.cursor() as cursor:
        table, spread = Session._meta.db_table, (start - POLL, f"{window.seconds} s")
        cursor.execute(f"UPDATE {table} SET revoked_at = %s - random() * %s::interval", spread)  # noqa: S608
        Session.objects.filter(pk__in=keys).update(revoked_at=None)
        cursor.execute(f"VACUUM ANALYZE {table}")
    # Tracing slows down, so one list is timed and another one is traced.
    timed, traced = RevokedSessions(POLL, window), RevokedSessions(POLL, window)
    milliseconds, megabytes = [], []
    for poll in range(polls + 1):
        now = (start + poll * POLL).timestamp()
        if poll:
            new = Session.objects.filter(pk__in=keys[(poll - 1) * NEW : poll * NEW])
            new.update(revoked_at=start + (poll - 0.5) * POLL)
        begin = time.process_time()
        timed.refresh(now)
        milliseconds.append((time.process_time() - begin) * 1000)
        megabytes.append(traced_peak(partial(traced.refresh, now)))
    yield Table(f"Read {size:,} revoked sessions", rows_of(milliseconds), "CPU ms")
    limit = Assertion("MB of a read", 40, ceil(max(megabytes)))
    row = Row("4,096 verified tokens of 7 KB", RowKind.OURS, exact(traced_peak(verifying())))
    yield Table("Memory of a process", [*rows_of(megabytes), row], "MB", assertions=[limit])


def rows_of(values: list[float]) -> list[Row]:
    return [
        Row("first read", RowKind.OURS, exact(values[0])),
        Row(f"each poll after it, {NEW} new", RowKind.OURS, summarize(values[1:])),
    ]


def verifying() -> Callable[[], object]:
    """Return a function that fills the cache of verified tokens."""
    tokens, now = access_tokens(load()), time.time()
    claims = tokens.decode(services.sign_in(new_users(1)[0]).access_token, now=now)
    big = claims._replace(extra={"groups": ["editors"] * 500})
    filled = [tokens.encode(big._replace(jwt_id=str(place))) for place in range(4096)]
    return lambda: all(tokens.decode(token, now=now) for token in filled)


def traced_peak(call: Callable[[], object]) -> float:
    """Return how many megabytes a call adds at most."""
    tracemalloc.start()
    call()
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return peak / 1e6


def use_tables(size: int) -> None:
    with connection.cursor() as cursor:
        cursor.execute(f"SET search_path TO sessions_{size}, public")


def fill(size: int) -> list[Any]:
    """Create a schema with that number of sessions and return their users."""
    with connection.cursor() as cursor:
        cursor.execute(f"CREATE SCHEMA sessions_{size}")
        for model in (get_user_model(), Session):
            name = model._meta.db_table
            cursor.execute(
                f"CREATE TABLE sessions_{size}.{name} (LIKE public.{name} INCLUDING ALL)"
            )
    use_tables(size)
    users = new_users(size // SESSIONS_PER_USER)
    insert_expiring(size, users, timezone.now() + timedelta(days=10))
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")
    return users


def insert_expiring(number: int, users: list[Any], end: datetime) -> None:
    """Insert sessions that expire one after the other from ``end``."""
    moment = "%s + place * interval '1 second' / 10"
    created_at = (moment, [end - timedelta(days=14)])
    insert_sessions(number, users, created_at=created_at, idle_expires_at=(moment, [end]))


def operations(size: int, users: list[Any], kind: RowKind) -> Iterator[Subject]:
    [user], name = new_users(1), f"{size:,} sessions"
    pair = services.sign_in(user)
    claims = services.authenticate_access_token(pair.access_token)
    current = [pair.refresh_token]

    def refresh() -> None:
        current[0] = services.refresh(current[0]).refresh_token

    def expire(calls: int) -> None:
        use_tables(size)
        insert_expiring(PRUNED * calls, [user], timezone.now() - LONG_AGO)

    def prune() -> None:
        if pruning.prune(timezone.now() - timedelta(days=30), PRUNED) != PRUNED:
            raise SystemExit("Fewer rows were pruned than had expired.")

    def subject(group: str, call: Callable[[], object]) -> Subject:
        return Subject(name, kind, call, lambda calls: use_tables(size), group)

    yield subject("authenticate a request", lambda: services.get_user(claims))
    yield subject("refresh", refresh)
    yield subject("list 10 sessions", lambda: list(services.list_sessions(users[0])))
    yield Subject(name, kind, prune, expire, f"prune {PRUNED} rows")


def whole_tables_read(subject: Subject) -> int:
    """Return how many sequential scans PostgreSQL plans for a call."""
    subject.prepare(1)
    with CaptureQueriesContext(connection) as captured:
        subject.call()
    scans = 0
    with connection.cursor() as cursor:
        for query in captured.captured_queries:
            cursor.execute(f"EXPLAIN (FORMAT JSON) {query['sql']}")
            scans += json.dumps(cursor.fetchone()).count("Seq Scan")
    return scans
