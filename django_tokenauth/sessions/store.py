"""Create, find, rotate and revoke sessions, each in one statement.

The store knows the database, but neither tokens nor requests. The time is always an argument. Each
change is one conditional ``UPDATE``: it needs no transaction or lock on any database, and its
caller must not roll it back.
"""

from __future__ import annotations

import secrets
import uuid
from collections.abc import Collection, Iterator
from datetime import datetime
from functools import lru_cache
from typing import Any, NamedTuple

from django.conf import settings as django_settings
from django.contrib.auth import get_user_model
from django.db import router
from django.db.models import F, Manager, Model, QuerySet
from django.db.models.functions import Coalesce

from ..models import RevokedReason, Session
from .compiled import CompiledGet, CompiledGetColumns, CompiledUpdate
from .database import primary_sessions

#: The most sessions of a statement that names each of them. Older versions of SQLite permit 999
#: parameters, and PostgreSQL needs memory for each.
BATCH_SIZE = 500


class SessionState(NamedTuple):
    """The columns that a refresh changes and its refresh token depends on."""

    generation: int
    refreshed_at: datetime
    idle_expires_at: datetime

    @classmethod
    def of(cls, session: Session) -> SessionState:
        """Return the current state of *session*."""
        return cls(session.generation, session.refreshed_at, session.idle_expires_at)


class LastSeen(NamedTuple):
    """The columns that each rotation changes for the next one and for the user to see."""

    last_ip: str | None
    last_user_agent: str
    client_authenticated: bool

    @classmethod
    def of(cls, session: Session) -> LastSeen:
        """Return the current values of *session*."""
        return cls(session.last_ip, session.last_user_agent, session.client_authenticated)


class SessionStatus(NamedTuple):
    """The part of a session that each request checks. ``user`` is ``None`` after its deletion."""

    user: Any
    revoked_at: datetime | None
    auth_hash: str


def new_id(now: datetime) -> uuid.UUID:
    """Return an id for a session created at *now*: a UUID of version 7 (RFC 9562 section 5.7).

    The first 48 bits are the milliseconds since the epoch, and 74 bits are random. The id is not
    secret. Sessions expire roughly in the order of their ids, so their rows are adjacent: with
    random ids, pruning took twice as long on SQLite.
    """
    milliseconds = int(now.timestamp() * 1000)
    version, variant = 0x7, 0b10
    high = version << 12 | secrets.randbits(12)
    return uuid.UUID(int=milliseconds << 80 | high << 64 | variant << 62 | secrets.randbits(62))


def add(session: Session) -> None:
    """Insert *session*. One statement."""
    session.save(using=router.db_for_write(Session))


def find(session_id: uuid.UUID | str, *, from_primary: bool = True) -> Session | None:
    """Return the session with its user, or ``None``. One statement.

    With *from_primary*, read from the database for writes; otherwise Django's routers choose. If
    the default manager of the user model hides a user, that user has no sessions.
    """
    using = (router.db_for_write if from_primary else router.db_for_read)(Session)
    user_model = get_user_model()
    if _shows_all_users(user_model):
        return _session_query(using, user_model, django_settings.USE_TZ).get(session_id)
    return _with_visible_user(using, user_model).filter(pk=session_id).first()


def find_status(session_id: uuid.UUID | str) -> SessionStatus | None:
    """Return the status of the session, or ``None``. One statement.

    Reads where :func:`find` reads with ``from_primary=False``.
    """
    using, user_model = router.db_for_read(Session), get_user_model()
    if _shows_all_users(user_model):
        columns = _status_query(using, user_model, django_settings.USE_TZ).get(session_id)
        return None if columns is None else SessionStatus(*columns)
    session = _with_visible_user(using, user_model).filter(pk=session_id).first()
    if session is None:
        return None
    return SessionStatus(session.user, session.revoked_at, session.auth_hash)


def _shows_all_users(user_model: type[Model]) -> bool:
    """Return whether the default manager shows every user, so that its query never changes."""
    return type(user_model._default_manager).get_queryset is Manager.get_queryset


def _with_visible_user(using: str, user_model: type[Model]) -> QuerySet[Session]:
    visible = user_model._default_manager.using(using).all()
    return Session.objects.using(using).select_related("user").filter(user__in=visible)


# The arguments of the next three functions are everything that their statements depend on.


@lru_cache(maxsize=16)
def _session_query(using: str, user_model: type[Model], use_tz: bool) -> CompiledGet[Session]:
    return CompiledGet(Session.objects.using(using), "user")


@lru_cache(maxsize=16)
def _status_query(using: str, user_model: type[Model], use_tz: bool) -> CompiledGetColumns[Session]:
    return CompiledGetColumns(Session.objects.using(using), "user", SessionStatus._fields[1:])


@lru_cache(maxsize=16)
def _rotation(using: str) -> CompiledUpdate:
    rows = _not_revoked(Session.objects.using(using))
    return CompiledUpdate(rows, where=_ROTATED_WHERE, values=_ROTATED_VALUES)


