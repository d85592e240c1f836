"""Many sessions, inserted without a sign-in for each."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django.db import connection
from django.utils import timezone

from django_tokenauth.models import Session
from django_tokenauth.sessions import store
from django_tokenauth.sessions.users import auth_hash

#: An expression of SQL and its parameters.
Sql = tuple[str, list[Any]]
_USER_AGENT = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"


def new_session(user: Any, idle_expires_at: datetime) -> Session:
    """Return an unsaved session that was last refreshed at its sign-in."""
    created_at = idle_expires_at - timedelta(days=14)
    return Session(
        id=store.new_id(created_at),
        user=user,
        created_at=created_at,
        refreshed_at=created_at,
        idle_expires_at=idle_expires_at,
        absolute_expires_at=created_at + timedelta(days=90),
        auth_hash=auth_hash(user),
        client_id="django-tokenauth",
        user_agent=_USER_AGENT,
        ip="192.0.2.1",
        amr="pwd",
    )


def insert_sessions(
    number: int, users: list[Any], *, created_at: Sql, idle_expires_at: Sql
) -> None:
    """Insert sessions of ``users`` in turn, on PostgreSQL.

    The users have consecutive keys and the same password. The expressions can use ``place``, the
    number of the row. One statement, because the ORM takes minutes for a million rows.
    """
    template = new_session(users[0], timezone.now())
    values: dict[str, Sql] = {
        str(field.column): (
            "%s",
            [field.get_db_prep_save(getattr(template, field.attname), connection)],
        )
        for field in Session._meta.concrete_fields
    }
    values["id"] = session_id(created_at)
    values["user_id"] = ("%s + place %% %s", [users[0].pk, len(users)])
    values["created_at"] = values["refreshed_at"] = created_at
    values["idle_expires_at"] = idle_expires_at
    with connection.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO {Session._meta.db_table} ({', '.join(values)}) "  # noqa: S608
            f"SELECT {', '.join(sql for sql, _ in values.values())}"
            " FROM generate_series(0, %s) place",
            [*(value for _, parameters in values.values() for value in parameters), number - 1],
        )


def session_id(created_at: Sql) -> Sql:
    """Return the SQL of a UUID of version 7, as a sign-in at ``created_at`` makes it."""
    sql, parameters = created_at
    milliseconds = f"lpad(to_hex(floor(extract(epoch from {sql}) * 1000)::bigint), 12, '0')"
    random = "substr(replace(gen_random_uuid()::text, '-', ''), 14)"
    return f"({milliseconds} || '7' || {random})::uuid", parameters
