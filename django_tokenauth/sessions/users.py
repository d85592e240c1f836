"""What the app asks of a user, whatever the project's user model is."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

from django.contrib.auth import get_user_model
from django.core.exceptions import ValidationError
from django.db import DataError, router
from django.utils.crypto import constant_time_compare

from ..errors import TokenErrorCode
from . import store
from .database import database_errors_as_unavailable

if TYPE_CHECKING:
    from django.contrib.auth.base_user import AbstractBaseUser

    from ..models import Session

_rehashing: ContextVar[bool] = ContextVar("django_tokenauth_rehashing", default=False)


def subject_of(user: Any, id_field: str) -> str:
    """The ``sub`` of the user's tokens: the text of ``USER_ID_FIELD``."""
    return str(getattr(user, id_field))


def get_by_subject(subject: str, id_field: str) -> AbstractBaseUser | None:
    """The user whose ``sub`` is exactly ``subject``, or ``None``. One statement."""
    model = get_user_model()
    try:
        user = model._default_manager.filter(**{id_field: subject}).first()
    except (ValueError, OverflowError, ValidationError, DataError):
        return None
    # What the database takes for equal ("01", " 1", another case) need not be the same text.
    return user if user is not None and subject_of(user, id_field) == subject else None


def stored_name(username: str) -> str:
    """The name of the user whom the database finds by ``username``, or ``username`` itself.

    Collations overlook more than anybody could list: joiners, the script of a digit, strokes. Of
    printable ASCII they overlook little, and the throttle knows it: there ``username`` comes back
    without a statement. Anything else costs one. Raises :class:`ServiceUnavailable`.
    """
    if username.isascii() and username.isprintable():
        return username
    model = get_user_model()
    field: str = model.USERNAME_FIELD
    try:
        with database_errors_as_unavailable():
            rows = model._default_manager.filter(**{field: username})
            return str(rows.values_list(field, flat=True).first() or username)
    except (ValueError, ValidationError):
        return username


def is_valid_username(username: str) -> bool:
    """Whether the field of names can have ``username``: where they are numbers, few texts."""
    model = get_user_model()
    field: Any = model._meta.get_field(model.USERNAME_FIELD)
    try:
        field.to_python(username)
    except ValidationError:
        return False
    return True


def auth_hash(user: Any) -> str:
    """Django's session auth hash: it changes with the password. Empty for users without one."""
    return user.get_session_auth_hash() if hasattr(user, "get_session_auth_hash") else ""


def auth_hashes(user: Any) -> list[str]:
    """The hash of today's ``SECRET_KEY`` first, then those of ``SECRET_KEY_FALLBACKS``."""
    fallbacks = getattr(user, "get_session_auth_fallback_hash", tuple)
    return [auth_hash(user), *fallbacks()]


def has_auth_hash(user: Any, stored: str) -> bool:
    """Whether ``stored`` is a hash of the user's password of today."""
    return constant_time_compare(auth_hash(user), stored) or any(
        constant_time_compare(known, stored) for known in auth_hashes(user)[1:]
    )


def why_refused(
    session: Session | store.SessionStatus, subject: str, id_field: str
) -> TokenErrorCode | None:
    """What keeps the user of ``session`` from acting as ``subject``, if anything does."""
    user = session.user
    if user is None or not user.is_active or subject_of(user, id_field) != subject:
        return TokenErrorCode.USER
    return None if has_auth_hash(user, session.auth_hash) else TokenErrorCode.REVOKED


@contextmanager
def rehashing() -> Iterator[None]:
    """A password is being checked: if it is stored anew now, then hashed better and not changed."""
    token = _rehashing.set(True)
    try:
        yield
    finally:
        _rehashing.reset(token)


def is_rehash(user: Any, update_fields: frozenset[str] | None) -> bool:
    """Whether this save only follows a stronger setting of the password hasher.

    Django's ``check_password`` does that, and takes away the ``_password`` that it has set before.
    The one of a changed password is still at hand when the user is saved; a hash that a backend
    assigned never had one. The model may save further fields of its own.
    """
    return (
        _rehashing.get()
        and "password" in (update_fields or ())
        and vars(user).get("_password", "") is None
    )


def refetch(user: Any) -> Any:
    """The user as the database has it, who may be older or newer than the object; or ``None``."""
    model = type(user)
    rows = model._base_manager.using(router.db_for_write(model, instance=user))
    return rows.filter(pk=user.pk).first()


def stored_auth_hashes(user: Any) -> list[str]:
    """The hashes of the password that the database has."""
    stored = refetch(user)
    return auth_hashes(stored) if stored is not None else []
