"""Create, find, rotate and revoke sessions, each in one statement.

The store depends on the database, but not on tokens or requests. Callers pass the current time.
Each rotation or revocation of a session is one conditional ``UPDATE``, which needs no explicit
transaction or lock on any database. Callers must not roll back a rotation or revocation.
"""

from __future__ import annotations

import secrets
import uuid
from collections.abc import Collection, Iterator, Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any, NamedTuple

from django.conf import settings as django_settings
from django.contrib.auth import get_user_model
from django.db import router
from django.db.models import F, Model, Q, QuerySet
from django.db.models.functions import Coalesce

from ..models import RevokedReason, Session
from .compiled import CompiledGet, CompiledGetColumns, CompiledUpdate
from .database import primary_sessions
from .managers import get_by_session, is_plain, load_user_and_actor, load_users

#: Maximum number of session ids in a statement. SQLite before 3.32 permits 999 parameters, and
#: PostgreSQL needs memory for each parameter.
BATCH_SIZE = 500


class SessionState(NamedTuple):
    """The columns that a refresh changes and that determine the refresh token."""

    generation: int
    refreshed_at: datetime
    idle_expires_at: datetime

    @classmethod
    def of(cls, session: Session) -> SessionState:
        """Return the current state of *session*."""
        return cls(session.generation, session.refreshed_at, session.idle_expires_at)


class LastSeen(NamedTuple):
    """The columns that describe the client of a session at the sign-in or the last rotation."""

    last_ip: str | None
    last_user_agent: str
    client_authenticated: bool

    @classmethod
    def of(cls, session: Session) -> LastSeen:
        """Return the current values of the ``LastSeen`` columns in *session*."""
        return cls(session.last_ip, session.last_user_agent, session.client_authenticated)


class SessionStatus(NamedTuple):
    """The columns of a session that decide whether its access tokens are accepted.

    ``user`` is ``None`` if the user was deleted.
    """

    user: Any
    revoked_at: datetime | None
    auth_hash: str


def new_id(now: datetime) -> uuid.UUID:
    """Return an id for a session created at *now*: a UUID of version 7 (RFC 9562 section 5.7).

    The first 48 bits of the id are the milliseconds since the epoch, and 74 bits are random. The id
    alone gives no access to the session. Sessions expire roughly in the order of their ids, so
    prunable rows are adjacent: with random ids, pruning took twice as long on SQLite.
    """
    milliseconds = int(now.timestamp() * 1000)
    version, variant = 0x7, 0b10
    high = version << 12 | secrets.randbits(12)
    return uuid.UUID(int=milliseconds << 80 | high << 64 | variant << 62 | secrets.randbits(62))


def add(session: Session) -> None:
    """Insert *session*. One statement."""
    session.save(using=router.db_for_write(Session))


def find(session_id: uuid.UUID | str, *, from_primary: bool = True) -> Session | None:
    """Return the session *session_id* with its user, or ``None``. One statement.

    With *from_primary*, read from the database for writes, and otherwise from the database that
    Django's routers choose for reads. The user is the object that the default manager of the user
    model returns. If the manager hides a user, the user's sessions are not found.
    """
    using = (router.db_for_write if from_primary else router.db_for_read)(Session)
    user_model = get_user_model()
    if is_plain(user_model._default_manager):
        return _session_query(using, user_model, django_settings.USE_TZ).get(session_id)
    names = [field.attname for field in Session._meta.concrete_fields]
    found = get_by_session(using, session_id, names)
    if found is None:
        return None
    user, *values = found
    session = Session.from_db(using, names, values)
    Session._meta.get_field("user").set_cached_value(session, user)
    return session


def find_with_any_user(session_id: uuid.UUID | str) -> Session | None:
    """Return the session *session_id* with its user, even a hidden one, or ``None``.

    Execute one statement, and another one if the manager of the user model is not plain.
    """
    using = router.db_for_write(Session)
    query = _session_query(using, get_user_model(), django_settings.USE_TZ)
    session = query.get(session_id)
    if session is not None and session.user is not None:
        load_users([session])
    return session


def find_with_actor(session_id: uuid.UUID | str, *, from_primary: bool = True) -> Session | None:
    """Return the session *session_id* with its user and its actor, or ``None``.

    Execute one statement, and another one if the manager of the user model is not plain. If the
    manager hides the user or the actor, the session is not found, as by :func:`find`.
    """
    using = (router.db_for_write if from_primary else router.db_for_read)(Session)
    rows = Session.objects.using(using).select_related("user", "actor")
    session = rows.filter(pk=session_id).first()
    return None if session is None or not load_user_and_actor(session) else session


def find_status(session_id: uuid.UUID | str) -> SessionStatus | None:
    """Return the status of the session *session_id*, or ``None``. One statement.

    Read from the database that Django's routers choose for reads.
    """
    using, user_model = router.db_for_read(Session), get_user_model()
    columns: Sequence[Any] | None
    if is_plain(user_model._default_manager):
        columns = _status_query(using, user_model, django_settings.USE_TZ).get(session_id)
    else:
        columns = get_by_session(using, session_id, SessionStatus._fields[1:])
    return None if columns is None else SessionStatus(*columns)


