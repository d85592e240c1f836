"""The cost of each operation with 1,000, 100,000 and 1,000,000 sessions, on PostgreSQL.

Each size has a schema with its own tables, so all sizes take turns in one run. ``EXPLAIN`` proves
that no statement reads a whole table.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Any

from django.contrib.auth import get_user_model
from django.db import connection
from django.utils import timezone

from django_tokenauth import services
from django_tokenauth.models import Session
from django_tokenauth.services.signing_in import PRUNED_PER_SIGN_IN as PRUNED
from django_tokenauth.sessions import pruning

from .catalog import Run
from .project import new_users
from .prune import LONG_AGO
from .rows import insert_sessions
from .sampling import Subject, measure, unit
from .tables import Assertion, RowKind, Table

SESSIONS_PER_USER = 10


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
    executed: list[tuple[str, Any]] = []

    def record(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        executed.append((sql, params))
        return execute(sql, params, many, context)

    subject.prepare(1)
    with connection.execute_wrapper(record):
        subject.call()
    scans = 0
    with connection.cursor() as cursor:
        for sql, params in executed:
            cursor.execute(f"EXPLAIN (FORMAT JSON) {sql}", params)
            [plan] = cursor.fetchone()
            scans += json.dumps(plan).count("Seq Scan")
    return scans
