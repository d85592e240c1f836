"""Sessions that ended a while ago, and how their rows are deleted: a few at a time, or all.

Nobody waits for such a row, so only what the deletion does to the others counts: statements are
written to find ended rows by the index, and none has more to do than it was told. MySQL and MariaDB
lock one row beyond.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from functools import lru_cache
from itertools import pairwise
from typing import Any

from django.db import connections, router
from django.db.models import F, QuerySet, Window
from django.db.models.functions import RowNumber

from ..models import Session
from .compiled import placeholder


def ended(before: datetime) -> QuerySet[Session]:
    """The sessions that ended before ``before``, by their end of use or by a revocation."""
    # Where they are written: a replica may lag behind.
    return _ended(router.db_for_write(Session), before)


def _ended(using: str, before: Any) -> QuerySet[Session]:
    return Session.objects.using(using).filter(idle_expires_at__lt=before)


def prune(before: datetime, limit: int) -> int:
    """Delete at most ``limit`` rows that ended before ``before``. One statement."""
    using = router.db_for_write(Session)
    connection = connections[using]
    moment = Session._meta.get_field("idle_expires_at").get_db_prep_value(before, connection)
    with connection.cursor() as cursor:
        cursor.execute(_deletion(using, limit), [moment])
        return int(cursor.rowcount)


@lru_cache(maxsize=16)
def _deletion(using: str, limit: int) -> str:
    """The statement, in which only the moment is left to be given.

    Written around the ORM's own subquery: no database can be asked by the ORM to delete a limited
    number of rows at once. Compiled each time, it would take five times as long as it runs.
    """
    connection = connections[using]
    before = placeholder(Session, "idle_expires_at")
    rows = _ended(using, before).order_by("idle_expires_at").values(ended_id=F("pk"))[:limit]
    subquery, _ = rows.query.get_compiler(using).as_sql()
    # Only names from the model stand in the text; values are parameters.
    return _DELETE.get(connection.vendor, _DELETE_USUALLY).format(
        table=connection.ops.quote_name(Session._meta.db_table),
        pk=connection.ops.quote_name(str(Session._meta.pk.column)),
        subquery=subquery,
    )


_DELETE_USUALLY = "DELETE FROM {table} WHERE {pk} IN (SELECT ended_id FROM ({subquery}) ended)"
# MySQL and MariaDB would read, and lock, the whole table for that one; for a JOIN whose order they
# choose, they do so where the table is small or most of it has ended.
_DELETE = {
    "mysql": "DELETE {table} FROM ({subquery}) ended STRAIGHT_JOIN {table}"
    " ON {table}.{pk} = ended.ended_id"
}


def prune_all(before: datetime, size: int) -> Iterator[int]:
    """Delete all rows that ended before ``before``, and tell after each batch how many it had.

    That is about ``size``, and less than twice as many. One statement finds the ends of all
    batches, each batch is one by these ends, and a last one looks whether there is nothing left. On
    PostgreSQL no row is found by its key, which takes several times as long as to delete it.
    """
    crowded = None
    for low, high in pairwise([*_ends(before, size), before]):
        if low == high:
            # More rows than a batch may have ended at this moment.
            crowded = low
        elif low == crowded:
            yield from _by_key(high, size)
        elif deleted := _prune_between(low, high):
            yield deleted
    yield from _by_key(before, size)


def _ends(before: datetime, size: int) -> list[datetime]:
    """When the first row ended, the one after ``size`` others, and so on."""
    place = Window(RowNumber(), order_by="idle_expires_at")
    numbered = ended(before).annotate(rest=(place - 1) % size)
    ends = numbered.filter(rest=0).order_by("idle_expires_at")
    return list(ends.values_list("idle_expires_at", flat=True))


def _by_key(before: datetime, size: int) -> Iterator[int]:
    while deleted := prune(before, size):
        yield deleted


def _prune_between(low: datetime, high: datetime) -> int:
    """Delete what ended from ``low`` on and before ``high``. One statement."""
    connection = connections[router.db_for_write(Session)]
    end: Any = Session._meta.get_field("idle_expires_at")
    statement = _BETWEEN.get(connection.vendor, _BETWEEN_USUALLY).format(
        table=connection.ops.quote_name(Session._meta.db_table),
        pk=connection.ops.quote_name(str(Session._meta.pk.column)),
        end=connection.ops.quote_name(end.column),
    )
    moments = [end.get_db_prep_value(moment, connection) for moment in (low, high)]
    with connection.cursor() as cursor:
        cursor.execute(statement, moments)
        return int(cursor.rowcount)


_BETWEEN_USUALLY = "DELETE FROM {table} WHERE {end} >= %s AND {end} < %s"
# Here too they would read all where the batch is a large part of the table, even where they are
# told which index to use. The keys alone are always read from the index, which has them.
_BETWEEN = {
    "mysql": "DELETE {table} FROM {table} ended STRAIGHT_JOIN {table} ON {table}.{pk} = ended.{pk}"
    " WHERE ended.{end} >= %s AND ended.{end} < %s"
}
