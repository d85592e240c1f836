"""Tables that another connection holds, so that the database answers with a fault at once.

Only outside of transactions: with ``@pytest.mark.django_db(transaction=True)``.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

from django.db import connection
from django.db.models import Model


class _Words(NamedTuple):
    """How a database says it; ``{}`` stands for the table."""

    writes: str
    everything: str
    release: str
    impatient: str
    patient: str


_WORDS = {
    "sqlite": _Words(
        "BEGIN IMMEDIATE",
        "BEGIN EXCLUSIVE",
        "ROLLBACK",
        "PRAGMA busy_timeout = 0",
        "PRAGMA busy_timeout = 20000",
    ),
    "postgresql": _Words(
        "BEGIN; LOCK TABLE {} IN EXCLUSIVE MODE",
        "BEGIN; LOCK TABLE {} IN ACCESS EXCLUSIVE MODE",
        "ROLLBACK",
        "SET lock_timeout = '1ms'",
        "SET lock_timeout = 0",
    ),
    "mysql": _Words(
        "LOCK TABLES {} READ",
        "LOCK TABLES {} WRITE",
        "UNLOCK TABLES",
        "SET lock_wait_timeout = 0, innodb_lock_wait_timeout = 0",
        "SET lock_wait_timeout = DEFAULT, innodb_lock_wait_timeout = DEFAULT",
    ),
}


@contextmanager
def busy(row: Model) -> Iterator[None]:
    """Another transaction is about to change this one row. Not on SQLite, which locks no rows."""
    words = _WORDS[connection.vendor]
    holder: Any = connection.copy("holder")
    try:
        holder.set_autocommit(False)
        pk = row._meta.pk
        table, key = map(connection.ops.quote_name, (row._meta.db_table, str(pk.column)))
        with holder.cursor() as cursor, connection.cursor() as ours:
            cursor.execute(
                f"SELECT 1 FROM {table} WHERE {key} = %s FOR UPDATE",  # noqa: S608
                [pk.get_db_prep_value(row.pk, connection)],
            )
            assert cursor.fetchone()
            ours.execute(words.impatient)
        try:
            yield
        finally:
            with connection.cursor() as ours:
                ours.execute(words.patient)
    finally:
        holder.close()


@contextmanager
def unwritable(model: type[Model]) -> Iterator[None]:
    """Reads answer, writes fail. On SQLite of all tables."""
    with _held(model, _WORDS[connection.vendor].writes):
        yield


@contextmanager
def unreadable(model: type[Model]) -> Iterator[None]:
    """Neither reads nor writes answer. On SQLite of all tables."""
    with _held(model, _WORDS[connection.vendor].everything):
        yield


@contextmanager
def _held(model: type[Model], lock: str) -> Iterator[None]:
    words = _WORDS[connection.vendor]
    holder: Any = connection.copy()
    try:
        with holder.cursor() as cursor, connection.cursor() as ours:
            cursor.execute(lock.format(connection.ops.quote_name(model._meta.db_table)))
            ours.execute(words.impatient)
        try:
            yield
        finally:
            with holder.cursor() as cursor, connection.cursor() as ours:
                cursor.execute(words.release)
                ours.execute(words.patient)
    finally:
        holder.close()