# The arguments of each function determine its cached statement. The names of tables in a statement
# have no schema, so the statement runs in the current schema of the connection. A project may have
# a database for each tenant.
_MAX_STATEMENTS = 1024


@lru_cache(maxsize=_MAX_STATEMENTS)
def _session_query(using: str, user_model: type[Model], use_tz: bool) -> CompiledGet[Session]:
    return CompiledGet(Session.objects.using(using), "user")


@lru_cache(maxsize=_MAX_STATEMENTS)
def _status_query(using: str, user_model: type[Model], use_tz: bool) -> CompiledGetColumns[Session]:
    return CompiledGetColumns(Session.objects.using(using), "user", SessionStatus._fields[1:])


@lru_cache(maxsize=_MAX_STATEMENTS)
def _rotation(using: str, changed: tuple[str, ...] = ()) -> CompiledUpdate:
    rows = _not_revoked(Session.objects.using(using))
    return CompiledUpdate(rows, where=_ROTATED_WHERE, values=(*_ROTATED_VALUES, *changed))


# Compare auth_hash too: overwriting the hash of a concurrent rehash would invalidate the session.
_ROTATED_WHERE = ("id", "generation", "auth_hash")
_ROTATED_VALUES = (*SessionState._fields, *LastSeen._fields, "retried", "auth_hash")


def rotate(
    session: Session,
    state: SessionState,
    *,
    seen: LastSeen | None = None,
    auth_hash: str,
    retried: bool = False,
    changed: tuple[str, ...] = (),
) -> bool:
    """Rotate *session* to *state* and return whether the rotation was stored. One statement.

    Without *seen*, the columns of :class:`LastSeen` keep their values. *retried* is ``True`` if the
    refresh accepted the previous refresh token after the grace period. *changed* are the names of
    further columns, with their new values in *session*. If *session* was revoked, or its generation
    or auth hash has changed in the database, write nothing and return ``False``.
    """
    seen = seen or LastSeen.of(session)
    values = {**state._asdict(), **seen._asdict(), "retried": retried, "auth_hash": auth_hash}
    values.update((name, getattr(session, name)) for name in changed)
    where = {name: getattr(session, name) for name in _ROTATED_WHERE}
    if not _rotation(router.db_for_write(Session), changed).run(where=where, values=values):
        return False
    for name, value in values.items():
        setattr(session, name, value)
    return True


def revoke(session: Session, reason: RevokedReason, *, now: datetime) -> bool:
    """Revoke *session* and return whether this call revoked it. One statement."""
    return bool(revoke_all([session], reason, now=now))


def revoke_all(
    sessions: Collection[Session],
    reason: RevokedReason,
    *,
    now: datetime,
    using: str | None = None,
) -> int:
    """Revoke *sessions*, at most ``BATCH_SIZE``, and return how many were not revoked before.

    *using* is the alias of their database, by default the database for writes. Execute one
    statement, or none if *sessions* is empty.
    """
    if not sessions:
        return 0
    keys = [session.pk for session in sessions]
    revoked = revoke_rows(primary_sessions(using).filter(pk__in=keys), reason, now=now)
    for session in sessions:
        session.revoked_at, session.revoked_reason, session.idle_expires_at = now, reason, now
    return revoked


def revoke_of_user(
    user_id: Any, reason: RevokedReason, *, now: datetime, keep: Collection[str] = ()
) -> int:
    """Revoke the user's active sessions, except those with an ``auth_hash`` in *keep*.

    One statement. Returns the number of revoked sessions.
    """
    rows = primary_sessions().filter(user_id=user_id, idle_expires_at__gt=now)
    return revoke_rows(rows.exclude(auth_hash__in=keep), reason, now=now)


def revoke_of_actor(
    actor_id: Any, reason: RevokedReason, *, now: datetime, keep: Collection[str] = ()
) -> int:
    """Revoke the active sessions in which a member of the staff acts as another user.

    Sessions with an ``actor_auth_hash`` in *keep* continue. One statement. Returns the number of
    revoked sessions.
    """
    rows = primary_sessions().filter(actor_id=actor_id, idle_expires_at__gt=now)
    return revoke_rows(rows.exclude(actor_auth_hash__in=keep), reason, now=now)


def revoke_without_user(
    since: datetime, reason: RevokedReason, *, now: datetime, using: str | None = None
) -> int:
    """Revoke the sessions created since *since* whose user was deleted, and return their number.

    *using* is the alias of their database, by default the database for writes. One statement.
    """
    rows = primary_sessions(using).filter(user=None, created_at__gte=since, idle_expires_at__gt=now)
    return revoke_rows(rows, reason, now=now)


def revoke_rows(rows: QuerySet[Session], reason: RevokedReason, *, now: datetime) -> int:
    """Revoke *rows*, sessions that have not expired. One statement.

    Returns the number of sessions that were not revoked before.
    """
    # Set idle_expires_at to now, so that one index finds expired and revoked sessions.
    return _not_revoked(rows).update(revoked_at=now, revoked_reason=reason, idle_expires_at=now)


