"""The recently revoked sessions, for requests that make no query.

This module knows the database, but neither tokens nor requests. The time is always an argument.
"""

from __future__ import annotations

import logging
import threading
from contextlib import nullcontext
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from math import inf

from django.conf import settings as django_settings
from django.db import Error as DatabaseError
from django.db import connections
from django.db.transaction import atomic
from django.utils import timezone

from ..conf.settings import Settings
from ..models import Session

logger = logging.getLogger("django_tokenauth")


class RevokedSessions:
    """A snapshot of the ids of recently revoked sessions. Thread-safe.

    It covers the revocations of the last *window*, which is as long as their access tokens can be
    valid. After *poll_interval*, one thread reads it again while all other threads use the old one.
    If it was not read for two poll intervals, they wait for the reader for ``LOCK_TIMEOUT`` at
    most. A database that hangs must not block all threads.
    """

    #: The longest wait for the reader, in seconds.
    LOCK_TIMEOUT = 1.0

    def __init__(self, poll_interval: timedelta, window: timedelta) -> None:
        self._poll_interval = poll_interval.total_seconds()
        self._window = window
        self._ids: frozenset[str] = frozenset()
        # The snapshot is fresh from _begin until _end, in seconds since the epoch.
        self._begin, self._end = inf, -inf
        # The number of reads, including failed ones.
        self._reads = 0
        self._lock = threading.Lock()
        # A thread waited for LOCK_TIMEOUT in vain.
        self._reader_hangs = False

    def __contains__(self, session_id: str) -> bool:
        return session_id in self._ids

    def refresh(self, now: float) -> None:
        """Read the snapshot if it is due at *now* (seconds since the epoch). At most one statement.

        On a database error, the old snapshot stays in use and the error is logged.
        """
        if self._begin <= now < self._end:
            return
        reads = self._reads
        if self._acquire(now):
            try:
                # Threads that waited for another one's read do not read again.
                if self._reads == reads:
                    self._read(now)
            finally:
                self._reader_hangs = False
                self._lock.release()

    def _acquire(self, now: float) -> bool:
        """Return whether this thread holds the lock and may read."""
        if not self._reads:
            # There is no old snapshot to use.
            return self._lock.acquire()
        if self._reader_hangs or self._begin <= now < self._end + self._poll_interval:
            return self._lock.acquire(blocking=False)
        # The old snapshot may lack a sign-out of minutes ago.
        acquired = self._lock.acquire(timeout=self.LOCK_TIMEOUT)
        self._reader_hangs = not acquired
        return acquired

    def _read(self, now: float) -> None:
        since = _from_timestamp(now) - self._window
        try:
            rows = Session.objects.filter(revoked_at__gte=since)
            # With a savepoint, the transaction of the request survives a database error.
            with atomic(rows.db) if connections[rows.db].in_atomic_block else nullcontext():
                self._ids = frozenset(map(str, rows.values_list("pk", flat=True)))
        except DatabaseError as error:
            logger.error(
                "revoked sessions could not be read (%s); the last snapshot stays in use",
                type(error).__name__,
            )
        # A clock that was set back makes the snapshot due. A difference of less than a second is
        # only a thread that was slower than the reader.
        self._begin, self._end = now - 1, now + self._poll_interval
        self._reads += 1


@lru_cache(maxsize=1)
def revoked_sessions(settings: Settings) -> RevokedSessions | None:
    """Return the snapshot of this process, or ``None`` if *settings* turn it off."""
    if settings.revocation_poll_interval is None or settings.stateless_refresh:
        return None
    poll_interval = settings.revocation_poll_interval
    window = settings.access_token_lifetime + settings.leeway + 2 * poll_interval
    return RevokedSessions(poll_interval, window)


def _from_timestamp(seconds: float) -> datetime:
    moment = datetime.fromtimestamp(seconds, UTC)
    if django_settings.USE_TZ:
        return moment
    return timezone.make_naive(moment, timezone.get_default_timezone())
