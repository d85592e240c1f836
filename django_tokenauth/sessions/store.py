"""The store: sessions found, rotated, revoked and pruned, in one or two statements each.

It knows the database and nothing of tokens or requests; ``now`` is an argument throughout. Each
change is one conditional ``UPDATE``, which is its own lock on every database: nothing here needs a
transaction, and nothing may be inside one that is rolled back later.
"""

from __future__ import annotations

import logging
import secrets
import uuid
from collections.abc import Collection
from datetime import datetime
from functools import lru_cache
from typing import Any, NamedTuple

from django.conf import settings as django_settings
from django.contrib.auth import get_user_model
from django.db import router
from django.db.models import F, Manager, Model, QuerySet
from django.db.models.functions import Coalesce

from ..models import RevokedReason, Session
from .compiled import CompiledGet, CompiledGetColumns, CompiledUpdate, Selection, placeholder
from .database import _written

logger = logging.getLogger("django_tokenauth")


def new_id(now: datetime) -> uuid.UUID:
    """An id for a session that begins at ``now``: a UUID of version 7 (RFC 9562 section 5.7).

    Its first 48 bits are the milliseconds since the epoch, 74 of the others are random. It need not
    be secret, and its time is in the token as ``auth_time`` anyway. Sessions end about in the order
    in which they began, so rows that go together lie together: with random ids SQLite took more
    than twice as long to prune, MariaDB one and a half times, and a sign-in on PostgreSQL wrote a
    third more into the log after a checkpoint. The price is 3 % more bytes for a row that was
    refreshed on PostgreSQL, and 6 % more log for its first refresh after a checkpoint.
    """
    milliseconds = int(now.timestamp() * 1000)
    version, variant = 0x7, 0b10
    high = version << 12 | secrets.randbits(12)
    return uuid.UUID(int=milliseconds << 80 | high << 64 | variant << 62 | secrets.randbits(62))


def add(session: Session) -> None:
    """Store a new session. One statement."""
    session.save(using=router.db_for_write(Session))


class SessionStatus(NamedTuple):
    """What a request asks of its session. ``user`` is ``None`` where that is deleted."""

    user: Any
    revoked_at: datetime | None
    auth_hash: str


def find(session_id: str, *, from_primary: bool = True) -> Session | None:
    """The session with its user, or ``None``. One statement.

    ``from_primary`` reads from the database that is written to; otherwise Django's routers choose
    where to read. A user whom the default manager of the user model hides has no session.
    """
    using = (router.db_for_write if from_primary else router.db_for_read)(Session)
    model = get_user_model()
    if _hides_nobody(model):
        return _lookup(using, model, django_settings.USE_TZ).get(session_id)
    return _visible(using, model).filter(pk=session_id).first()


def find_status(session_id: str) -> SessionStatus | None:
    """What counts of the session at each request. Otherwise as :func:`find` with
    ``from_primary=False``."""
    using, model = router.db_for_read(Session), get_user_model()
    if _hides_nobody(model):
        found = _standing(using, model, django_settings.USE_TZ).get(session_id)
        return None if found is None else SessionStatus(*found)
    session = _visible(using, model).filter(pk=session_id).first()
    if session is None:
        return None
    return SessionStatus(session.user, session.revoked_at, session.auth_hash)


def _hides_nobody(user_model: type[Model]) -> bool:
    """Whether the default manager shows each user, whoever asks: then a statement for it is the
    same each time."""
    return type(user_model._default_manager).get_queryset is Manager.get_queryset


def _visible(using: str, user_model: type[Model]) -> QuerySet[Session]:
    visible = user_model._default_manager.using(using).all()
    return Session.objects.using(using).select_related("user").filter(user__in=visible)


# All that the statements and the reading of their rows depend on are the arguments.


@lru_cache(maxsize=16)
def _lookup(using: str, user_model: type[Model], use_tz: bool) -> CompiledGet[Session]:
    return CompiledGet(Session.objects.using(using).select_related("user"))


@lru_cache(maxsize=16)
def _standing(using: str, user_model: type[Model], use_tz: bool) -> CompiledGetColumns:
    asked = ("revoked_at", "auth_hash")
    rows = Session.objects.using(using).select_related("user").only("user", *asked)
    return CompiledGetColumns(rows, *asked)


def rotate(
    session: Session,
    generation: int,
    *,
    idle_expires_at: datetime,
    auth_hash: str,
    now: datetime,
    retried: bool = False,
) -> bool:
    """Make ``generation`` the current one, unless somebody was faster. One statement.

    ``retried`` says that the generation before it was given out and never arrived. False if the
    session was changed or revoked since it was read; then nothing is written.
    """
    changes: dict[str, Any] = {
        "generation": generation,
        "retried": retried,
        "refreshed_at": now,
        "idle_expires_at": idle_expires_at,
        "auth_hash": auth_hash,
    }
    # The hash too: written over one that a rehash put there meanwhile, it would end the session.
    found = {name: getattr(session, name) for name in _UNCHANGED}
    if not _rotation(router.db_for_write(Session)).run(found=found, changes=changes):
        return False
    for name, value in changes.items():
        setattr(session, name, value)
    return True


