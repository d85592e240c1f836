"""Receivers of the signals of the user model: revoke sessions when a user changes.

``apps`` connects the receivers, also for the proxies, parents and children of the user model
(multi-table inheritance). Django sends ``pre_save`` and ``post_save`` for the saved model only.
Loading a fixture (``raw``) revokes no session, because related rows may be missing.
"""

from __future__ import annotations

import logging
from datetime import datetime
from typing import Any

from django.contrib.auth import get_user_model
from django.contrib.auth.hashers import is_password_usable
from django.db import router
from django.db.models import Model, QuerySet
from django.utils.crypto import constant_time_compare

from .. import signals
from ..conf.settings import LONGEST_WAIT, load
from ..models import RevokedReason, Session, _user_rehashed
from . import commits, store
from .changed_users import ChangedUsers, changed_users
from .clock import utc_now
from .tenants import location
from .users import (
    auth_hash,
    auth_hashes,
    get_key,
    is_rehash,
    mark_revoked,
    refetch,
    saves_unusable_password,
    stored_before_rehash,
)

logger = logging.getLogger("django_tokenauth")

# The attribute of a user that holds the old auth hashes between pre_save and post_save.
_OLD_HASHES = "_django_tokenauth_old_hashes"


def before_save(
    *,
    instance: Any,
    using: str | None = None,
    raw: bool = False,
    update_fields: frozenset[str] | None = None,
    **kwargs: Any,
) -> None:
    """Keep the old auth hashes for :func:`after_save` if the save does not change the password.

    A save may rehash the password, or replace an unusable password by another unusable one. Execute
    at most one statement, and none if the save deactivates the user. Raises :class:`InvalidGrant`
    if the password was changed during its check.
    """
    # An earlier save may have failed.
    vars(instance).pop(_OLD_HASHES, None)
    if is_rehash(instance, update_fields):
        stored = stored_before_rehash(instance)
        setattr(instance, _OLD_HASHES, None if stored is None else auth_hashes(stored))
    elif (
        not raw
        and saves_unusable_password(instance, update_fields)
        and not _is_deactivated(instance, update_fields)
        and _keeps_hashes(using)
    ):
        stored = None if instance._state.adding else refetch(instance)
        if stored is not None and not is_password_usable(stored.password):
            setattr(instance, _OLD_HASHES, auth_hashes(stored))


def after_save(
    *,
    instance: Any,
    created: bool,
    using: str | None = None,
    raw: bool = False,
    update_fields: frozenset[str] | None = None,
    **kwargs: Any,
) -> None:
    """Revoke the sessions of an inactive user, or the sessions that started with an old password.

    Execute at most one statement, or two with *update_fields*. In a transaction, further statements
    follow for each batch of users, see :class:`~.changed_users.ChangedUsers`. If
    ``session_revoked`` has a receiver, read the revoked sessions too.
    """
    if raw or update_fields == frozenset({"last_login"}) or not _keeps_hashes(using):
        return
    # A new row of a child model can belong to an existing user.
    if created and _is_user_model(type(instance)):
        return
    old_hashes = instance.__dict__.pop(_OLD_HASHES, None)
    if old_hashes is not None:
        new_hash = auth_hash(instance)
        if not constant_time_compare(new_hash, old_hashes[0]):
            _rehash(get_key(instance), old_hashes, new_hash, using)
        if is_rehash(instance, update_fields):
            return
    if not _has_sessions(using):
        return
    changed = _changed_users(instance)
    if changed is not None and changed.add("pk", get_key(instance)):
        return
    keep = []
    if not _is_deactivated(instance, update_fields):
        # Fields outside of update_fields can be out of date if another process changed the
        # password.
        user = instance if update_fields is None else refetch(instance) or instance
        keep = auth_hashes(user) if user.is_active else []
    revoked_at = _revoke(instance, RevokedReason.USER_CHANGED, keep)
    if keep and revoked_at is not None:
        # update_session_auth_hash() undoes this revocation for the session of the request.
        mark_revoked(instance, revoked_at)


def _rehash(user_id: Any, old: list[str], new: str, using: str | None) -> None:
    """Replace the auth hashes *old* of the user by *new* wherever they are stored."""
    if _has_sessions(using):
        store.rehash(user_id, old, new)
        if load().impersonation is not None:
            store.rehash_actor(user_id, old, new)
    _user_rehashed.send(sender=None, user_id=user_id, old=old, new=new)


def after_parent_save(
    *,
    instance: Any,
    created: bool,
    using: str | None = None,
    raw: bool = False,
    **kwargs: Any,
) -> None:
    """Call :func:`after_save` for the user whose parent object *instance* was saved.

    A parent of the user model (multi-table inheritance) has some columns of the user. Finding the
    user takes one additional statement, unless the sessions of the transaction's users wait.
    """
    if created or raw or not _has_sessions(using):
        return
    changed = _changed_users(instance)
    if changed is not None and changed.is_full():
        changed.add(instance._meta.pk.name, instance.pk)
        return
    rows = get_user_model()._base_manager.using(using)
    user = rows.filter(**{instance._meta.pk.name: instance.pk}).first()
    if user is not None:
        after_save(instance=user, created=False, using=using)


def _is_user_model(model: type[Model]) -> bool:
    """Return whether *model* is the user model or a proxy of it, and not a child."""
    return model._meta.concrete_model is get_user_model()._meta.concrete_model


def _has_sessions(using: str | None) -> bool:
    """Return whether the sessions of this package belong to users in the database *using*.

    A user in another database, such as an archive, may have the primary key of an unrelated user. A
    project that sends ``pre_save``, ``post_save`` or ``pre_delete`` itself may omit *using*.
    """
    if load().stateless_refresh:
        return False
    alias = router.db_for_write(Session)
    return using in (None, alias) or location(str(using)) == location(alias)


