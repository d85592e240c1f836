"""Primary keys, subjects and auth hashes of users, for any user model of a project."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import datetime
from typing import TYPE_CHECKING, Any

from django.contrib.auth import get_user_model
from django.contrib.auth.hashers import (
    check_password,
    get_hasher,
    identify_hasher,
    is_password_usable,
)
from django.core.exceptions import ValidationError
from django.db import DataError, router
from django.db import Error as DatabaseError
from django.utils.crypto import constant_time_compare
from django.utils.functional import LazyObject, empty
from django.views.decorators.debug import sensitive_variables

from ..errors import InvalidGrant, TokenErrorCode
from . import store

if TYPE_CHECKING:
    from django.contrib.auth.base_user import AbstractBaseUser

    from ..models import Session

logger = logging.getLogger("django_tokenauth")

# The attribute of a user for mark_revoked().
_REVOKED_AT = "_django_tokenauth_revoked_at"

# The password that the current sign-in checks.
_rehashing: ContextVar[str | None] = ContextVar("django_tokenauth_rehashing", default=None)


def unwrapped(user: Any) -> Any:
    """Return the user in *user*, which may be a lazy object such as ``request.user``.

    A lazy object has its own type and attributes in ``vars()``.
    """
    while isinstance(user, LazyObject):
        user = _content(user)
    return user


def is_same_user(user: Any, other: Any) -> bool:
    """Return whether *user* is the object *other*, also if a lazy object contains one of them.

    *other* is not loaded: the content of *user* is that of *other* only if *other* is loaded.
    """
    while user is not other and isinstance(user, LazyObject):
        user = _content(user)
    return user is other or (isinstance(other, LazyObject) and user is other._wrapped)


def _content(user: Any) -> Any:
    if user._wrapped is empty:
        user._setup()
    return user._wrapped


def get_key(user: Any) -> Any:
    """Return the primary key of *user* in the table of the user model.

    A child model (multi-table inheritance) may have its own primary key, which may equal the key of
    another user. The primary key of a ``TokenUser`` is the subject of its token.
    """
    model = get_user_model()
    return getattr(user, model._meta.pk.attname) if isinstance(user, model) else user.pk


def get_subject(user: Any, id_field: str) -> str:
    """Return the ``sub`` of the user's tokens: the value of *id_field* as a string."""
    return str(get_key(user) if id_field == "pk" else getattr(user, id_field))


def get_by_subject(subject: str, id_field: str) -> AbstractBaseUser | None:
    """Return the user whose ``sub`` is exactly *subject*, or ``None``. One statement."""
    model = get_user_model()
    try:
        user = model._default_manager.filter(**{id_field: subject}).first()
    except (ValueError, OverflowError, ValidationError, DataError):
        return None
    # The database may match "01" or " 1" with the user "1", or ignore case.
    return user if user is not None and get_subject(user, id_field) == subject else None


def auth_hash(user: Any) -> str:
    """Return Django's session auth hash of *user*, which changes with the password.

    For a user model without ``get_session_auth_hash()``, return an empty string.
    """
    return user.get_session_auth_hash() if hasattr(user, "get_session_auth_hash") else ""


def auth_hashes(user: Any) -> list[str]:
    """Return the user's auth hashes: with ``SECRET_KEY``, then with ``SECRET_KEY_FALLBACKS``."""
    fallbacks = getattr(user, "get_session_auth_fallback_hash", tuple)
    return [auth_hash(user), *fallbacks()]


def has_auth_hash(user: Any, stored: str) -> bool:
    """Return whether *stored* is an auth hash of the user's current password."""
    return constant_time_compare(auth_hash(user), stored) or any(
        constant_time_compare(fallback, stored) for fallback in auth_hashes(user)[1:]
    )


def renewed_auth_hash(user: Any, stored: str) -> str:
    """Return the auth hash of *user* with the current ``SECRET_KEY``.

    *stored* is a hash that :func:`has_auth_hash` accepts. Without fallbacks, no other hash than the
    current one is accepted.
    """
    fallbacks = getattr(user, "get_session_auth_fallback_hash", tuple)
    return stored if next(iter(fallbacks()), None) is None else auth_hash(user)


