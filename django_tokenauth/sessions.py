"""The store: sessions found, rotated, revoked and pruned, in one or two statements each.

It knows the database and nothing of tokens or requests; ``now`` is an argument throughout. Each
change is one conditional ``UPDATE``, which is its own lock on every database: nothing here needs a
transaction, and nothing may be inside one that is rolled back later.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Collection, Iterator
from contextlib import contextmanager, nullcontext
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from math import inf
from typing import Any

from django.conf import settings as django_settings
from django.contrib.auth import get_user_model
from django.db import Error as DatabaseFault
from django.db import connections, router
from django.db.models import F, Manager, Model, QuerySet
from django.db.models.functions import Coalesce
from django.db.transaction import atomic
from django.utils import timezone

from .conf import Settings
from .errors import ServiceUnavailable
from .lookups import Lookup, Selection
from .models import RevokedReason, Session
from .statements import Update, given

logger = logging.getLogger("django_tokenauth")


@contextmanager
def answering() -> Iterator[None]:
    """Turn a fault of the database into :class:`ServiceUnavailable`, and log its kind."""
    try:
        yield
    except DatabaseFault as fault:
        logger.error("the database did not answer (%s)", type(fault).__name__)
        raise ServiceUnavailable from None


def _written() -> QuerySet[Session]:
    """Sessions where they are written: a replica may lag behind a rotation or a revocation."""
    return Session.objects.using(router.db_for_write(Session))


def add(session: Session) -> None:
    """Store a new session. One statement."""
    session.save(using=router.db_for_write(Session))


def find(session_id: str, *, written: bool = True) -> Session | None:
    """The session with its user, or ``None``. One statement.

    ``written`` reads from the database that is written to; otherwise Django's routers choose where
    to read. A user whom the default manager of the user model hides has no session.
    """
    using = (router.db_for_write if written else router.db_for_read)(Session)
    return _found(using, session_id, ())


def find_for_request(session_id: str) -> Session | None:
    """The session with its user, and of its own fields only those that are asked at each request:
    ``revoked_at`` and ``auth_hash``. Otherwise as :func:`find` with ``written=False``."""
    return _found(router.db_for_read(Session), session_id, _NOT_ASKED)


_NOT_ASKED = tuple(
    field.name
    for field in Session._meta.concrete_fields
    if field.name not in ("id", "user", "revoked_at", "auth_hash")
)


def _found(using: str, session_id: str, deferred: tuple[str, ...]) -> Session | None:
    model = get_user_model()
    if type(model._default_manager).get_queryset is Manager.get_queryset:
        # Nobody is hidden, whoever asks, so the statement is the same each time.
        return _lookup(using, model, deferred, django_settings.USE_TZ).get(session_id)
    visible = model._default_manager.using(using).all()
    rows = Session.objects.using(using).select_related("user").filter(user__in=visible)
    return rows.filter(pk=session_id).first()


@lru_cache(maxsize=16)
def _lookup(
    using: str, user_model: type[Model], deferred: tuple[str, ...], use_tz: bool
) -> Lookup[Session]:
    """All that the statement and the reading of its row depend on are the arguments."""
    rows = Session.objects.using(using).select_related("user").defer(*deferred)
    return Lookup(rows)


def rotate(
    session: Session,
    generation: int,
    *,
    expires_at: datetime,
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
        "rotated_at": now,
        "expires_at": expires_at,
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
_ROTATED = ("generation", "retried", "rotated_at", "expires_at", "auth_hash")


@lru_cache(maxsize=16)
def _rotation(using: str) -> Update:
    # Compiled each time, it would be more than half of what the processor does for a refresh.
    rows = _unrevoked(Session.objects.using(using))
    return Update(rows, found=_UNCHANGED, changes=_ROTATED)


def revoke(session: Session, reason: RevokedReason, *, now: datetime) -> bool:
    """End a session; False if it had ended already. One statement."""
    return bool(revoke_all([session], reason, now=now))


def revoke_all(sessions: Collection[Session], reason: RevokedReason, *, now: datetime) -> int:
    """End these sessions and tell how many of them were alive. One statement, or none for none."""
    if not sessions:
        return 0
    keys = [session.pk for session in sessions]
    if len(keys) == 1:
        changes = {"revoked_at": now, "revoked_reason": reason, "expires_at": now}
        ended = _revocation(router.db_for_write(Session)).run(
            found={"id": keys[0]}, changes=changes
        )
    else:
        ended = _revoke(_written().filter(pk__in=keys), reason, now)
    for session in sessions:
        session.revoked_at, session.revoked_reason, session.expires_at = now, reason, now
    return ended


@lru_cache(maxsize=16)
def _revocation(using: str) -> Update:
    # Of one session. Compiled each time, it would be half of what the processor does to sign out.
    rows = _unrevoked(Session.objects.using(using))
    return Update(rows, found=("id",), changes=("revoked_at", "revoked_reason", "expires_at"))


def revoke_of_user(
    user_id: Any, reason: RevokedReason, *, now: datetime, keep: Collection[str] = ()
) -> int:
    """End the user's sessions but those with an ``auth_hash`` in ``keep``. One statement."""
    rows = _written().filter(user_id=user_id, expires_at__gt=now)
    return _revoke(rows.exclude(auth_hash__in=keep), reason, now)


def _revoke(rows: QuerySet[Session], reason: RevokedReason, now: datetime) -> int:
    # The end of use moves to now, so that one index tells which rows have ended.
    return _unrevoked(rows).update(revoked_at=now, revoked_reason=reason, expires_at=now)


