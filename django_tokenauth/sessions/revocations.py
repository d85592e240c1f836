"""What a process that asks no database per request knows of revocations.

It knows the database and nothing of tokens or requests; ``now`` is an argument throughout.
"""

from __future__ import annotations

import logging
import threading
from contextlib import nullcontext
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from math import inf

from django.conf import settings as django_settings
from django.db import Error as DatabaseFault
from django.db import connections
from django.db.transaction import atomic
from django.utils import timezone

from ..conf.settings import Settings
from ..models import Session

logger = logging.getLogger("django_tokenauth")


class RevokedSessions:
    """A snapshot of the ids of sessions that were revoked so recently that access tokens of them
    may still live.

    One thread at a time renews it when ``poll`` has passed, the others go on with what there is.
    Where nobody has asked for two polls they wait for it, but only for a moment: a database that
    hangs must not stop all of them.
    """

    #: Seconds.
    LONGEST_WAIT = 1.0

    def __init__(self, poll: timedelta, window: timedelta) -> None:
        self._poll = poll.total_seconds()
        self._window = window
        self._ids: frozenset[str] = frozenset()
        # From when until when the snapshot is fresh, in seconds since the epoch.
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
        if not self._reads:
            # There is no snapshot that could be used meanwhile.
            return self._lock.acquire()
        if self._hangs or self._begin <= now < self._end + self._poll:
            return self._lock.acquire(blocking=False)
        # What there is may be older than a sign-out of minutes ago.
        acquired = self._lock.acquire(timeout=self.LONGEST_WAIT)
        self._hangs = not acquired
        return acquired

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
        # Not fresh either when the clock was set back. By less than a second it was not: that is
        # a thread which was on its way while another one read.
        self._begin, self._end = now - 1, now + self._poll
        self._reads += 1


@lru_cache(maxsize=1)
def revoked_sessions(settings: Settings) -> RevokedSessions | None:
    """The snapshot of this process, or ``None`` where it is turned off."""
    if settings.revocation_poll_interval is None or settings.stateless_refresh:
        return None
    poll = settings.revocation_poll_interval
    return RevokedSessions(poll, settings.access_token_lifetime + settings.leeway + 2 * poll)


def _from_timestamp(seconds: float) -> datetime:
    moment = datetime.fromtimestamp(seconds, UTC)
    if django_settings.USE_TZ:
        return moment
    return timezone.make_naive(moment, timezone.get_default_timezone())