def _keeps_hashes(using: str | None) -> bool:
    """Return whether rows contain auth hashes of users: sessions, or API tokens."""
    return _has_sessions(using) or _user_rehashed.has_listeners()


def _is_deactivated(user: Any, update_fields: frozenset[str] | None) -> bool:
    """Return whether saving *user* stores that the user is inactive."""
    # Reading a deferred field would take a statement, and save() does not store a deferred field.
    return (update_fields is None or "is_active" in update_fields) and not user.is_active


def _changed_users(instance: Model) -> ChangedUsers | None:
    """Return the users that the transaction of *instance* has saved, or ``None``."""
    return changed_users(router.db_for_write(type(instance), instance=instance))


def collect_sessions(
    *, collector: Any, field: Any, rows: QuerySet[Session], using: str, **kwargs: Any
) -> None:
    """Let *collector* revoke *rows*, the sessions of a batch of users, when it deletes the users.

    *field* is the foreign key to the users: the user or the actor of the sessions. Without
    ``IMPERSONATION``, a refresh rejects the sessions with an actor.

    The rows of the sessions stay until they are pruned, so that other processes read the
    revocation. Execute no statement now, one for each batch of users at the deletion, and one after
    the commit.
    """
    if _has_sessions(using) and (field.name == "user" or load().impersonation is not None):
        deleted = _OfDeletedUsers(model=rows.model, query=rows.query.chain(), using=using)
        # Django does not execute a collected update if a page of the admin only lists the rows.
        collector.add_field_update(Session._meta.get_field("revoked_at"), None, deleted)


class _OfDeletedUsers(QuerySet[Session]):
    """The sessions of deleted users, in batches. ``update()`` revokes the active sessions."""

    _batches: tuple[QuerySet[Session], ...] = ()

    def __or__(self, other: QuerySet[Session]) -> _OfDeletedUsers:
        # Django combines the batches of one collector.
        combined = self._chain()  # type: ignore[attr-defined]
        combined._batches = (*self._batches, other)
        return combined  # type: ignore[no-any-return]

    def update(self, **kwargs: Any) -> int:
        since = utc_now() - LONGEST_WAIT
        revoked = sum(_revoke_of_deleted(rows) for rows in (self, *self._batches))
        # At the commit, routers may return the database of another tenant.
        using = router.db_for_write(Session)
        commits.on_commit(lambda: _revoke_without_user(since, using), using=self.db)
        return revoked


def _revoke_of_deleted(rows: QuerySet[Session]) -> int:
    """Revoke the active sessions among *rows*, whose users are about to be deleted.

    One statement. If ``session_revoked`` has a receiver, read the sessions too.
    """
    now, reason = utc_now(), RevokedReason.USER_DELETED
    active: QuerySet[Session] = QuerySet(model=Session, query=rows.query.chain(), using=rows.db)
    active = active.filter(idle_expires_at__gt=now).defer(None)
    named: list[Session] = []
    if signals.session_revoked.has_listeners():
        for batch in store.batches(active, with_users=True):
            named += batch
    revoked = store.revoke_rows(active, reason, now=now)
    if revoked:
        logger.info("%s revoked: %s", _counted(revoked), reason)
    for session in named:
        session.revoked_at, session.revoked_reason, session.idle_expires_at = now, reason, now
        signals.session_revoked.send_for(session, session.user, None)
    return revoked


def _counted(number: int) -> str:
    return "1 session" if number == 1 else f"{number} sessions"


def _revoke_without_user(since: datetime, using: str) -> None:
    """Revoke the sessions that were stored while their user was deleted. One statement.

    *using* is the alias of the database of the sessions. The row of a session has no user after the
    deletion of the user. Call this function after the commit, because two transactions that delete
    users could deadlock on MySQL and MariaDB.
    """
    now, reason = utc_now(), RevokedReason.USER_DELETED
    revoked = store.revoke_without_user(since, reason, now=now, using=using)
    _announce(None, None, reason, revoked, now, using)


def _revoke(user: Any, reason: RevokedReason, keep: list[str]) -> datetime | None:
    """Revoke the sessions of *user* without an auth hash in *keep*.

    Return the time, or ``None`` if no session was revoked.
    """
    now = utc_now()
    revoked = store.revoke_of_user(get_key(user), reason, now=now, keep=keep)
    _announce(get_key(user), user, reason, revoked, now)
    if load().impersonation is not None:
        _revoke_of_actor(get_key(user), reason, keep, now)
    return now if revoked else None


def _revoke_of_actor(key: Any, reason: RevokedReason, keep: list[str], now: datetime) -> None:
    """Revoke the sessions in which the user *key* acts as another user. One statement.

    Without ``IMPERSONATION``, a refresh rejects these sessions.
    """
    revoked = store.revoke_of_actor(key, reason, now=now, keep=keep)
    if not revoked:
        return
    logger.info("%s of the actor %s revoked: %s", _counted(revoked), key, reason)
    if signals.session_revoked.has_listeners():
        for batch in store.batches(store.revoked_of_actor_at(key, now=now), with_users=True):
            for session in batch:
                signals.session_revoked.send_for(session, session.user, None)


def _announce(
    key: Any,
    user: Any,
    reason: RevokedReason,
    revoked: int,
    now: datetime,
    using: str | None = None,
) -> None:
    if not revoked:
        return
    logger.info("%s of user %s revoked: %s", _counted(revoked), key, reason)
    # Read the session rows only if session_revoked has a receiver.
    if signals.session_revoked.has_listeners():
        for batch in store.batches(store.revoked_at(key, now=now, using=using)):
            for session in batch:
                signals.session_revoked.send_for(session, user, None)
