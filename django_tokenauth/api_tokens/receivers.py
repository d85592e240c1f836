"""Receivers of the signals of the user model: end API tokens when a user changes."""

from __future__ import annotations

import logging
from collections.abc import Collection
from itertools import islice
from typing import Any

from django.contrib.auth import get_user_model
from django.db import connections, router

from ..sessions import commits
from ..sessions.clock import utc_now
from ..sessions.store import BATCH_SIZE
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

    Outside of a transaction, execute one statement if *instance* is inactive. In a transaction,
    execute two statements for each 500 users after the commit.
    """
    # Reading a deferred field would take a statement, and save() does not store a deferred field.
    if raw or (update_fields is not None and "is_active" not in update_fields):
        return
    if instance.is_active:
        return
    using = router.db_for_write(type(instance), instance=instance)
    if connections[using].in_atomic_block:
        _deactivated_users(using).add(get_key(instance))
    else:
        _revoke([get_key(instance)])


class _DeactivatedUsers:
    """The keys of the users that one transaction has saved as inactive."""

    def __init__(self, using: str) -> None:
        self._using = using
        self._keys: set[Any] = set()
        # Django 5.2 logs this name if the call after the commit fails.
        self.__qualname__ = type(self).__name__

    def add(self, key: Any) -> None:
        self._keys.add(key)

    def __call__(self) -> None:
        """Revoke, after the commit, the API tokens of those users that are inactive now.

        The transaction may have activated a user again, or rolled a save back to a savepoint.
        """
        rest = iter(self._keys)
        users = get_user_model()._base_manager.using(self._using)
        while batch := list(islice(rest, BATCH_SIZE)):
            _revoke([get_key(each) for each in users.filter(pk__in=batch) if not each.is_active])


def _deactivated_users(using: str) -> _DeactivatedUsers:
    """Return the deactivated users of the current transaction in the database *using*."""
    for entry in connections[using].run_on_commit:
        if isinstance(entry[1], _DeactivatedUsers):
            return entry[1]
    users = _DeactivatedUsers(using)
    commits.on_commit(users, using=using)
    return users


def _revoke(keys: Collection[Any]) -> None:
    """Revoke the API tokens of the users *keys*. One statement."""
    revoked = store.revoke(store.primary().filter(user_id__in=keys), now=utc_now())
    if revoked:
        logger.info("API tokens of inactive users revoked: %d", revoked)


def after_rehash(*, user_id: Any, old: Collection[str], new: str, **kwargs: Any) -> None:
    """Keep the API tokens that end with the password: only its hash has changed."""
    store.rehash(user_id, old, new)
