"""Checks of the table of sessions, which query the database."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import timedelta

from django.core import checks
from django.core.checks import CheckMessage
from django.db import connections, router

from ..conf.settings import Settings
from ..models import Session
from ..sessions import pruning
from ..sessions.clock import utc_now

# Sign-ins prune smaller numbers.
_MAX_UNPRUNED = 1000
_OVERDUE = timedelta(days=30)


def table_messages(settings: Settings, databases: Sequence[str]) -> list[CheckMessage]:
    """Check the table of sessions if its database is among *databases* (aliases).

    All messages are warnings. ``migrate`` runs this check first, and an error would prevent it from
    creating the table.
    """
    alias = router.db_for_write(Session)
    if settings.stateless_refresh or alias not in databases:
        return []
    return list(_outdated(alias)) or list(_unpruned(settings))


def _outdated(alias: str) -> Iterator[CheckMessage]:
    introspection = connections[alias].introspection
    table = Session._meta.db_table
    with connections[alias].cursor() as cursor:
        if table not in introspection.table_names(cursor):
            yield checks.Warning(
                "The table of sessions does not exist, so users cannot sign in.",
                hint="Run manage.py migrate. Ignore this warning if migrate printed it.",
                id="tokenauth.W020",
            )
            return
        columns = {column.name for column in introspection.get_table_description(cursor, table)}
    if not columns.issuperset(field.column for field in Session._meta.concrete_fields):
        yield checks.Warning(
            "The table of sessions lacks columns of this version, so users cannot sign in.",
            hint="Run manage.py migrate. Ignore this warning if migrate printed it.",
            id="tokenauth.W020",
        )


def _unpruned(settings: Settings) -> Iterator[CheckMessage]:
    before = utc_now() - settings.prune_after - _OVERDUE
    if pruning.prunable(before)[_MAX_UNPRUNED:].exists():
        yield checks.Warning(
            f"More than {_MAX_UNPRUNED} ended sessions are {_OVERDUE.days} days older than "
            "SESSION_RETENTION permits. They contain IP addresses of users. Sign-ins prune too few "
            "of them.",
            hint="Run manage.py tokenauth_prune, once or on a schedule.",
            id="tokenauth.W016",
        )
