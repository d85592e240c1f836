"""Receivers of the signals of the user model: revoke sessions when a user changes.

``apps`` connects them.
"""

from __future__ import annotations

import logging
from typing import Any

from django.db import connections, router, transaction
from django.utils import timezone

from .. import signals
from ..conf.settings import load
from ..models import RevokedReason
from . import store
from .users import auth_hash, auth_hashes, is_rehash, refetch, stored_auth_hashes

logger = logging.getLogger("django_tokenauth")

# The attribute of a user that holds the old hashes between the two signals of a save.
_OLD_HASHES = "_django_tokenauth_old_hashes"


def before_save(
    *, instance: Any, update_fields: frozenset[str] | None = None, **kwargs: Any
) -> None:
    """If the same password is hashed anew, keep its old auth hashes for :func:`after_save`.

    At most one statement.
    """
    if is_rehash(instance, update_fields) and not load().stateless_refresh:
        setattr(instance, _OLD_HASHES, stored_auth_hashes(instance))


def after_save(
    *,
    instance: Any,
    created: bool,
    raw: bool = False,
    update_fields: frozenset[str] | None = None,
    **kwargs: Any,
) -> None:
    """Revoke the sessions of an inactive user, or those that started with an old password.

    One statement; two with *update_fields*. In a transaction, two more after its commit.
    """
    if created or raw or update_fields == frozenset({"last_login"}) or load().stateless_refresh:
        return
    old_hashes = instance.__dict__.pop(_OLD_HASHES, None)
    if old_hashes is not None:
        store.rehash(instance.pk, old_hashes, auth_hash(instance))
        return
    _repeat_after_commit(instance)
    # Fields that were not saved can be out of date if another process changed the password.
    user = instance if update_fields is None else refetch(instance) or instance
    keep = auth_hashes(user) if user.is_active else []
    _revoke(instance, RevokedReason.USER_CHANGED, keep)


def _repeat_after_commit(user: Any) -> None:
    """After a transaction, revoke sessions that started while it was not committed.

    Such a sign-in reads the old password, and the transaction does not see its session.
    """
    alias = router.db_for_write(type(user), instance=user)
    if not connections[alias].in_atomic_block:
        return

    def repeat() -> None:
        stored = refetch(user)
        if stored is not None:
            _revoke(
                user, RevokedReason.USER_CHANGED, auth_hashes(stored) if stored.is_active else []
            )

    transaction.on_commit(repeat, using=alias, robust=True)


def before_delete(*, instance: Any, **kwargs: Any) -> None:
    """Revoke all sessions of the user.

    Their rows stay until they are pruned, so that other processes learn of the revocation.
    """
    if not load().stateless_refresh:
        _revoke(instance, RevokedReason.USER_DELETED, [])


def _revoke(user: Any, reason: RevokedReason, keep: list[str]) -> None:
    now = timezone.now()
    revoked = store.revoke_of_user(user.pk, reason, now=now, keep=keep)
    if not revoked:
        return
    logger.info("%d sessions of user %s revoked: %s", revoked, user.pk, reason)
    # The rows are read only if a receiver needs them.
    if signals.session_revoked.has_listeners():
        for session in store.revoked_at(user.pk, now=now):
            signals.session_revoked.send_for(session, user, None)
