"""Users as the default manager of the user model returns them.

A manager may annotate users, return objects of subtypes, or hide the users of other tenants.
"""

from __future__ import annotations

import uuid
from collections.abc import Collection, Sequence
from functools import lru_cache
from typing import Any

from django.contrib.auth import get_user_model
from django.db.models import F, Manager, Q, QuerySet

from ..models import Session

# The prefix of the columns of the session, while they are attributes of the user.
_PREFIX = "_django_tokenauth_"
# Overriding these names does not change the objects that a query set returns.
_IRRELEVANT = {
    *("as_manager", "bulk_create", "bulk_update", "create", "delete", "update"),
    *("get_or_create", "update_or_create", "use_in_migrations", "_queryset_class"),
}
# The names with two underscores that matter. Python itself adds others, such as __slotnames__.
_SPECIAL = {"__init__", "__new__", "__iter__", "__getitem__"}


def is_plain(manager: Manager[Any]) -> bool:
    """Return whether *manager* returns every object of its model, with all columns and no others.

    A manager is not plain if the manager or its query set overrides a method that can change the
    query. Overridden methods that only write, such as ``create()``, are ignored.
    """
    kind: Any = type(manager)
    return _are_plain(kind, kind._queryset_class)


@lru_cache(maxsize=16)
def _are_plain(manager_class: type[Any], queryset_class: type[Any]) -> bool:
    return not (_overridden(manager_class, Manager) or _overridden(queryset_class, QuerySet))


def _overridden(own: type[Any], base: type[Any]) -> set[str]:
    """Return the names of *base* that *own* or a class between *own* and *base* overrides.

    Return all names if *own* does not inherit from *base*.
    """
    if base not in own.__mro__:
        return {*dir(base)}
    classes = own.__mro__[: own.__mro__.index(base)]
    names = set().union(*map(vars, classes)).intersection(dir(base)) - _IRRELEVANT
    return {name for name in names if not name.startswith("__") or name in _SPECIAL}


def get_by_session(
    using: str, session_id: uuid.UUID | str, names: Sequence[str]
) -> list[Any] | None:
    """Return ``[user, *values]`` of the session, or ``None``. One statement of the manager.

    The user is the object that the default manager returns. *using* is the alias of the database,
    and *names* are the columns of the session, as attribute names.
    """
    return get_by_row(using, "tokenauth_sessions", Q(tokenauth_sessions=session_id), names)


def get_by_row(using: str, relation: str, row: Q, names: Sequence[str]) -> list[Any] | None:
    """Return ``[user, *values]`` of the row that *row* selects, as :func:`get_by_session` does.

    *relation* is the name of the row's table in a query of users.
    """
    columns = {f"{_PREFIX}{name}": F(f"{relation}__{name}") for name in names}
    users: Any = get_user_model()._default_manager.using(using).defer(None)
    user: Any = users.filter(row).annotate(**columns).first()
    if user is None:
        return None
    return [user, *(vars(user).pop(name) for name in columns)]


def load_users(sessions: Collection[Session]) -> None:
    """Replace the loaded users of *sessions* by those that the default manager returns.

    *sessions* must not be empty. Execute no statement if the manager is plain, and otherwise one. A
    user that the manager hides is not replaced.
    """
    manager: Any = get_user_model()._default_manager
    if is_plain(manager):
        return
    keys = {session.user_id for session in sessions} - {None}
    using = next(iter(sessions))._state.db
    users = {user.pk: user for user in manager.using(using).filter(pk__in=keys)}
    for session in sessions:
        if session.user_id in users:
            session.user = users[session.user_id]


def load_user_and_actor(session: Session) -> bool:
    """Replace the loaded user and actor of *session* by those that the default manager returns.

    Execute no statement if the manager is plain, and otherwise one. Return ``False`` if the manager
    hides the user or the actor.
    """
    manager: Any = get_user_model()._default_manager
    if is_plain(manager):
        return True
    loaded = [name for name in ("user", "actor") if getattr(session, name) is not None]
    keys = {getattr(session, name).pk for name in loaded}
    users = {user.pk: user for user in manager.using(session._state.db).filter(pk__in=keys)}
    if users.keys() != keys:
        return False
    for name in loaded:
        setattr(session, name, users[getattr(session, name).pk])
    return True
