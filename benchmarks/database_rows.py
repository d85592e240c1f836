"""Many sessions in PostgreSQL: how they come there, their tokens, and their bytes."""

from __future__ import annotations

import tracemalloc
import uuid
from datetime import timedelta
from typing import Any

from django.contrib.auth import get_user_model
from django.contrib.auth.hashers import make_password
from django.db import connection
from django.db.models import QuerySet
from django.utils import timezone

from django_tokenauth.conf.settings import load
from django_tokenauth.models import Session
from django_tokenauth.services.issuing import TokenIssuer, TokenPair
from django_tokenauth.sessions.store import SessionState
from django_tokenauth.sessions.users import auth_hash

from . import project
from .growth import size_of
from .results import Kind, Row, Table
from .rounds import exactly
from .sizing_costs import POLLED, REFRESHED, SIZE

#: By default PostgreSQL vacuums a table when a fifth of it has changed.
PARTS, REFRESHES = 5, 2
PASSWORD = "correct horse"  # noqa: S105
#: The client that they are of.
FILLED = "filled"
_USER_AGENT = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"


def filled(number: int, *, ended: bool = False) -> None:
    """Add so many sessions, ten of each of new users, whose password is ``PASSWORD``.

    The database makes them itself. Of those that have ``ended``, which are a quarter, each ended
    between two and three days ago, in another order than that in which they were made.
    """
    users = list(project.users(max(1, number // 10)))
    users[0].password = make_password(PASSWORD)
    everybody = get_user_model()._default_manager.filter(pk__gte=users[0].pk)
    everybody.update(password=users[0].password)
    now = timezone.now()
    end, past = now + timedelta(days=10), now - timedelta(days=3)
    created_at = ("%s + place * interval '1 millisecond'", [end - timedelta(days=14)])
    values: dict[str, tuple[str, list[Any]]] = {
        "id": session_id(*created_at),
        "user_id": ("%s + place / 10 %% %s", [users[0].pk, len(users)]),
        "generation": ("1", []),
        "created_at": created_at,
        "refreshed_at": created_at,
        "idle_expires_at": (
            "CASE WHEN %s AND place %% 4 = 0 THEN %s ELSE %s END + random() * interval '1 day'",
            [ended, past, end],
        ),
        "absolute_expires_at": ("%s", [end + timedelta(days=76)]),
        # The same for the same password.
        "auth_hash": ("%s", [auth_hash(users[0])]),
        "client_id": ("%s", [FILLED]),
        "ip": ("'192.0.2.1'", []),
        "user_agent": ("%s", [_USER_AGENT]),
        "amr": ("'pwd'", []),
        "revoked_at": ("null", []),
        **dict.fromkeys(("retried", "scope_limited"), ("false", [])),
    }
    columns = [str(item.column) for item in Session._meta.concrete_fields]
    found = [values.get(column, ("''", [])) for column in columns]
    with connection.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO {Session._meta.db_table} ({', '.join(columns)}) "  # noqa: S608
            f"SELECT {', '.join(text for text, _ in found)} FROM generate_series(0, %s) place",
            [*(value for _, given in found for value in given), number - 1],
        )
        cursor.execute("ANALYZE")


def session_id(moment: str, given: list[Any]) -> tuple[str, list[Any]]:
    """What :func:`~django_tokenauth.sessions.store.new_id` makes of ``moment``, with what is
    ``given`` to it, as an expression of PostgreSQL."""
    milliseconds = f"lpad(to_hex((extract(epoch from {moment}) * 1000)::bigint), 12, '0')"
    at_random = "substr(replace(gen_random_uuid()::text, '-', ''), 14)"
    return f"({milliseconds} || '7' || {at_random})::uuid", given


def lasting() -> QuerySet[Session]:
    """Those of :func:`filled` that have not ended by their time."""
    return Session.objects.filter(client_id=FILLED, idle_expires_at__gt=timezone.now())


def pairs(number: int) -> list[TokenPair]:
    """The tokens of so many sessions, from anywhere in the table."""
    now = timezone.now()
    issuer = TokenIssuer(settings=load(), request=None, now=now)
    alive = lasting().filter(revoked_at=None).select_related("user").order_by("?")
    return [
        issuer.issue_for_session(
            session, SessionState.of(session)._replace(refreshed_at=now), frozenset()
        )
        for session in alive[:number]
    ]


def write_each_page() -> None:
    """Write pages of the sessions and of the users, and with them those of their indexes."""
    for model, column in ((Session, "idle_expires_at"), (get_user_model(), "last_login")):
        table = model._meta.db_table
        with connection.cursor() as cursor:
            cursor.execute(
                f"UPDATE {table} SET {column} = {column} + interval '1 millisecond' "  # noqa: S608
                f"WHERE ctid IN (SELECT DISTINCT ON ((ctid::text::point)[0]) ctid FROM {table})"
            )


def bytes_of_rows(number: int) -> Table:
    """The size of a row, new and after a while, measured with so many."""
    table = Session._meta.db_table
    with connection.cursor() as cursor:
        cursor.execute(f"TRUNCATE {table}")
    filled(number)
    sizes = {"as it was made": size_of([Session])}
    for _ in range(REFRESHES):
        for part in range(PARTS):
            with connection.cursor() as cursor:
                # What a refresh writes, of a fifth of all sessions, from anywhere in the table.
                cursor.execute(
                    f"UPDATE {table} SET generation = generation + 1, "  # noqa: S608
                    "refreshed_at = now(), idle_expires_at = idle_expires_at + interval '1 day' "
                    "WHERE abs(hashtext(id::text)) %% %s = %s",
                    [PARTS, part],
                )
                cursor.execute(f"VACUUM {table}")
    sizes[REFRESHED] = size_of([Session])
    rows = [Row(name, Kind.OURS, exactly(size / number)) for name, size in sizes.items()]
    return Table(SIZE, rows, "bytes", note=f"{number:,} rows, vacuumed after each fifth.")


def bytes_of_ids() -> Table:
    """The memory of a process for each id that is revoked."""
    tracemalloc.start()
    ids = frozenset(str(uuid.uuid4()) for _ in range(POLLED))
    kept, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    rows = [Row("an id", Kind.OURS, exactly(kept / len(ids)))]
    return Table("Memory of the list of revoked sessions", rows, "bytes")
