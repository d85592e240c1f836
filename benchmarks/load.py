"""The load of each operation on PostgreSQL and on the application: the input of ``sizing``.

An operation is a view or an authentication class, called in this process. Its wait is the time from
sending each statement to the response, commit included. Processor times are those of this process
and of the PostgreSQL process that serves it. The write-ahead log is that of the whole server:
measure where no other client writes.
"""

from __future__ import annotations

import itertools
import random
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import timedelta
from http import HTTPStatus
from pathlib import Path
from typing import Any

from django.contrib.auth import get_user_model
from django.contrib.auth.hashers import PBKDF2PasswordHasher, make_password
from django.db import connection
from django.test import RequestFactory
from django.utils import timezone
from rest_framework.request import Request

from django_tokenauth import services
from django_tokenauth.authentication import JWTAuthentication
from django_tokenauth.conf.settings import load
from django_tokenauth.models import Session
from django_tokenauth.tokens.refresh import refresh_tokens
from django_tokenauth.views import RefreshView, RevokeView, TokenView

from . import sizing
from .catalog import Run
from .project import new_users
from .rows import insert_sessions
from .sampling import Subject, compare, nothing, show_progress
from .tables import Assertion, Row, RowKind, Table, exact, summarize

PASSWORD = "correct horse"  # noqa: S105
#: Two statements of a sign-in belong to Django: read the user, and write last_login.
STATEMENTS = {sizing.SIGN_IN: 6, sizing.REFRESH: 2, sizing.REQUEST: 1, sizing.SIGN_OUT: 2}
#: PostgreSQL vacuums a table after a fifth of it has changed.
VACUUMS, REFRESHES = 5, 2


@dataclass(slots=True)
class Samples:
    """Microseconds and bytes per call of one operation."""

    statements: int = 0
    wait: list[float] = field(default_factory=list)
    application: list[float] = field(default_factory=list)
    server: list[float] = field(default_factory=list)
    wal: list[float] = field(default_factory=list)


