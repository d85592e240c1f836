"""Whether anything costs more where there are more sessions, on PostgreSQL.

The same tables stand there three times, in a schema each, with more and more rows; so all sizes
take their turns in one run. What the database does for each statement is asked with ``EXPLAIN``.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

from django.contrib.auth import get_user_model
from django.db import connection
from django.db.models import Model
from django.utils import timezone

from django_tokenauth import services
from django_tokenauth.models import Session
from django_tokenauth.services.signing_in import PRUNED_PER_SIGN_IN
from django_tokenauth.sessions import pruning

from . import project
from .database_rows import session_id
from .parts import Effort, Entry, measure
from .prune import LONG_AGO
from .results import Kind, Promise, Row, Table
from .rounds import Candidate

SESSIONS_OF_A_USER = 10
#: As many as a sign-in deletes at most.
PRUNED = PRUNED_PER_SIGN_IN
OPERATIONS = ("authentication of a request", "refresh", "list of 10 sessions", "pruning 20 rows")


def tables(effort: Effort) -> Iterator[Table]:
    sizes = (100, 1000) if effort.quick else (1000, 100_000, 1_000_000)
    acts: dict[str, dict[int, Candidate]] = {operation: {} for operation in OPERATIONS}
    for size in sizes:
        _fill(size)
        for operation, candidate in zip(OPERATIONS, _candidates(size), strict=True):
            acts[operation][size] = candidate
    entries = [
        Entry(f"{size:,} sessions", Kind.OURS, candidate, operation)
        for operation, by_size in acts.items()
        for size, candidate in by_size.items()
    ]
    rows = measure(entries, effort, statements=project.statements)
    scans = {operation: _scans(by_size[sizes[-1]]) for operation, by_size in acts.items()}
    yield Table(
        "Cost by the number of sessions",
        rows,
        effort.unit,
        facts={
            **{f"{operation}, {_name(sizes)}": _ratio(rows, operation) for operation in acts},
            **{f"{operation}, read by": ", ".join(found) for operation, found in scans.items()},
        },
        # A table of a few pages is read as a whole, and that is right.
        promises=[]
        if effort.quick
        else [
            Promise(f"whole tables read for {operation}", 0, found.count(WHOLE_TABLE))
            for operation, found in scans.items()
        ],
    )


def _name(sizes: tuple[int, ...]) -> str:
    return f"{sizes[-1]:,} to {sizes[0]:,} sessions"


def _ratio(rows: list[Row], operation: str) -> str:
    medians = [row.figure.median for row in rows if row.group == operation]
    return f"{medians[-1] / medians[0]:.2f}"


def _at(size: int) -> None:
    """Go on with the tables of that many sessions."""
    with connection.cursor() as cursor:
        cursor.execute(f"SET search_path TO sessions_{size}, public")


def _fill(size: int) -> None:
    users: type[Model] = get_user_model()
    schema = f"sessions_{size}"
    with connection.cursor() as cursor:
        cursor.execute(f"CREATE SCHEMA {schema}")
        for model in (users, Session):
            name = model._meta.db_table
            cursor.execute(f"CREATE TABLE {schema}.{name} (LIKE public.{name} INCLUDING ALL)")
        _at(size)
    number = size // SESSIONS_OF_A_USER
    made = users._default_manager.bulk_create(
        (users(username=f"user{place}") for place in range(number)), batch_size=1000
    )
    _insert(size, first_user=made[0].pk, users=number, end=timedelta(days=10))
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")


def _insert(size: int, *, first_user: Any, users: int, end: timedelta) -> None:
    """That many rows, made by the database itself: a million of them by the ORM takes minutes."""
    now = timezone.now()
    created_at = ("%s + place * interval '1 second' / 10", [now + end - timedelta(days=14)])
    values: dict[str, tuple[str, list[Any]]] = {
        "id": session_id(*created_at),
        "user_id": ("%s + place %% %s", [first_user, users]),
        "generation": ("1", []),
        "retried": ("false", []),
        "created_at": created_at,
        "refreshed_at": ("%s", [now + end - timedelta(days=14)]),
        "idle_expires_at": ("%s + place * interval '1 second' / 10", [now + end]),
        "absolute_expires_at": ("%s", [now + end + timedelta(days=90)]),
        "revoked_at": ("null", []),
        "auth_hash": ("repeat('0', 64)", []),
        "scope_limited": ("false", []),
        "client_id": ("'django-tokenauth'", []),
        "ip": ("'192.0.2.1'", []),
        **{name: ("''", []) for name in ("revoked_reason", "scope", "name", "user_agent", "amr")},
    }
    columns = [str(field.column) for field in Session._meta.concrete_fields]
    expressions = ", ".join(values[column][0] for column in columns)
    parameters = [value for column in columns for value in values[column][1]]
    with connection.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO {Session._meta.db_table} ({', '.join(columns)}) "  # noqa: S608
            f"SELECT {expressions} FROM generate_series(0, %s) place",
            [*parameters, size - 1],
        )


def _candidates(size: int) -> Iterator[Candidate]:
    """What is compared, in the order of ``OPERATIONS``. The connection is at ``size`` meanwhile."""
    [user] = project.users(1)
    pair = services.sign_in(user)
    claims = services.authenticate_access_token(pair.access_token)
    current = [pair.refresh_token]
    first = get_user_model()._default_manager.order_by("pk").first()

    def refresh() -> None:
        current[0] = services.refresh(current[0]).refresh_token

    def ended(number: int) -> None:
        _at(size)
        _insert(PRUNED * number, first_user=user.pk, users=1, end=-LONG_AGO)

    def prune() -> None:
        if pruning.prune(timezone.now() - timedelta(days=30), PRUNED) != PRUNED:
            raise SystemExit("Fewer rows were pruned than had ended.")

    def here(act: Callable[[], object]) -> Candidate:
        return Candidate(act, lambda number: _at(size))

    yield here(lambda: services.get_user(claims))
    yield here(refresh)
    yield here(lambda: list(services.list_sessions(first)))
    yield Candidate(prune, ended)


WHOLE_TABLE = "the whole table"


def _scans(candidate: Candidate) -> list[str]:
    """How the database finds the rows of a call."""
    asked: list[tuple[str, Any]] = []

    def note(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        asked.append((sql, params))
        return execute(sql, params, many, context)

    candidate.prepare(1)
    with connection.execute_wrapper(note):
        candidate.act()
    found: list[str] = []
    with connection.cursor() as cursor:
        for sql, params in asked:
            cursor.execute(f"EXPLAIN (FORMAT JSON) {sql}", params)
            [told] = cursor.fetchone()
            plans = json.loads(told) if isinstance(told, str) else told
            for node in _nodes(plans[0]["Plan"]):
                if node["Node Type"] == "Seq Scan":
                    found.append(WHOLE_TABLE)
                elif "Index Name" in node:
                    found.append(node["Index Name"])
    return found


def _nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for below in plan.get("Plans", ()):
        yield from _nodes(below)
