"""A snapshot of the recently revoked sessions, for requests that read no session from the database.

This module depends on the database, but not on tokens or requests. Callers pass the current time.
"""

from __future__ import annotations

import logging
import threading
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import nullcontext
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from math import ceil, floor, inf
from typing import Any

from django.db import Error as DatabaseError
from django.db import connections
from django.db.models import BigIntegerField, Func, Q, QuerySet, Subquery
from django.db.models.lookups import Exact
from django.db.transaction import atomic

from ..conf.settings import LONGEST_WAIT, Settings
from ..errors import ServiceUnavailable
from ..models import Session
from .id_sets import ID_SIZE, IdSet
from .outages import is_outage
from .tenants import Tenant, current_tenant, may_have_tenants

logger = logging.getLogger("django_tokenauth")

# Number of rows that a server-side cursor returns at a time, and of ids that are added at a time.
_CHUNK = 10_000
# Overlap of two successive reads in seconds: the second read receives the revocations of the
# overlap again. Commits are often late by a fraction of a second: for example, after a statement
# that revokes 500 sessions.
_RECEIVED_AGAIN = 2


class RevokedSessions:
    """The ids of recently revoked sessions, as one process has read them. Thread-safe.

    The ids cover the revocations of the last *window*. The *window* is the sum of the lifetime of
    an access token, the leeway and ``LONGEST_WAIT``. After *poll_interval*, one thread reads new
    revocations, and the other threads use the old ids for at most one more *poll_interval*. If the
    last attempt to read is older than two poll intervals, other threads wait for the reader, but at
    most ``LOCK_TIMEOUT``. A database that hangs must not block all threads.

    A revocation becomes visible at its commit, which is later than the time in its row. To find
    late commits, a read of new revocations counts the rows of the last ``LONGEST_WAIT`` before the
    previous read, in three spans of time. The rows of a span are read again only if their number
    has changed.
    """

    #: The longest wait for the thread that reads, in seconds.
    LOCK_TIMEOUT = 1.0
    #: The longest time between two attempts until the first read succeeds, in seconds.
    RETRY_DELAY = 1.0

    def __init__(self, poll_interval: timedelta, window: timedelta) -> None:
        self._poll_interval = poll_interval.total_seconds()
        self._window = window.total_seconds()
        # Oldest first. Drop a set of ids when the latest read of the set is older than the window.
        self._sets: tuple[_DatedIds, ...] = ()
        # The number of revocations in each second that the next read counts again.
        self._counts: Counter[int] = Counter()
        # The time of the last successful read of revocations.
        self._read_at = -inf
        # No read is due from _begin until _end, in seconds since the epoch.
        self._begin, self._end = inf, -inf
        # The number of reads of revocations, including failed reads.
        self._reads = 0
        self._lock = threading.Lock()
        # True after a thread has waited for LOCK_TIMEOUT without acquiring the lock.
        self._reader_hangs = False
        # The error of the last read that failed, unless the error was an outage.
        self._bug: DatabaseError | None = None
        # True if reads avoid a server-side cursor, which some connection poolers reject.
        self._avoid_cursor = False

    def current(self) -> RevokedSessions:
        """Return this snapshot, as :class:`RevokedSessionsOfTenants` returns that of the tenant."""
        return self

    def __contains__(self, session_id: str) -> bool:
        if not self._sets:
            return False
        try:
            key = bytes.fromhex(session_id.replace("-", ""))
        except ValueError:
            return False
        return len(key) == ID_SIZE and self._has(key)

    def __len__(self) -> int:
        return sum(len(each.ids) for each in self._sets)

    def _has(self, key: bytes) -> bool:
        # Use a loop, because a generator expression doubles the time of a lookup.
        for each in self._sets:  # noqa: SIM110
            if key in each.ids:
                return True
        return False

    def refresh(self, now: float) -> None:
        """Read new revocations if a read is due at *now* (seconds since the epoch).

        Execute at most one query, with a savepoint inside a transaction. Repeat the query without a
        server-side cursor after an error that is not an outage: some connection poolers reject such
        cursors. On an error, the old ids stay in use and the error is logged. Raises
        :class:`ServiceUnavailable` until the first read has succeeded: without any ids, every
        session would look active. If the error is a bug, such as a missing table, raises a copy of
        the error instead.
        """
        if not self._begin <= now < self._end:
            self._refresh(now)
        if self._read_at == -inf:
            error = self._bug
            if error is not None:
                # Raise a copy, because each raise of one exception extends its traceback.
                raise type(error)(*error.args) from error
            raise ServiceUnavailable

    def _refresh(self, now: float) -> None:
        reads = self._reads
        if self._acquire(now):
            try:
                # Do not read again if another thread has read while this thread waited.
                if self._reads == reads:
                    self._try_to_read(now)
            finally:
                self._reader_hangs = False
                self._lock.release()

    def _acquire(self, now: float) -> bool:
        """Try to acquire the lock and return whether this thread may read."""
        fresh = self._begin <= now < self._end + self._poll_interval
        if self._reader_hangs or (fresh and self._read_at != -inf):
            return self._lock.acquire(blocking=False)
        # Wait for the reader, because the ids are missing or out of date.
        acquired = self._lock.acquire(timeout=self.LOCK_TIMEOUT)
        self._reader_hangs = not acquired
        return acquired

    def _try_to_read(self, now: float) -> None:
        try:
            self._read_with_or_without_cursor(now)
        except DatabaseError as error:
            self._avoid_cursor = not self._avoid_cursor
            loaded = self._read_at != -inf
            logger.error(
                "revoked sessions could not be read (%s); %s",
                type(error).__name__,
                "the last snapshot stays in use" if loaded else "requests fail until they are",
                exc_info=error,
            )
            self._bug = None if is_outage(error) else error
        # A read is due if the clock was set back by more than one second. A slower thread can pass
        # a time that is up to one second earlier without causing a read.
        delay = self._poll_interval
        if self._read_at == -inf:
            delay = min(delay, self.RETRY_DELAY)
        self._begin, self._end = now - 1, now + delay
        self._reads += 1

    def _read_with_or_without_cursor(self, now: float) -> None:
        try:
            self._read(now)
        except DatabaseError as error:
            if self._avoid_cursor or is_outage(error):
                raise
            # A connection pooler may reject the server-side cursor.
            self._avoid_cursor = True
            self._read(now)

    def _read(self, now: float) -> None:
        since = now - self._window
        if since <= self._read_at <= now:
            spans = list(_spans(ceil(since), floor(self._read_at)))
            rows = _new_rows([(span, self._count(span)) for span in spans])
        else:
            # Read the whole window at the first read, if the previous read is older than the
            # window, or if the clock was set back.
            spans, rows = [], _revoked(since)
        received = self._receive(rows, now)
        # The database returns no row of an unchanged span, and all rows of a changed span.
        for span in spans:
            if not any(each in received for each in span):
                received.update({each: self._counts[each] for each in span if self._counts[each]})
        self._counts = received
        self._sets = tuple(each for each in self._sets if each.end >= now - self._window)
        self._read_at = now

    def _count(self, span: range) -> int:
        return sum(self._counts[second] for second in span)

    def _receive(self, rows: QuerySet[Session, Any], now: float) -> Counter[int]:
        """Add the new ids of *rows* and return the number of rows of each second."""
        received: Counter[int] = Counter()
        new: list[bytes] = []
        # With a savepoint, the transaction of the request survives a database error.
        with atomic(rows.db) if connections[rows.db].in_atomic_block else nullcontext():
            for pk, revoked_at in rows if self._avoid_cursor else rows.iterator(chunk_size=_CHUNK):
                received[int(revoked_at.timestamp())] += 1
                key = pk.bytes
                if not self._has(key):
                    new.append(key)
                if len(new) == _CHUNK:
                    self._add(new, now)
                    new = []
        self._add(new, now)
        return received

    def _add(self, new: list[bytes], now: float) -> None:
        if not new:
            return
        if not self._sets or not 0 <= now - self._sets[-1].begin < self._window / 2:
            self._sets += (_DatedIds(now),)
        latest = self._sets[-1]
        latest.ids.update(new)
        latest.end = max(latest.end, now)