def why_refused(
    session: Session | store.SessionStatus, subject: str, id_field: str
) -> TokenErrorCode | None:
    """Return why a token with *subject* is rejected for *session*, or ``None`` to accept it."""
    user = session.user
    if user is None or not user.is_active or get_subject(user, id_field) != subject:
        return TokenErrorCode.USER
    return None if has_auth_hash(user, session.auth_hash) else TokenErrorCode.REVOKED


def why_actor_refused(
    session: Session, subject: str | None, id_field: str
) -> TokenErrorCode | None:
    """Return why a token with the actor *subject* is rejected for *session*, or ``None``.

    *subject* is ``None`` for a token without an actor. The actor of *session* must be loaded. After
    the deletion of its actor, *session* has no actor, but its tokens still have one.
    """
    actor = session.actor
    if actor is None or subject is None:
        return None if actor is None and subject is None else TokenErrorCode.USER
    if not actor.is_active or get_subject(actor, id_field) != subject:
        return TokenErrorCode.USER
    return None if has_auth_hash(actor, session.actor_auth_hash) else TokenErrorCode.REVOKED


def can_be_read() -> bool:
    """Return whether the database can return users. One statement."""
    try:
        get_user_model()._default_manager.values_list("pk").first()
    except DatabaseError:
        return False
    return True


@contextmanager
@sensitive_variables()
def rehashing(password: str) -> Iterator[None]:
    """Mark *password* as being checked: saving it in the ``with`` block is only a rehash."""
    token = _rehashing.set(password)
    try:
        yield
    finally:
        _rehashing.reset(token)


def is_rehash(user: Any, update_fields: frozenset[str] | None) -> bool:
    """Return whether saving *user* only stores a new hash of the same password.

    Django's ``check_password`` saves a rehashed password after setting ``_password`` to ``None``. A
    changed password is still in ``_password`` when the user is saved. If a backend assigned the
    hash directly, the instance has no ``_password`` attribute of its own. *update_fields* may
    contain other fields too.
    """
    return (
        _rehashing.get() is not None
        and "password" in (update_fields or ())
        and vars(user).get("_password", "") is None
    )


def saves_unusable_password(user: Any, update_fields: frozenset[str] | None) -> bool:
    """Return whether saving *user* stores an unusable password.

    Each ``set_unusable_password()`` stores another random value, which changes the auth hash.
    *update_fields* is the argument of ``save()``.
    """
    if update_fields is not None and "password" not in update_fields:
        return False
    # Reading a deferred field would take a statement, and save() does not store a deferred field.
    password = vars(user).get("password")
    return isinstance(password, str) and not is_password_usable(password)


def mark_revoked(user: Any, revoked_at: datetime) -> None:
    """Add, on *user*, a time at which saving the user revoked sessions."""
    vars(user).setdefault(_REVOKED_AT, []).append(revoked_at)


def take_revoked_at(user: Any) -> list[datetime]:
    """Remove and return the times of :func:`mark_revoked`."""
    times: list[datetime] = vars(user).pop(_REVOKED_AT, [])
    return times


def refetch(user: Any) -> Any:
    """Return the user as stored in the database, or ``None``. One statement."""
    model = type(user)
    rows = model._base_manager.using(router.db_for_write(model, instance=user))
    return rows.filter(pk=user.pk).first()


@sensitive_variables()
def stored_before_rehash(user: Any) -> Any:
    """Return the stored user before the checked password is rehashed, or ``None`` if deleted.

    One statement. Raises :class:`InvalidGrant` if the password was changed during its check: saving
    the new hash of the old password would undo the change.
    """
    stored, password = refetch(user), _rehashing.get()
    if stored is None or _is_outdated(stored.password):
        return stored
    # The password was changed, or a concurrent sign-in has rehashed the same password.
    if not check_password(password, stored.password):
        logger.info("sign-in rejected: user %s changed during the sign-in", get_key(user))
        raise InvalidGrant
    return stored


def _is_outdated(encoded: str) -> bool:
    """Return whether Django's ``check_password`` would replace the hash *encoded* by a new hash."""
    try:
        hasher, preferred = identify_hasher(encoded), get_hasher()
    except ValueError:
        # No hasher identifies an unusable password.
        return False
    return hasher.algorithm != preferred.algorithm or preferred.must_update(encoded)