def _not_revoked(rows: QuerySet[Session]) -> QuerySet[Session]:
    """Return the rows that are not revoked, with a condition that no index covers.

    With a plain condition on ``revoked_at``, MySQL and MariaDB would use and lock its index first,
    even in a query for a primary key. A refresh and a revocation of the same session could then
    deadlock on the index of ``revoked_at``.
    """
    return rows.alias(end=Coalesce("revoked_at", "absolute_expires_at")).filter(
        end=F("absolute_expires_at")
    )


def set_data(session_id: uuid.UUID, data: Any, *, now: datetime) -> bool:
    """Replace the data of an active session and return whether it was replaced. One statement."""
    rows = primary_sessions().filter(pk=session_id, idle_expires_at__gt=now)
    return bool(_not_revoked(rows).update(data=data))


def rehash(user_id: Any, old: Collection[str], new: str) -> int:
    """Replace the *old* auth hashes of the user's sessions by *new*. One statement.

    Call ``rehash()`` only if the password itself is unchanged. Returns the number of changed
    sessions.
    """
    return primary_sessions().filter(user_id=user_id, auth_hash__in=old).update(auth_hash=new)


def rehash_actor(actor_id: Any, old: Collection[str], new: str) -> None:
    """Replace the *old* auth hashes of the actor by *new*, as :func:`rehash`. One statement."""
    rows = primary_sessions().filter(actor_id=actor_id, actor_auth_hash__in=old)
    rows.update(actor_auth_hash=new)


def active(user_id: Any, *, now: datetime) -> QuerySet[Session]:
    """Return the user's sessions that are neither expired nor revoked, newest first.

    Reading the query set executes one statement.
    """
    rows = primary_sessions().filter(
        user_id=user_id, revoked_at__isnull=True, idle_expires_at__gt=now
    )
    return rows.order_by("-created_at", "pk")


def active_with_held(user_id: Any, *, now: datetime) -> QuerySet[Session]:
    """Return the user's active sessions, and those in which the user acts as another user.

    The query set is ordered as by :func:`active`, and loads the users and the actors too.
    """
    rows = primary_sessions().filter(
        Q(user_id=user_id) | Q(actor_id=user_id), revoked_at__isnull=True, idle_expires_at__gt=now
    )
    return rows.select_related("user", "actor").order_by("-created_at", "pk")


def active_of_users(
    role: str, field: str, values: Collection[Any], *, now: datetime, using: str | None = None
) -> QuerySet[Session]:
    """Return the active sessions of the users whose *field* is in *values*, at most ``BATCH_SIZE``.

    *role* is ``"user"``, or ``"actor"`` for the sessions in which the users act as others. *using*
    is the alias of their database, by default the database for writes. Reading the query set
    executes one statement.
    """
    rows = primary_sessions(using).select_related(role)
    return rows.filter(**{f"{role}__{field}__in": values}, revoked_at=None, idle_expires_at__gt=now)


def batches(rows: QuerySet[Session], *, with_users: bool = False) -> Iterator[list[Session]]:
    """Yield the sessions of *rows* in batches of at most ``BATCH_SIZE``, with one statement each.

    The sessions are ordered by primary key. The caller may change the rows of a batch before taking
    the next batch. With *with_users*, the users of the sessions are loaded. If the default manager
    of the user model changes its query, another statement loads the users of each batch.
    """
    rows = rows.order_by("pk")
    if with_users:
        rows = rows.select_related("user")
    page = rows
    while batch := list(page[:BATCH_SIZE]):
        # A join can return a session more than once.
        unique = list({session.pk: session for session in batch}.values())
        if with_users:
            load_users(unique)
        yield unique
        if len(batch) < BATCH_SIZE:
            return
        page = rows.filter(pk__gt=batch[-1].pk)


def over_limit(new: Session, others: int, *, now: datetime) -> list[Session]:
    """Return active sessions of the user of *new*, except *new* and the newest *others* sessions.

    Sessions with an actor are not counted. *others* is the number of other sessions to keep. The
    list has at most ``BATCH_SIZE`` sessions. Revoke the returned sessions before the next call of
    ``over_limit()``. One statement, and another one only if sessions are returned.
    """
    rows = active(new.user_id, now=now).filter(actor=None).exclude(pk=new.pk)
    # Most users have fewer sessions. Selecting all columns takes Django several times as long.
    keys = list(rows.values_list("pk", flat=True)[others : others + BATCH_SIZE])
    return list(rows.filter(pk__in=keys)) if keys else []


def revoked_at(user_id: Any, *, now: datetime, using: str | None = None) -> QuerySet[Session]:
    """Return the user's sessions that were revoked at exactly *now*.

    *using* is the alias of their database, by default the database for writes.
    """
    return primary_sessions(using).filter(user_id=user_id, revoked_at=now)


def revoked_of_actor_at(actor_id: Any, *, now: datetime) -> QuerySet[Session]:
    """Return the sessions of the actor that were revoked at exactly *now*."""
    return primary_sessions().filter(actor_id=actor_id, revoked_at=now)
