"""Checks that query the tables of sessions and users."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from datetime import timedelta
from traceback import walk_stack
from typing import Any

from django.apps import apps
from django.contrib.auth import get_user_model
from django.contrib.auth.hashers import (
    Argon2PasswordHasher,
    ScryptPasswordHasher,
    get_hasher,
    identify_hasher,
)
from django.core import checks
from django.core.checks import CheckMessage
from django.db import DEFAULT_DB_ALIAS, connections, router

from ..conf.settings import Settings
from ..models import Session
from ..sessions import pruning
from ..sessions.clock import utc_now
from ..sessions.tenants import location

# Maximum number of overdue sessions without a warning. If fewer sessions are overdue, the next
# sign-ins prune them.
_MAX_UNPRUNED = 1000
_OVERDUE = timedelta(days=30)
_PACKAGE = "django_tokenauth"
_MIGRATE = "django.core.management.commands.migrate"
# Number of users in each half of the sample: the oldest users and the newest users.
_SAMPLED_USERS = 500


def table_messages(settings: Settings, databases: Sequence[str]) -> list[CheckMessage]:
    """Check the table of sessions if its database is among *databases* (aliases).

    All messages are warnings: ``migrate`` runs this check first, and an error would prevent
    ``migrate`` from creating the table. ``migrate`` does not report a missing table or column,
    because it creates them.
    """
    others = [] if _is_migrating() else list(_missing_tables(databases))
    alias = router.db_for_write(Session)
    if settings.stateless_refresh or alias not in databases:
        return others
    outdated = list(_outdated(alias))
    divided = list(_divided(alias))
    if outdated:
        return divided if _is_migrating() else [*divided, *outdated, *others]
    return [*divided, *_unpruned(settings), *others]


def _missing_tables(databases: Sequence[str]) -> Iterator[CheckMessage]:
    """Report missing tables of the optional apps of this package."""
    for model in apps.get_models():
        alias = router.db_for_write(model)
        is_optional = model._meta.app_config.name.startswith(f"{_PACKAGE}.")
        if is_optional and alias in databases:
            with connections[alias].cursor() as cursor:
                tables = connections[alias].introspection.table_names(cursor)
            if model._meta.db_table not in tables:
                name = model._meta.verbose_name_plural
                place, hint = _where(alias)
                yield checks.Warning(
                    f"The table of {name} does not exist{place}.", hint=hint, id="tokenauth.W020"
                )


def _where(alias: str) -> tuple[str, str]:
    """Return how messages name the database *alias*, and the hint to migrate it."""
    if alias == DEFAULT_DB_ALIAS:
        return "", "Run manage.py migrate."
    return f" in the database {alias!r}", f"Run manage.py migrate --database={alias}."


def _divided(alias: str) -> Iterator[CheckMessage]:
    """Report users in another database than *alias*: a statement joins sessions and users."""
    of_users = router.db_for_write(get_user_model())
    if of_users != alias and location(of_users) != location(alias):
        yield checks.Warning(
            f"The table of sessions is in the database {alias!r}, and the table of users in "
            f"{of_users!r}. Users cannot sign in.",
            hint="Let the database router select one database for django_tokenauth and the app of "
            "the user model.",
            id="tokenauth.W030",
        )


def _is_migrating() -> bool:
    """Return whether ``migrate`` runs the checks.

    Django passes the same arguments as in ``check``, so look for the command among the callers.
    """
    commands = (frame.f_locals.get("self") for frame, _ in walk_stack(sys._getframe()))
    return any(each.__module__ == _MIGRATE for self in commands for each in type(self).__mro__)


def _outdated(alias: str) -> Iterator[CheckMessage]:
    introspection = connections[alias].introspection
    table = Session._meta.db_table
    place, hint = _where(alias)
    with connections[alias].cursor() as cursor:
        if table not in introspection.table_names(cursor):
            yield checks.Warning(
                f"The table of sessions does not exist{place}, so users cannot sign in.",
                hint=hint,
                id="tokenauth.W020",
            )
            return
        columns = {column.name for column in introspection.get_table_description(cursor, table)}
    if not columns.issuperset(field.column for field in Session._meta.concrete_fields):
        yield checks.Warning(
            f"The table of sessions lacks columns of this version{place}, so users cannot sign in.",
            hint=hint,
            id="tokenauth.W020",
        )


def _unpruned(settings: Settings) -> Iterator[CheckMessage]:
    before = utc_now() - settings.prune_after - _OVERDUE
    if pruning.prunable(before)[_MAX_UNPRUNED:].exists():
        yield checks.Warning(
            f"More than {_MAX_UNPRUNED} expired or revoked sessions are {_OVERDUE.days} days older "
            "than SESSION_RETENTION permits. They contain IP addresses of users. Sign-ins prune "
            "too few of them.",
            hint="Run manage.py tokenauth_prune, once or on a schedule.",
            id="tokenauth.W016",
        )


def user_messages(databases: Sequence[str]) -> list[CheckMessage]:
    """Check a sample of the password hashes if their database is among *databases* (aliases).

    The check needs no passwords: each hash contains its hasher's name and parameters. Two
    statements read the sampled hashes.
    """
    user_model: Any = get_user_model()
    alias = router.db_for_read(user_model)
    if alias not in databases or not _has_passwords(alias, user_model):
        return []
    users = user_model._default_manager.using(alias)
    sample: dict[Any, str] = {}
    for order in ("pk", "-pk"):
        sample.update(users.order_by(order).values_list("pk", "password")[:_SAMPLED_USERS])
    return list(_other_hashers(sample.values()))


def _has_passwords(alias: str, user_model: Any) -> bool:
    """Return whether the password column exists.

    The column is missing when ``migrate`` runs the check before it creates the tables.
    """
    introspection, table = connections[alias].introspection, user_model._meta.db_table
    with connections[alias].cursor() as cursor:
        return table in introspection.table_names(cursor) and "password" in {
            column.name for column in introspection.get_table_description(cursor, table)
        }


def _other_hashers(passwords: Iterable[str]) -> Iterator[CheckMessage]:
    found = Counter(filter(None, map(_slow_or_fast_hasher, passwords)))
    if found:
        listed = ", ".join(f"{name}: {number}" for name, number in found.most_common())
        yield checks.Warning(
            f"{found.total()} of the sampled users have a password hash that the first of "
            f"PASSWORD_HASHERS did not make ({listed}). The response time of a sign-in shows that "
            "their usernames exist.",
            hint="Wrap the old hashes in the first hasher, as Django's documentation describes in "
            '"Password upgrading without requiring a login". If it already takes as long, silence '
            "this check.",
            id="tokenauth.W025",
        )


def _slow_or_fast_hasher(password: str) -> str | None:
    """Return the name of *password*'s hasher if its run time may reveal that the user exists.

    Django runs the first of ``PASSWORD_HASHERS`` for an unknown user. If the first hasher made a
    hash with fewer rounds than it uses now, Django adds the missing rounds for a wrong password.
    For Argon2 and scrypt, Django adds no rounds.
    """
    try:
        hasher = identify_hasher(password)
        if hasher.algorithm != get_hasher().algorithm:
            return hasher.algorithm
        adjusts = not isinstance(hasher, (Argon2PasswordHasher, ScryptPasswordHasher))
        if adjusts or not hasher.must_update(password):
            return None
    except ValueError:
        # Django runs the first hasher if the password is unusable or no hasher recognizes the hash.
        return None
    return f"{hasher.algorithm} with other parameters"