def _unrevoked(rows: QuerySet[Session]) -> QuerySet[Session]:
    """For a change of rows; written so that no index can answer it.

    MySQL and MariaDB would find the row of a primary key by the index of ``revoked_at``, and lock
    that one first: the deadlock of a refresh with the end of its session.
    """
    return rows.alias(end=Coalesce("revoked_at", "ends_at")).filter(end=F("ends_at"))


def rehash(user_id: Any, old: Collection[str], new: str) -> int:
    """Follow a stored password that was hashed anew and is still the same. One statement."""
    return _written().filter(user_id=user_id, auth_hash__in=old).update(auth_hash=new)


def alive(user_id: Any, *, now: datetime) -> QuerySet[Session]:
    """The sessions of the user that have not ended, newest first. One statement when read."""
    return _alive(_written(), user_id, now)


def _alive(rows: QuerySet[Session], user_id: Any, now: Any) -> QuerySet[Session]:
    found = rows.filter(user_id=user_id, revoked_at__isnull=True, expires_at__gt=now)
    return found.order_by("-created_at", "pk")


def surplus(new: Session, others: int, *, now: datetime) -> list[Session]:
    """What is :func:`alive` of the user of ``new``, but for it and the newest ``others``. One
    statement."""
    using = router.db_for_write(Session)
    rows = _surplus(using, others, django_settings.USE_TZ)
    return rows.all(user=new.user_id, expires_at=now, id=new.pk)


@lru_cache(maxsize=16)
def _surplus(using: str, others: int, use_tz: bool) -> Selection[Session]:
    # Compiled each time, it would be more than a third of what the processor does for a sign-in.
    user, now, new = (given(Session, name) for name in ("user", "expires_at", "id"))
    rows = _alive(Session.objects.using(using), user, now)
    return Selection(rows.exclude(pk=new)[others:])


def revoked_at(user_id: Any, *, now: datetime) -> list[Session]:
    """The sessions of the user that were revoked at exactly ``now``. One statement."""
    return list(_written().filter(user_id=user_id, revoked_at=now))


class RevokedSessions:
    """What a process that asks no database per request knows of revocations.

    A snapshot of the ids of sessions that were revoked so recently that access tokens of them may
    still live; one thread at a time renews it when ``poll`` has passed, the others go on with
    what there is. Where nobody has asked for two polls they wait for it, but only for a moment: a
    database that hangs must not stop all of them.
    """

    #: Seconds.
    LONGEST_WAIT = 1.0

    def __init__(self, poll: timedelta, window: timedelta) -> None:
        self._poll = poll.total_seconds()
        self._window = window
        self._ids: frozenset[str] = frozenset()
        self._read_at: float | None = None
        # From when until when the snapshot is fresh; asked at each request.
        self._begin, self._end = inf, -inf
        # How often it was read, or tried to be.
        self._reads = 0
        self._lock = threading.Lock()
        # One waited for the one that reads, in vain.
        self._hangs = False

    def __contains__(self, session_id: str) -> bool:
        return session_id in self._ids

    def renew(self, now: float) -> None:
        """Read the snapshot again if it is due at ``now`` (seconds since the epoch).

        A database that does not answer leaves the last snapshot in force, and is logged.
        """
        if self._begin <= now < self._end:
            return
        reads = self._reads
        if self._acquire(now):
            try:
                # Of those that waited nobody reads again, whatever the order of their clocks is.
                if self._reads == reads:
                    self._read(now)
            finally:
                self._hangs = False
                self._lock.release()

    def _acquire(self, now: float) -> bool:
        """Whether this thread is the one that may read."""
        if self._read_at is None:
            # There is no snapshot that could be used meanwhile.
            return self._lock.acquire()
        if self._hangs or self._is_fresh(now, polls=2):
            return self._lock.acquire(blocking=False)
        # What there is may be older than a sign-out of minutes ago.
        acquired = self._lock.acquire(timeout=self.LONGEST_WAIT)
        self._hangs = not acquired
        return acquired

    def _is_fresh(self, now: float, polls: int = 1) -> bool:
        # Not fresh either when the clock was set back. By less than a second it was not: that is
        # a thread which was on its way while another one read.
        return self._read_at is not None and -1 <= now - self._read_at < polls * self._poll

    def _read(self, now: float) -> None:
        since = _from_timestamp(now) - self._window
        try:
            rows = Session.objects.filter(revoked_at__gte=since)
            # A transaction that the request is in goes on without the answer.
            with atomic(rows.db) if connections[rows.db].in_atomic_block else nullcontext():
                self._ids = frozenset(map(str, rows.values_list("pk", flat=True)))
        except DatabaseFault as fault:
            logger.error(
                "revoked sessions could not be read (%s); the last list stays in force",
                type(fault).__name__,
            )
        self._read_at = now
        self._begin, self._end = now - 1, now + self._poll
        self._reads += 1


@lru_cache(maxsize=1)
def revoked_sessions(settings: Settings) -> RevokedSessions | None:
    """The snapshot of this process, or ``None`` where it is turned off."""
    if settings.revocation_poll is None or settings.stateless_refresh:
        return None
    poll = settings.revocation_poll
    return RevokedSessions(poll, settings.access_token_lifetime + settings.leeway + 2 * poll)


def _from_timestamp(seconds: float) -> datetime:
    moment = datetime.fromtimestamp(seconds, UTC)
    if django_settings.USE_TZ:
        return moment
    return timezone.make_naive(moment, timezone.get_default_timezone())