def tables(run: Run) -> Iterator[Table]:
    with connection.cursor() as cursor:
        cursor.execute("SET synchronous_commit = on")
    calls, rounds = (5, 1) if run.quick else (200, min(run.rounds, 9))
    subjects = list(operations(fill(3000 if run.quick else 300_000)))
    found = {subject.name: Samples() for subject in subjects}
    for subject in subjects:
        # Imports and compiles, so it is not part of the result.
        take(subject, 2, Samples())
    for _ in range(rounds):
        for subject in random.sample(subjects, len(subjects)):
            take(subject, calls, found[subject.name])
        show_progress()
    assertions = [
        Assertion(f"statements: {name}", limit, found[name].statements)
        for name, limit in STATEMENTS.items()
    ]
    groups = {"wait": sizing.WAIT, "application": sizing.APPLICATION, "server": sizing.SERVER}
    rows = [row for what, group in groups.items() for row in rows_of(found, what, group)]
    yield Table(sizing.TIME, rows, rounds=rounds, assertions=assertions)
    writes = [subject for subject in subjects if subject.name in sizing.WRITES]
    yield write_ahead_log(writes, max(1, calls // 2), min(rounds, 5))
    yield bytes_per_row(1000 if run.quick else 100_000)
    yield password_hash(1 if run.quick else 15)


def rows_of(found: dict[str, Samples], what: str, group: str = "") -> list[Row]:
    return [
        Row(name, RowKind.OURS, summarize(values), samples.statements, group)
        for name, samples in found.items()
        if (values := getattr(samples, what))
    ]


def fill(number: int) -> list[Any]:
    """Insert ten sessions for each of new users, and return the users.

    The sessions expire in another order than that of their creation.
    """
    users = new_users(number // 10)
    hashed = make_password(PASSWORD)
    get_user_model()._default_manager.filter(pk__gte=users[0].pk).update(password=hashed)
    for user in users:
        user.password = hashed
    end = timezone.now() + timedelta(days=10)
    insert_sessions(
        number,
        users,
        created_at=("%s + place * interval '1 millisecond'", [end - timedelta(days=14)]),
        idle_expires_at=("%s + random() * interval '1 day'", [end]),
    )
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")
    return users


def operations(users: list[Any]) -> Iterator[Subject]:
    factory = RequestFactory()

    def post(view: Any, **body: str) -> None:
        response = view(factory.post("/", body, content_type="application/json"))
        response.render()
        if response.status_code != HTTPStatus.OK:
            raise SystemExit(f"The response to {sorted(body)} was {response.status_code}.")

    sign_in, refresh, revoke = TokenView.as_view(), RefreshView.as_view(), RevokeView.as_view()
    names = itertools.cycle([user.get_username() for user in random.sample(users, len(users) // 2)])
    waiting: list[str] = []

    def issue(calls: int) -> None:
        waiting[:] = tokens_of_sessions(calls, users[0])

    headers = itertools.cycle([f"Bearer {services.sign_in(u).access_token}" for u in users[:200]])
    authentication = JWTAuthentication()

    def request() -> None:
        raw = factory.get("/", headers={"authorization": next(headers)})
        authentication.authenticate(Request(raw))

    calls: dict[str, tuple[Callable[[], object], Callable[[int], None]]] = {
        sizing.SIGN_IN: (lambda: post(sign_in, username=next(names), password=PASSWORD), nothing),
        sizing.REFRESH: (lambda: post(refresh, refresh_token=waiting.pop()), issue),
        sizing.REQUEST: (request, nothing),
        sizing.SIGN_OUT: (lambda: post(revoke, token=waiting.pop()), issue),
    }
    for name, (call, prepare) in calls.items():
        yield Subject(name, RowKind.OURS, call, prepare)


def tokens_of_sessions(number: int, user: Any) -> list[str]:
    """Return the refresh tokens of random sessions that were never refreshed."""
    tokens = refresh_tokens(load())
    claims = tokens.decode(services.sign_in(user).refresh_token, now=time.time())
    sessions = Session.objects.filter(generation=1, revoked_at=None).order_by("?")
    return [
        tokens.encode(replace(claims, session_id=str(key), subject=str(owner)))
        for key, owner in sessions.values_list("pk", "user_id")[:number]
    ]


def take(subject: Subject, calls: int, samples: Samples, before: Any = lambda: None) -> None:
    """Add a sample of ``calls`` calls. ``before`` runs after the preparation."""
    waits: list[float] = []

    def watch(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        start = time.perf_counter()
        try:
            return execute(sql, params, many, context)
        finally:
            waits.append(time.perf_counter() - start)

    subject.prepare(calls)
    before()
    written, served = server_counters()
    start = time.process_time()
    with connection.execute_wrapper(watch):
        for _ in range(calls):
            subject.call()
    used = time.process_time() - start
    written_after, served_after = server_counters()
    samples.statements = len(waits) // calls
    samples.wait.append(sum(waits) / calls * 1e6)
    samples.application.append(used / calls * 1e6)
    samples.wal.append((written_after - written) / calls)
    if served is not None and served_after is not None:
        samples.server.append((served_after - served) / calls / 1000)


def server_counters() -> tuple[int, int | None]:
    """Return the bytes of the log, and the processor nanoseconds of PostgreSQL's process.

    The latter are ``None`` if it runs on another machine.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid(), pg_current_wal_insert_lsn() - '0/0'::pg_lsn")
        pid, written = cursor.fetchone()
    process = Path(f"/proc/{pid}")
    try:
        local = (process / "comm").read_text(encoding="ascii").startswith("postgres")
        served = (process / "schedstat").read_text(encoding="ascii").split()[0]
    except OSError:
        local, served = False, ""
    return int(written), int(served) if local else None


def write_ahead_log(writes: list[Subject], calls: int, rounds: int) -> Table:
    """Measure the log after a checkpoint, when the first write of a page logs the whole page.

    Refreshes of random sessions in a large table mostly write such pages.
    """
    found = {subject.name: Samples() for subject in writes}
    for _ in range(rounds):
        for subject in writes:
            take(subject, calls, found[subject.name], checkpoint)
        show_progress()
    return Table(sizing.WAL, rows_of(found, "wal"), "bytes", rounds=rounds)


def checkpoint() -> None:
    with connection.cursor() as cursor:
        cursor.execute("CHECKPOINT")


def bytes_per_row(number: int) -> Table:
    """Measure the size of a session with its indexes after some refreshes."""
    table = Session._meta.db_table
    with connection.cursor() as cursor:
        cursor.execute(f"TRUNCATE {table}")
        fill(number)
        for part in list(range(VACUUMS)) * REFRESHES:
            cursor.execute(
                f"UPDATE {table} SET generation = generation + 1, refreshed_at = now(),"  # noqa: S608
                " idle_expires_at = idle_expires_at + interval '1 day'"
                " WHERE abs(hashtext(id::text)) %% %s = %s",
                [VACUUMS, part],
            )
            cursor.execute(f"VACUUM {table}")
        cursor.execute("SELECT pg_total_relation_size(%s)", [table])
        size = cursor.fetchone()[0] / number
    note = f"{number:,} rows, vacuumed after each fifth."
    row = Row(sizing.REFRESHED, RowKind.OURS, exact(size))
    return Table(sizing.SIZE, [row], "bytes", note=note)


def password_hash(rounds: int) -> Table:
    hasher = PBKDF2PasswordHasher()
    stored = hasher.encode(PASSWORD, hasher.salt())
    subject = Subject(sizing.PBKDF2, RowKind.OURS, lambda: hasher.verify(PASSWORD, stored))
    [times] = compare([subject], rounds=rounds, seconds=0, clock=time.process_time)
    return Table(sizing.HASH, [Row(subject.name, subject.kind, summarize(times))], "CPU µs")