class _DatedIds:
    """Ids that were read between ``begin`` and ``end``, in seconds since the epoch."""

    def __init__(self, begin: float) -> None:
        self.begin = self.end = begin
        self.ids = IdSet()


def _revoked(since: float) -> QuerySet[Session, Any]:
    """Return the ids and times of the sessions that were revoked at *since* or later."""
    rows = Session.objects.filter(revoked_at__gte=datetime.fromtimestamp(since, UTC))
    return rows.values_list("pk", "revoked_at")


def _spans(begin: int, end: int) -> Iterator[range]:
    """Yield the spans between *begin* and *end* whose rows are counted again, the latest first.

    Most late revocations become visible after a few seconds, so the latest spans are the shortest.
    """
    end -= _RECEIVED_AGAIN
    for length in (5, 15, ceil(LONGEST_WAIT.total_seconds()) - 20):
        yield range(max(begin, end - length), max(begin, end))
        end -= length


def _new_rows(known: Iterable[tuple[range, int]]) -> QuerySet[Session, Any]:
    """Return the revocations since the end of the first span, and all rows of changed spans.

    *known* contains each span with its known number of rows. A span has changed if the database
    counts another number of rows. One statement counts the rows of each span in the index and
    returns the rows to read.
    """
    old = []
    for span, number in known:
        end = datetime.fromtimestamp(span.stop, UTC)
        rows = _revoked(span.start).filter(revoked_at__lt=end)
        # Count() would add a GROUP BY.
        count = Func("revoked_at", function="COUNT", output_field=BigIntegerField())
        counted = Subquery(rows.annotate(count=count).values("count"))
        old.append((span.stop, rows.filter(~Q(Exact(counted, number)))))
    return _revoked(old[0][0]).union(*(rows for _, rows in old), all=True)


