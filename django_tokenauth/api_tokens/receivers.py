"""Receivers of the signals of the user model: end API tokens when a user changes."""

from __future__ import annotations

import logging
from collections.abc import Collection
from typing import Any

from ..sessions.clock import utc_now
from ..sessions.users import get_key
from . import store

logger = logging.getLogger("django_tokenauth")


def after_save(
    *,
    instance: Any,
    raw: bool = False,
    update_fields: frozenset[str] | None = None,
    **kwargs: Any,
) -> None:
    """Revoke the API tokens of an inactive user, so that they do not work again later.

    One statement if *instance* is inactive, and otherwise none.
    """
    # Reading a deferred field would take a statement, and save() does not store a deferred field.
    if raw or (update_fields is not None and "is_active" not in update_fields):
        return
    if not instance.is_active:
        key = get_key(instance)
        revoked = store.revoke(store.primary().filter(user_id=key), now=utc_now())
        if revoked:
            logger.info("%d API tokens of user %s revoked: inactive", revoked, key)


def after_rehash(*, user_id: Any, old: Collection[str], new: str, **kwargs: Any) -> None:
    """Keep the API tokens that end with the password: only its hash has changed."""
    store.rehash(user_id, old, new)