# The hash too: overwriting the result of a concurrent rehash would revoke the session.
_ROTATED_WHERE = ("id", "generation", "auth_hash")
_ROTATED_VALUES = (*SessionState._fields, *LastSeen._fields, "retried", "auth_hash")


def rotate(
    session: Session,
    state: SessionState,
    *,
    seen: LastSeen | None = None,
    auth_hash: str,
    retried: bool = False,
) -> bool:
    """Move *session* to *state* and return ``True``. One statement.

    *seen* is ``None`` if nothing is known about the request. *retried* is ``True`` if the client
    never received the previous generation. If the row was
    changed or revoked since it was read, nothing is written and the result is ``False``.
    """
    seen = seen or LastSeen.of(session)
    values = {**state._asdict(), **seen._asdict(), "retried": retried, "auth_hash": auth_hash}
    where = {name: getattr(session, name) for name in _ROTATED_WHERE}
    if not _rotation(router.db_for_write(Session)).run(where=where, values=values):
        return False
    for name, value in values.items():
        setattr(session, name, value)
    return True


def revoke(session: Session, reason: RevokedReason, *, now: datetime) -> bool:
    """Revoke *session* and return whether it was active. One statement."""
    return bool(revoke_all([session], reason, now=now))


def revoke_all(sessions: Collection[Session], reason: RevokedReason, *, now: datetime) -> int:
    """Revoke *sessions*, at most ``BATCH_SIZE``, and return how many were active.

    One statement; none for no sessions.
    """
    if not sessions:
        return 0
    keys = [session.pk for session in sessions]
    revoked = _revoke(primary_sessions().filter(pk__in=keys), reason, now)
    for session in sessions:
        session.revoked_at, session.revoked_reason, session.idle_expires_at = now, reason, now
    return revoked


def revoke_of_user(
    user_id: Any, reason: RevokedReason, *, now: datetime, keep: Collection[str] = ()
) -> int:
    """Revoke the user's sessions, except those with an ``auth_hash`` in *keep*. One statement.

    Returns the number of revoked sessions.
    """
    rows = primary_sessions().filter(user_id=user_id, idle_expires_at__gt=now)
    return _revoke(rows.exclude(auth_hash__in=keep), reason, now)


def revoke_without_user(since: datetime, reason: RevokedReason, *, now: datetime) -> int:
    """Revoke the sessions since *since* whose user was deleted, and return their number.

    One statement.
    """
    rows = primary_sessions().filter(user=None, created_at__gte=since, idle_expires_at__gt=now)
    return _revoke(rows, reason, now)


def _revoke(rows: QuerySet[Session], reason: RevokedReason, now: datetime) -> int:
    # The idle expiry becomes now, so that one index finds expired and revoked sessions.
    return _not_revoked(rows).update(revoked_at=now, revoked_reason=reason, idle_expires_at=now)


def _not_revoked(rows: QuerySet[Session]) -> QuerySet[Session]:
    """Return the rows that are not revoked, with a condition that no index covers.

    MySQL and MariaDB would use the index of ``revoked_at`` even for a primary key, and lock that
    index first. A refresh and a revocation of the same session could then deadlock.
    """
    return rows.alias(end=Coalesce("revoked_at", "absolute_expires_at")).filter(
        end=F("absolute_expires_at")
    )


def rehash(user_id: Any, old: Collection[str], new: str) -> int:
    """Replace the *old* auth hashes of the user's sessions by *new*. One statement.

    The password is the same, hashed anew. Returns the number of sessions.
    """
    return primary_sessions().filter(user_id=user_id, auth_hash__in=old).update(auth_hash=new)


def active(user_id: Any, *, now: datetime) -> QuerySet[Session]:
    """Return the user's sessions that are neither expired nor revoked, newest first.

    One statement when the query set is read.
    """
    rows = primary_sessions().filter(
        user_id=user_id, revoked_at__isnull=True, idle_expires_at__gt=now
    )
    return rows.order_by("-created_at", "pk")


def batches(rows: QuerySet[Session]) -> Iterator[list[Session]]:
    """Yield the sessions of *rows* in lists of at most ``BATCH_SIZE``. One statement for each.

    They are in the order of their primary keys. The caller may change the rows of a batch before it
    takes the next one.
    """
    rows, page = rows.order_by("pk"), rows.order_by("pk")
    while batch := list(page[:BATCH_SIZE]):
        # A join can return a session more than once.
        yield list({session.pk: session for session in batch}.values())
        if len(batch) < BATCH_SIZE:
            return
        page = rows.filter(pk__gt=batch[-1].pk)


def over_limit(new: Session, others: int, *, now: datetime) -> list[Session]:
    """Return active sessions of the user, except *new* and the newest *others* ones.

    One statement. There are at most ``BATCH_SIZE``; call it again after they were revoked.
    """
    rows = active(new.user_id, now=now).exclude(pk=new.pk)
    return list(rows[others : others + BATCH_SIZE])


def revoked_at(user_id: Any, *, now: datetime) -> QuerySet[Session]:
    """Return the user's sessions that were revoked at exactly *now*."""
    return primary_sessions().filter(user_id=user_id, revoked_at=now)
