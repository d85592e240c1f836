"""Convert the username in a request to the stored username."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from django.contrib.auth import get_user_model
from django.contrib.auth.base_user import BaseUserManager
from django.core.exceptions import MultipleObjectsReturned, ObjectDoesNotExist, ValidationError
from django.db import connections, router
from django.db.models import Field, Model

from .database import database_errors_as_unavailable

#: Databases that compare text exactly, unless a column has another collation.
_EXACT_VENDORS = ("postgresql", "sqlite")


def get_stored_username(username: str) -> str:
    """Return one string for all spellings of *username* that belong to the same user.

    Return the stored username if the database finds one, and otherwise *username* as the model
    field converts it. If the conversion fails, return *username* unchanged.

    Execute no statement if the username field is numeric or a UUID. For printable ASCII on
    PostgreSQL and SQLite, execute a statement only with a ``db_collation`` or a custom
    ``get_by_natural_key()``. Execute at most one statement for any username. The throttle treats
    usernames that differ only in case or punctuation as equal.

    Raises :class:`ServiceUnavailable`.
    """
    model = get_user_model()
    field: Any = model._meta.get_field(model.USERNAME_FIELD)
    try:
        value = field.get_prep_value(field.to_python(username))
        if isinstance(value, str) and _may_find_other_spellings(model, field, value):
            with database_errors_as_unavailable():
                value = _find(model, value) or value
    except (ValueError, TypeError, ArithmeticError, ValidationError):
        return username
    return str(value.normalize() if isinstance(value, Decimal) else value)


def is_valid_username(username: str) -> bool:
    """Return whether the username field, which may be numeric, can hold *username*."""
    model = get_user_model()
    field: Any = model._meta.get_field(model.USERNAME_FIELD)
    try:
        field.to_python(username)
    except ValidationError:
        return False
    # psycopg rejects NUL characters.
    return "\0" not in username


def _may_find_other_spellings(model: type[Model], field: Field[Any, Any], username: str) -> bool:
    return (
        not (username.isascii() and username.isprintable())
        or _has_own_look_up(model)
        or bool(getattr(field, "db_collation", None))
        or connections[router.db_for_read(model)].vendor not in _EXACT_VENDORS
    )


def _has_own_look_up(model: type[Model]) -> bool:
    """Return whether the manager has its own ``get_by_natural_key``, which may ignore case."""
    look_up = getattr(type(model._default_manager), "get_by_natural_key", None)
    return look_up not in (None, BaseUserManager.get_by_natural_key)


def _find(model: type[Model], username: str) -> Any:
    """Return the stored username that Django's ``ModelBackend`` finds, or ``None``."""
    name: str = model.USERNAME_FIELD  # type: ignore[attr-defined]
    manager: Any = model._default_manager
    if not _has_own_look_up(model):
        return manager.filter(**{name: username}).values_list(name, flat=True).first()
    try:
        return getattr(manager.get_by_natural_key(username), name)
    except (ObjectDoesNotExist, MultipleObjectsReturned):
        return None
