"""Delete the rows of expired and revoked sessions: at most a given number, or all in batches.

Pruning is not urgent, so a deletion must not slow down other statements. Each deletion finds its
rows by the index of ``idle_expires_at``. On databases with row locks, a deletion locks only its
rows, and one more row on MySQL and MariaDB.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from itertools import pairwise
from typing import Any

from django.db import connections, router
from django.db.models import F, QuerySet, Window
from django.db.models.functions import RowNumber

from ..models import Session
from .database import primary_sessions


def prunable(before: datetime) -> QuerySet[Session]:
    """Return the sessions that expired or were revoked before *before*."""
    # A revocation sets idle_expires_at too.
    return primary_sessions().filter(idle_expires_at__lt=before)


def prune(before: datetime, limit: int) -> int:
    """Delete at most *limit* rows of :func:`prunable`, the oldest first, and return their number.

    One statement. The ORM cannot limit a ``DELETE``, so the ORM compiles only the subquery.
    """
    rows = prunable(before).order_by("idle_expires_at").values(pruned_id=F("pk"))[:limit]
    subquery, parameters = rows.query.get_compiler(using=rows.db).as_sql()
    return _execute(_DELETE_IN, parameters, subquery=subquery)


def prune_all(before: datetime, size: int) -> Iterator[int]:
    """Delete all rows of :func:`prunable` and yield the number of rows of each batch.

    Each batch has fewer than twice *size* rows, and usually about *size*. One statement reads the
    limits of the batches. One statement deletes each batch: by its range of expiries, or by keys if
    many rows have the same expiry. On PostgreSQL, finding each row by its key takes several times
    as long as deleting the row. A final deletion covers prunable rows that were committed during
    the other deletions.
    """
    crowded = None
    for low, high in pairwise([*_batch_limits(before, size), before]):
        if low == high:
            # More rows than the size of a batch may have the same expiry.
            crowded = low
        elif low == crowded:
            yield from _prune_by_key(high, size)
        elif deleted := _prune_between(low, high):
            yield deleted
    yield from _prune_by_key(before, size)


def _batch_limits(before: datetime, size: int) -> list[datetime]:
    """Return the expiry of the first row of each batch."""
    place = Window(RowNumber(), order_by="idle_expires_at")
    numbered = prunable(before).annotate(rest=(place - 1) % size)
    first = numbered.filter(rest=0).order_by("idle_expires_at")
    return list(first.values_list("idle_expires_at", flat=True))


def _prune_by_key(before: datetime, size: int) -> Iterator[int]:
    while deleted := prune(before, size):
        yield deleted


def _prune_between(low: datetime, high: datetime) -> int:
    """Delete the rows with ``low <= idle_expires_at < high``. One statement."""
    field: Any = Session._meta.get_field("idle_expires_at")
    connection = connections[router.db_for_write(Session)]
    limits = [field.get_db_prep_value(limit, connection) for limit in (low, high)]
    return _execute(_DELETE_BETWEEN, limits)


def _execute(statements: dict[str, str], parameters: Sequence[Any], *, subquery: str = "") -> int:
    """Run the statement for the vendor of the database and return the number of deleted rows."""
    connection = connections[router.db_for_write(Session)]
    expiry: Any = Session._meta.get_field("idle_expires_at")
    # Format the statement only with table names, column names and SQL by Django; all values are
    # parameters.
    statement = statements.get(connection.vendor, statements["default"]).format(
        table=connection.ops.quote_name(Session._meta.db_table),
        pk=connection.ops.quote_name(str(Session._meta.pk.column)),
        expiry=connection.ops.quote_name(expiry.column),
        subquery=subquery,
    )
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)
        return int(cursor.rowcount)


# For a DELETE with IN, MySQL and MariaDB read and lock the whole table. For a DELETE with a plain
# JOIN, MySQL and MariaDB lock the whole table if the table is small or most rows are deleted.
# STRAIGHT_JOIN fixes the order of the join.
_DELETE_IN = {
    "default": "DELETE FROM {table} WHERE {pk} IN (SELECT pruned_id FROM ({subquery}) pruned)",
    "mysql": "DELETE {table} FROM ({subquery}) pruned STRAIGHT_JOIN {table}"
    " ON {table}.{pk} = pruned.pruned_id",
}
# If a batch is a large part of the table, MySQL and MariaDB read the whole table, even with an
# index hint. For a query of the primary keys alone, MySQL and MariaDB read only the index, which
# contains the keys.
_DELETE_BETWEEN = {
    "default": "DELETE FROM {table} WHERE {expiry} >= %s AND {expiry} < %s",
    "mysql": "DELETE {table} FROM {table} pruned STRAIGHT_JOIN {table}"
    " ON {table}.{pk} = pruned.{pk} WHERE pruned.{expiry} >= %s AND pruned.{expiry} < %s",
}