#: Maximum number of tenants whose snapshots a process keeps. A project may take the name of the
#: schema from the ``Host`` header, which any client can set.
MAX_SNAPSHOTS = 1024


class RevokedSessionsOfTenants:
    """The snapshots of a process, one for each tenant. Thread-safe.

    Above ``MAX_SNAPSHOTS``, the oldest snapshot is dropped. The next request of its tenant reads
    the whole window again. A request that has a dropped snapshot can still use it.
    """

    def __init__(self, poll_interval: timedelta, window: timedelta) -> None:
        self._poll_interval = poll_interval
        self._window = window
        self._by_tenant: dict[Tenant, RevokedSessions] = {}
        self._lock = threading.Lock()

    def current(self) -> RevokedSessions:
        """Return the snapshot of the current tenant: its database of sessions and its schema."""
        tenant = current_tenant()
        snapshot = self._by_tenant.get(tenant)
        return self._add(tenant) if snapshot is None else snapshot

    def _add(self, tenant: Tenant) -> RevokedSessions:
        new = RevokedSessions(self._poll_interval, self._window)
        with self._lock:
            if tenant not in self._by_tenant and len(self._by_tenant) >= MAX_SNAPSHOTS:
                del self._by_tenant[next(iter(self._by_tenant))]
            return self._by_tenant.setdefault(tenant, new)


@lru_cache(maxsize=1)
def revoked_sessions(settings: Settings) -> RevokedSessions | RevokedSessionsOfTenants | None:
    """Return the snapshot of this process, or ``None`` if *settings* disable the snapshot.

    A process of a project with several tenants has one snapshot for each tenant.
    """
    if settings.revocation_poll_interval is None or settings.stateless_refresh:
        return None
    kind = RevokedSessionsOfTenants if may_have_tenants() else RevokedSessions
    return kind(settings.revocation_poll_interval, settings.revocation_window)
