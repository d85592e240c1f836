"""What a look into the database tells, where Django checks databases: ``migrate`` and
``manage.py check --database default``."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import timedelta
from typing import Any

from django.apps import AppConfig
from django.core import checks
from django.core.checks import CheckMessage
from django.db import connections, router
from django.utils import timezone

from ..conf.settings import Settings, read_project
from ..models import Session
from ..sessions import pruning

# A few rows wait for the next sign-in, and nobody needs to know.
_MANY = 1000
_LONG = timedelta(days=30)


def check_table(
    app_configs: Sequence[AppConfig] | None = None,
    *,
    databases: Sequence[str] | None = None,
    **kwargs: Any,
) -> list[CheckMessage]:
    """The table of sessions is there, is that of the model, and is pruned."""
    settings, _ = read_project()
    if settings is None or settings.stateless_refresh:
        return []
    alias = router.db_for_write(Session)
    if alias not in (databases or ()):
        return []
    # No error: `migrate` runs this check first, and an error would keep it from making the table.
    return list(_missing(alias)) or list(_left(settings))


def _missing(alias: str) -> Iterator[CheckMessage]:
    introspection = connections[alias].introspection
    table = Session._meta.db_table
    with connections[alias].cursor() as cursor:
        if table not in introspection.table_names(cursor):
            yield checks.Warning(
                "The table of sessions is missing: nobody can sign in.",
                hint="manage.py migrate makes it. If that is what runs now, all is well.",
                id="tokenauth.W020",
            )
            return
        there = {column.name for column in introspection.get_table_description(cursor, table)}
    if not there.issuperset(field.column for field in Session._meta.concrete_fields):
        yield checks.Warning(
            "The table of sessions is that of another version: nobody can sign in.",
            hint="manage.py migrate changes it. If that is what runs now, all is well.",
            id="tokenauth.W020",
        )


def _left(settings: Settings) -> Iterator[CheckMessage]:
    before = timezone.now() - settings.prune_after - _LONG
    if pruning.prunable(before)[_MANY:].exists():
        yield checks.Warning(
            f"More than {_MANY} sessions ended {_LONG.days} days longer ago than SESSION_RETENTION "
            "and are still there, with the addresses of their users. Sign-ins delete them, and "
            "are too few, or cannot.",
            hint="Run manage.py tokenauth_prune, once or on a schedule.",
            id="tokenauth.W016",
        )
