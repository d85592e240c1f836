"""Lock tables from another connection, so that statements fail at once.

Use them only outside transactions: with ``@pytest.mark.django_db(transaction=True)``.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

from django.db import connection
from django.db.models import Model


class _Statements(NamedTuple):
    """SQL statements of one database system. ``{}`` is replaced by the table."""

    writes: str
    reads_and_writes: str
    release: str
    fail_at_once: str
    wait: str


_STATEMENTS = {
    "sqlite": _Statements(
        "BEGIN IMMEDIATE",
        "BEGIN EXCLUSIVE",
        "ROLLBACK",
        "PRAGMA busy_timeout = 0",
        "PRAGMA busy_timeout = 20000",
    ),
    "postgresql": _Statements(
        "BEGIN; LOCK TABLE {} IN EXCLUSIVE MODE",
        "BEGIN; LOCK TABLE {} IN ACCESS EXCLUSIVE MODE",
        "ROLLBACK",
        "SET lock_timeout = '1ms'",
        "SET lock_timeout = 0",
    ),
    "mysql": _Statements(
        "LOCK TABLES {} READ",
        "LOCK TABLES {} WRITE",
        "UNLOCK TABLES",
        "SET lock_wait_timeout = 0, innodb_lock_wait_timeout = 0",
        "SET lock_wait_timeout = DEFAULT, innodb_lock_wait_timeout = DEFAULT",
    ),
}


@contextmanager
def locked_row(row: Model) -> Iterator[None]:
    """Lock one row, as a transaction that changes it does. SQLite has no row locks."""
    statements = _STATEMENTS[connection.vendor]
    holder: Any = connection.copy("holder")
    try:
        holder.set_autocommit(False)
        pk = row._meta.pk
        table, key = map(connection.ops.quote_name, (row._meta.db_table, str(pk.column)))
        with holder.cursor() as lock_cursor, connection.cursor() as cursor:
            lock_cursor.execute(
                f"SELECT 1 FROM {table} WHERE {key} = %s FOR UPDATE",  # noqa: S608
                [pk.get_db_prep_value(row.pk, connection)],
            )
            assert lock_cursor.fetchone()
            cursor.execute(statements.fail_at_once)
        try:
            yield
        finally:
            with connection.cursor() as cursor:
                cursor.execute(statements.wait)
    finally:
        holder.close()


@contextmanager
def unwritable(model: type[Model]) -> Iterator[None]:
    """Make writes to the table fail. SQLite locks all tables."""
    with _held(model, _STATEMENTS[connection.vendor].writes):
        yield


@contextmanager
def unreadable(model: type[Model]) -> Iterator[None]:
    """Make reads and writes of the table fail. SQLite locks all tables."""
    with _held(model, _STATEMENTS[connection.vendor].reads_and_writes):
        yield


@contextmanager
def _held(model: type[Model], lock: str) -> Iterator[None]:
    statements = _STATEMENTS[connection.vendor]
    holder: Any = connection.copy()
    try:
        with holder.cursor() as lock_cursor, connection.cursor() as cursor:
            lock_cursor.execute(lock.format(connection.ops.quote_name(model._meta.db_table)))
            cursor.execute(statements.fail_at_once)
        try:
            yield
        finally:
            with holder.cursor() as lock_cursor, connection.cursor() as cursor:
                lock_cursor.execute(statements.release)
                cursor.execute(statements.wait)
    finally:
        holder.close()
