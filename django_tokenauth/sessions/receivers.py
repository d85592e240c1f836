"""What a change of a user means for their sessions. Connected in ``apps``."""

from __future__ import annotations

import logging
from typing import Any

from django.utils import timezone

from .. import signals
from ..conf.settings import load
from ..models import RevokedReason
from . import store
from .users import auth_hash, auth_hashes, is_rehash, refetch, stored_auth_hashes

logger = logging.getLogger("django_tokenauth")

# Where the hashes of before stand between the two signals of one save.
_OLD_HASHES = "_django_tokenauth_old_hashes"


def before_save(
    *, instance: Any, update_fields: frozenset[str] | None = None, **kwargs: Any
) -> None:
    """Remember the hash that is about to be replaced by a better one of the same password."""
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
    """End the sessions that a new password or a deactivation leaves behind. One statement; two
    if only some fields were saved."""
    if created or raw or update_fields == frozenset({"last_login"}) or load().stateless_refresh:
        return
    old_hashes = instance.__dict__.pop(_OLD_HASHES, None)
    if old_hashes is not None:
        store.rehash(instance.pk, old_hashes, auth_hash(instance))
        return
    # What was not saved may be older than the database: somebody else has changed the password.
    user = instance if update_fields is None else refetch(instance) or instance
    keep = auth_hashes(user) if user.is_active else []
    _end(instance, RevokedReason.USER_CHANGED, keep)


def before_delete(*, instance: Any, **kwargs: Any) -> None:
    """End all sessions. The rows stay until they are pruned: others learn of the end from them."""
    if not load().stateless_refresh:
        _end(instance, RevokedReason.USER_DELETED, [])


def _end(user: Any, reason: RevokedReason, keep: list[str]) -> None:
    now = timezone.now()
    ended = store.revoke_of_user(user.pk, reason, now=now, keep=keep)
    if not ended:
        return
    logger.info("%d sessions of user %s ended: %s", ended, user.pk, reason)
    # The rows are read only for those who want to know.
    if signals.session_revoked.has_listeners():
        for session in store.revoked_at(user.pk, now=now):
            signals.announce(signals.session_revoked, session, user, None)
