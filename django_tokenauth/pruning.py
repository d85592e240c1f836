"""Sessions that ended a while ago, and how their rows are deleted: a few at a time, or all.

Nobody waits for such a row, so only what the deletion does to the others counts: no statement reads
or locks rows that have not ended, and none has more to do than it was told.
"""

from __future__ import annotations

from datetime import datetime
from functools import lru_cache
from typing import Any

from django.db import connections, router
from django.db.models import F, QuerySet

from .models import Session
from .statements import given


def ended(before: datetime) -> QuerySet[Session]:
    """The sessions that ended before ``before``, by their end of use or by a revocation."""
    # Where they are written: a replica may lag behind.
    return _ended(router.db_for_write(Session), before)


def _ended(using: str, before: Any) -> QuerySet[Session]:
    return Session.objects.using(using).filter(expires_at__lt=before)


def prune(before: datetime, limit: int) -> int:
    """Delete at most ``limit`` rows that ended before ``before``. One statement."""
    using = router.db_for_write(Session)
    connection = connections[using]
    moment = Session._meta.get_field("expires_at").get_db_prep_value(before, connection)
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
    before = given(Session, "expires_at")
    rows = _ended(using, before).order_by("expires_at").values(ended_id=F("pk"))[:limit]
    subquery, _ = rows.query.get_compiler(using).as_sql()
    # Only names from the model stand in the text; values are parameters.
    return _DELETE.get(connection.vendor, _DELETE_USUALLY).format(
        table=connection.ops.quote_name(Session._meta.db_table),
        pk=connection.ops.quote_name(str(Session._meta.pk.column)),
        subquery=subquery,
    )


_DELETE_USUALLY = "DELETE FROM {table} WHERE {pk} IN (SELECT ended_id FROM ({subquery}) ended)"
# MySQL and MariaDB would read, and lock, the whole table for that one.
_DELETE = {
    "mysql": "DELETE {table} FROM {table} JOIN ({subquery}) ended ON {table}.{pk} = ended.ended_id"
}


def prune_many(before: datetime, limit: int) -> int:
    """What :func:`prune` does, where there are many. At most three statements."""
    vendor = connections[router.db_for_write(Session)].vendor
    return _MANY.get(vendor, _prune_up_to_an_end)(before, limit)


def _prune_up_to_an_end(before: datetime, limit: int) -> int:
    """Ask the index where the batch ends, and delete up to there.

    So no row is found by its key, which on PostgreSQL takes several times as long as to delete it.
    """
    following = ended(before).order_by("expires_at").values_list("expires_at", flat=True)
    ends = list(following[limit : limit + 1])
    rows = ended(*ends or [before])
    # What delete() of Django does in the end; as above, it asks nobody for what depends on a row.
    deleted = rows._raw_delete(rows.db)
    if deleted or not ends:
        return deleted
    # So many ended at the same moment that the batch would have to end in the midst of them.
    return prune(before, limit)


# MySQL and MariaDB take as long either way, and might read, and lock, the whole table for that one.
_MANY = {"mysql": prune}