_UNCHANGED = ("id", "generation", "auth_hash")
_ROTATED = ("generation", "retried", "refreshed_at", "idle_expires_at", "auth_hash")


@lru_cache(maxsize=16)
def _rotation(using: str) -> CompiledUpdate:
    # Compiled each time, it would be more than half of what the processor does for a refresh.
    rows = _unrevoked(Session.objects.using(using))
    return CompiledUpdate(rows, found=_UNCHANGED, changes=_ROTATED)


def revoke(session: Session, reason: RevokedReason, *, now: datetime) -> bool:
    """End a session; False if it had ended already. One statement."""
    return bool(revoke_all([session], reason, now=now))


def revoke_all(sessions: Collection[Session], reason: RevokedReason, *, now: datetime) -> int:
    """End these sessions and tell how many of them were alive. One statement, or none for none."""
    if not sessions:
        return 0
    keys = [session.pk for session in sessions]
    if len(keys) == 1:
        changes = {"revoked_at": now, "revoked_reason": reason, "idle_expires_at": now}
        ended = _revocation(router.db_for_write(Session)).run(
            found={"id": keys[0]}, changes=changes
        )
    else:
        ended = _revoke(_written().filter(pk__in=keys), reason, now)
    for session in sessions:
        session.revoked_at, session.revoked_reason, session.idle_expires_at = now, reason, now
    return ended


@lru_cache(maxsize=16)
def _revocation(using: str) -> CompiledUpdate:
    # Of one session. Compiled each time, it would be half of what the processor does to sign out.
    rows = _unrevoked(Session.objects.using(using))
    return CompiledUpdate(
        rows, found=("id",), changes=("revoked_at", "revoked_reason", "idle_expires_at")
    )


def revoke_of_user(
    user_id: Any, reason: RevokedReason, *, now: datetime, keep: Collection[str] = ()
) -> int:
    """End the user's sessions but those with an ``auth_hash`` in ``keep``. One statement."""
    rows = _written().filter(user_id=user_id, idle_expires_at__gt=now)
    return _revoke(rows.exclude(auth_hash__in=keep), reason, now)


def _revoke(rows: QuerySet[Session], reason: RevokedReason, now: datetime) -> int:
    # The end of use moves to now, so that one index tells which rows have ended.
    return _unrevoked(rows).update(revoked_at=now, revoked_reason=reason, idle_expires_at=now)


def _unrevoked(rows: QuerySet[Session]) -> QuerySet[Session]:
    """For a change of rows; written so that no index can answer it.

    MySQL and MariaDB would find the row of a primary key by the index of ``revoked_at``, and lock
    that one first: the deadlock of a refresh with the end of its session.
    """
    return rows.alias(end=Coalesce("revoked_at", "absolute_expires_at")).filter(
        end=F("absolute_expires_at")
    )


def rehash(user_id: Any, old: Collection[str], new: str) -> int:
    """Follow a stored password that was hashed anew and is still the same. One statement."""
    return _written().filter(user_id=user_id, auth_hash__in=old).update(auth_hash=new)


def alive(user_id: Any, *, now: datetime) -> QuerySet[Session]:
    """The sessions of the user that have not ended, newest first. One statement when read."""
    return _alive(_written(), user_id, now)


def _alive(rows: QuerySet[Session], user_id: Any, now: Any) -> QuerySet[Session]:
    found = rows.filter(user_id=user_id, revoked_at__isnull=True, idle_expires_at__gt=now)
    return found.order_by("-created_at", "pk")


def over_limit(new: Session, others: int, *, now: datetime) -> list[Session]:
    """What is :func:`alive` of the user of ``new``, but for it and the newest ``others``. One
    statement."""
    using = router.db_for_write(Session)
    rows = _over_limit(using, others, django_settings.USE_TZ)
    return rows.all(user=new.user_id, idle_expires_at=now, id=new.pk)


@lru_cache(maxsize=16)
def _over_limit(using: str, others: int, use_tz: bool) -> Selection[Session]:
    # Compiled each time, it would be more than a third of what the processor does for a sign-in.
    user, now, new = (placeholder(Session, name) for name in ("user", "idle_expires_at", "id"))
    rows = _alive(Session.objects.using(using), user, now)
    return Selection(rows.exclude(pk=new)[others:])


def revoked_at(user_id: Any, *, now: datetime) -> list[Session]:
    """The sessions of the user that were revoked at exactly ``now``. One statement."""
    return list(_written().filter(user_id=user_id, revoked_at=now))
