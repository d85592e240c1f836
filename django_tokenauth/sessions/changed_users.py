"""The users that a transaction saves, whose sessions are revoked in batches.

A transaction may save thousands of users. The sessions of the first users are revoked by one
statement for each user. The sessions of further users wait until the next statement of the
transaction that names the table of sessions, or until the commit.
"""

from __future__ import annotations

import logging
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from itertools import islice
from typing import Any

from django.db import connections, router
from django.db.backends.base.base import BaseDatabaseWrapper

from .. import signals
from ..conf.settings import load
from ..models import RevokedReason, Session
from . import commits, store
from .clock import utc_now
from .tenants import current_tenant
from .users import get_key, has_auth_hash

logger = logging.getLogger("django_tokenauth")

#: Number of users of a transaction whose sessions are revoked at once.
AT_ONCE = 8


class _Users:
    """Values of fields of users. Each value identifies one user.

    The key is the alias of the database of the sessions, and the name of the field. At the commit,
    routers may return the database of another tenant.
    """

    def __init__(self) -> None:
        self._values: dict[tuple[str, str], set[Any]] = defaultdict(set)

    def __len__(self) -> int:
        return sum(map(len, self._values.values()))

    def add(self, using: str, field: str, value: Any) -> None:
        self._values[using, field].add(value)

    def discard(self, using: str, field: str, value: Any) -> None:
        self._values[using, field].discard(value)

    def take(self) -> Iterator[tuple[str, str, list[Any]]]:
        """Remove all values and yield them in batches, each with its alias and its field."""
        values, self._values = self._values, defaultdict(set)
        for (using, field), all_values in values.items():
            rest = iter(all_values)
            while batch := list(islice(rest, store.BATCH_SIZE)):
                yield using, field, batch


class ChangedUsers:
    """The users that one transaction has saved so far.

    The list of functions that Django calls after the commit contains this object once for each
    save, so a rollback also drops the users. A rollback to a savepoint may leave users that were
    not changed, which is harmless: :meth:`_revoke` compares the sessions with the stored users.
    """

    def __init__(self, connection: BaseDatabaseWrapper) -> None:
        self._connection = connection
        # Django 5.2 logs this name if the call after the commit fails.
        self.__qualname__ = type(self).__name__
        self._saved, self._waiting = _Users(), _Users()

    def __call__(self) -> None:
        """Revoke, after the commit, the sessions of all users of the transaction.

        The first call handles all users. A concurrent sign-in may have read an old password, and
        the transaction could not see its session.
        """
        self._stop_watching()
        self._waiting = _Users()
        self._revoke(self._saved)

    def add(self, field: str, value: Any) -> bool:
        """Add the user whose *field* has *value*, and return whether the sessions may wait.

        If they may not, the caller revokes them now. No statement.
        """
        using = router.db_for_write(Session)
        self._saved.add(using, field, value)
        commits.on_commit(self, using=self._connection.alias)
        if len(self._saved) <= AT_ONCE or _has_schema():
            return False
        self._waiting.add(using, field, value)
        # The sessions may be in the same database under another alias, which does not see the
        # changed users before the commit.
        wrappers = self._connection.execute_wrappers
        if self._connection.alias == using and self._watch not in wrappers:
            # Django's execute_wrapper() removes the last wrapper of the list.
            wrappers.insert(0, self._watch)
        return True

    def is_full(self) -> bool:
        """Return whether the sessions of further users wait."""
        return len(self._saved) >= AT_ONCE and not _has_schema()

    def forget(self, field: str, value: Any) -> None:
        """Do not let the sessions of the user wait. The caller revokes them now. No statement."""
        self._waiting.discard(router.db_for_write(Session), field, value)

    def _watch(
        self, execute: Callable[..., Any], sql: Any, params: Any, many: bool, context: Any
    ) -> Any:
        """Revoke the waiting sessions before a statement that names the table of sessions."""
        if changed_users(self._connection.alias) is not self:
            # The transaction has ended, or a savepoint was rolled back.
            self._stop_watching()
        elif Session._meta.db_table in str(sql):
            self._stop_watching()
            self._revoke(self._waiting)
        return execute(sql, params, many, context)

    def _stop_watching(self) -> None:
        if self._watch in self._connection.execute_wrappers:
            self._connection.execute_wrappers.remove(self._watch)

    @staticmethod
    def _revoke(users: _Users) -> None:
        """Revoke the sessions that *users* may no longer use, and remove the users.

        Execute one statement for each 500 users, and two for each 500 sessions. With
        ``IMPERSONATION``, do so again for the sessions in which the users act as others. The
        database decides, not the saved objects: a user may have been saved again or by another
        process.
        """
        roles = ("user",) if load().impersonation is None else ("user", "actor")
        for using, field, values in users.take():
            for role in roles:
                active = store.active_of_users(role, field, values, now=utc_now(), using=using)
                for batch in store.batches(active, with_users=True):
                    _revoke_refused(role, batch, using)


def _has_schema() -> bool:
    """Return whether the connection has the schema of a tenant, and may have another one later.

    At the commit, a statement would not find the sessions of users who waited in this schema.
    """
    _, schema = current_tenant()
    return bool(schema)


def _revoke_refused(role: str, sessions: list[Session], using: str) -> None:
    """Revoke those of *sessions* whose user or actor, as in *role*, may no longer use them."""
    reason = RevokedReason.USER_CHANGED
    refused = [session for session in sessions if not _may_use(role, session)]
    store.revoke_all(refused, reason, now=utc_now(), using=using)
    numbers = Counter(getattr(session, f"{role}_id") for session in refused)
    for key, number in numbers.items():
        counted = "1 session" if number == 1 else f"{number} sessions"
        named = "user" if role == "user" else "the actor"
        logger.info("%s of %s %s revoked: %s", counted, named, key, reason)
    for session in refused:
        signals.session_revoked.send_for(session, session.user, None)


def _may_use(role: str, session: Session) -> bool:
    user: Any = getattr(session, role)
    stored_hash = session.auth_hash if role == "user" else session.actor_auth_hash
    try:
        return bool(user.is_active) and has_auth_hash(user, stored_hash)
    except Exception:
        # The user model of the project raised the error. The sessions of the other users must end.
        logger.exception("the auth hash of user %s cannot be read", get_key(user))
        return False


def changed_users(using: str) -> ChangedUsers | None:
    """Return the users that the current transaction in the database *using* has saved.

    Returns ``None`` outside of a transaction.
    """
    connection = connections[using]
    if not connection.in_atomic_block:
        return None
    # Each save inserts the object before the functions of the project.
    for entry in connection.run_on_commit:
        if isinstance(entry[1], ChangedUsers):
            return entry[1]
    return ChangedUsers(connection)


def forget_changed_user(user: Any) -> None:
    """Do not let the sessions of *user* wait. The caller revokes them now. No statement."""
    changed = changed_users(router.db_for_write(type(user), instance=user))
    if changed is not None:
        changed.forget("pk", get_key(user))
