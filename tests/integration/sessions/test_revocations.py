"""The snapshot of revoked sessions, which stateless requests use instead of a query."""

from __future__ import annotations

import threading
from datetime import timedelta

import pytest
from django.db import DatabaseError, connection

from django_tokenauth import services
from django_tokenauth.conf.settings import LONGEST_WAIT, load
from django_tokenauth.errors import ServiceUnavailable
from django_tokenauth.models import RevokedReason, Session
from django_tokenauth.services import verifying
from django_tokenauth.sessions import store as sessions
from django_tokenauth.sessions.revocations import (
    RevokedSessions,
    RevokedSessionsOfTenants,
    revoked_sessions,
)
from tests.support.client import log_messages
from tests.support.clock import NOW, after
from tests.support.locks import unreadable
from tests.support.session_rows import create_session

POLL = timedelta(seconds=10)
WINDOW = timedelta(minutes=6)


@pytest.fixture
def snapshot():
    return RevokedSessions(POLL, WINDOW)


def revoked_session_id(user, at=NOW):
    session = create_session(user)
    sessions.revoke(session, RevokedReason.SIGNED_OUT, now=at)
    return str(session.pk)


@pytest.mark.django_db
class TestRefresh:
    def test_snapshot_contains_revocations_within_the_window(self, alice, snapshot):
        live = str(create_session(alice).pk)
        in_time, too_old = (
            revoked_session_id(alice),
            revoked_session_id(alice, at=after(microseconds=-1)),
        )
        snapshot.refresh((NOW + WINDOW).timestamp())
        assert in_time in snapshot
        assert too_old not in snapshot
        assert live not in snapshot

    def test_revocation_snapshot_is_empty_before_its_first_refresh(self, alice, snapshot):
        assert revoked_session_id(alice) not in snapshot

    # Inside a transaction the query would need a savepoint.
    @pytest.mark.django_db(transaction=True)
    def test_revocation_snapshot_takes_one_query_per_poll_interval(
        self, alice, snapshot, django_assert_num_queries
    ):
        with django_assert_num_queries(1):
            for tenth in range(100):
                snapshot.refresh((NOW + tenth * POLL / 100).timestamp())
        with django_assert_num_queries(1):
            snapshot.refresh((NOW + POLL).timestamp())

    def test_revocation_is_in_the_snapshot_after_one_poll_interval(self, alice, snapshot):
        snapshot.refresh(NOW.timestamp())
        session_id = revoked_session_id(alice)
        snapshot.refresh(after(seconds=9, microseconds=999_999).timestamp())
        assert session_id not in snapshot
        snapshot.refresh(after(seconds=10).timestamp())
        assert session_id in snapshot

    def test_snapshot_drops_revocations_older_than_the_window(self, alice, snapshot):
        session_id = revoked_session_id(alice)
        snapshot.refresh(NOW.timestamp())
        snapshot.refresh((NOW + WINDOW + timedelta(microseconds=1)).timestamp())
        assert session_id not in snapshot

    @pytest.mark.attack(84)
    def test_revocation_snapshot_is_refreshed_if_clock_is_set_back(self, alice, snapshot):
        snapshot.refresh(after(hours=1).timestamp())
        session_id = revoked_session_id(alice)
        snapshot.refresh(NOW.timestamp())
        assert session_id in snapshot

    def test_snapshot_contains_revoked_sessions_without_a_user(self, snapshot):
        session_id = revoked_session_id(None)
        snapshot.refresh(NOW.timestamp())
        assert session_id in snapshot


@pytest.mark.django_db(transaction=True)
class TestDatabaseErrors:
    def test_failed_revocation_poll_keeps_snapshot_and_is_logged(self, alice, snapshot, caplog):
        known = revoked_session_id(alice)
        snapshot.refresh(NOW.timestamp())
        later = revoked_session_id(alice)
        with unreadable(Session):
            snapshot.refresh(after(seconds=10).timestamp())
            assert known in snapshot
            assert later not in snapshot
        [record] = [record for record in caplog.records if record.name == "django_tokenauth"]
        assert (record.levelname, record.message) == (
            "ERROR",
            "revoked sessions could not be read (OperationalError); the last snapshot stays in use",
        )

    def test_failed_revocation_poll_is_repeated_after_poll_interval(self, alice, snapshot):
        snapshot.refresh(NOW.timestamp())
        session_id = revoked_session_id(alice)
        with unreadable(Session):
            snapshot.refresh(after(seconds=10).timestamp())
        snapshot.refresh(after(seconds=19).timestamp())
        assert session_id not in snapshot
        snapshot.refresh(after(seconds=20).timestamp())
        assert session_id in snapshot

    @pytest.mark.attack(191)
    def test_failed_first_revocation_read_is_repeated_each_second(
        self, alice, snapshot, caplog, django_assert_num_queries
    ):
        session_id = revoked_session_id(alice)
        with unreadable(Session):
            with django_assert_num_queries(1):
                for tenth in range(10):
                    with pytest.raises(ServiceUnavailable):
                        snapshot.refresh(after(milliseconds=100 * tenth).timestamp())
            with pytest.raises(ServiceUnavailable):
                snapshot.refresh(after(seconds=1).timestamp())
        snapshot.refresh(after(seconds=2).timestamp())
        assert session_id in snapshot
        assert log_messages(caplog) == 2 * [
            "revoked sessions could not be read (OperationalError); requests fail until they are"
        ]

    def test_revocations_are_read_without_a_rejected_cursor(self, alice, snapshot):
        """A connection pooler may reject server-side cursors, but not the statement."""
        session_id = revoked_session_id(alice)
        rejected = []

        def fail(execute, sql, params, many, context):
            if getattr(context["cursor"], "name", None) or not rejected:
                rejected.append(sql)
                sql, params = "SELECT no_such_column", ()
            return execute(sql, params, many, context)

        with connection.execute_wrapper(fail):
            for seconds in (0, 10, 20):
                snapshot.refresh(after(seconds=seconds).timestamp())
        assert session_id in snapshot
        assert len(rejected) == 1

    def test_bug_in_the_first_revocation_read_is_raised_each_time(self, snapshot, caplog):
        def fail(execute, sql, params, many, context):
            return execute("SELECT no_such_column", (), many, context)

        with connection.execute_wrapper(fail):
            for second in range(3):
                with pytest.raises(DatabaseError) as error:
                    snapshot.refresh(after(seconds=second).timestamp())
                assert "no_such_column" in str(error.value)
        snapshot.refresh(after(seconds=4).timestamp())
        assert len(caplog.records) == 3
        assert all(record.exc_info for record in caplog.records)

    def test_outage_after_a_bug_in_the_first_read_is_unavailable(self, snapshot):
        def fail(execute, sql, params, many, context):
            return execute("SELECT no_such_column", (), many, context)

        with connection.execute_wrapper(fail), pytest.raises(DatabaseError):
            snapshot.refresh(NOW.timestamp())
        with unreadable(Session), pytest.raises(ServiceUnavailable):
            snapshot.refresh(after(seconds=1).timestamp())


class BlockedRefresh(threading.Thread):
    """A thread that refreshes the snapshot and blocks before its query."""

    def __init__(self, snapshot, now):
        super().__init__()
        self.snapshot, self.now = snapshot, now.timestamp()
        self.is_blocked, self.unblock = threading.Event(), threading.Event()
        self.statements = 0

    def __enter__(self):
        self.start()
        assert self.is_blocked.wait(30)
        return self

    def __exit__(self, *error):
        self.unblock.set()
        self.join(30)
        assert not self.is_alive()

    def run(self):
        try:
            # Some databases execute more statements on a new connection.
            connection.ensure_connection()
            with connection.execute_wrapper(self.block):
                self.snapshot.refresh(self.now)
        finally:
            connection.close()

    def block(self, execute, *statement):
        self.statements += 1
        self.is_blocked.set()
        assert self.unblock.wait(30)
        return execute(*statement)


class WaitingRefresh(threading.Thread):
    """A thread that looks up a session while another thread refreshes the snapshot."""

    def __init__(self, snapshot, now, session_id):
        super().__init__()
        self.snapshot, self.now, self.session_id = snapshot, now.timestamp(), session_id
        self.found = None
        self.statements = 0

    def run(self):
        try:
            connection.ensure_connection()
            with connection.execute_wrapper(self.count):
                self.snapshot.refresh(self.now)
                self.found = self.session_id in self.snapshot
        finally:
            connection.close()

    def count(self, execute, *statement):
        self.statements += 1
        return execute(*statement)


@pytest.mark.django_db(transaction=True)
class TestThreads:
    @pytest.mark.parametrize("seconds", [10, 19])
    def test_threads_use_old_revocation_snapshot_during_a_refresh(
        self, alice, snapshot, seconds, django_assert_num_queries
    ):
        known = revoked_session_id(alice)
        snapshot.refresh(NOW.timestamp())
        new = revoked_session_id(alice)
        then = after(seconds=seconds)
        # A refresh that waited would block forever.
        snapshot.LOCK_TIMEOUT = threading.TIMEOUT_MAX
        with BlockedRefresh(snapshot, then), django_assert_num_queries(0):
            snapshot.refresh(then.timestamp())
            assert known in snapshot
            assert new not in snapshot
        assert new in snapshot

    def test_threads_wait_for_the_first_revocation_snapshot(self, alice, snapshot):
        waiting = WaitingRefresh(snapshot, NOW, revoked_session_id(alice))
        with BlockedRefresh(snapshot, NOW) as blocked:
            waiting.start()
            # A thread that does not wait ends within this time, with a wrong result.
            waiting.join(0.2)
        waiting.join(30)
        assert waiting.found is True
        assert (blocked.statements, waiting.statements) == (1, 0)

    def test_threads_wait_for_the_read_after_a_failed_first_one(self, alice, snapshot):
        """A thread must not get 503 while another thread is about to read the revocations."""
        with unreadable(Session), pytest.raises(ServiceUnavailable):
            snapshot.refresh(NOW.timestamp())
        then = after(seconds=1)
        waiting = WaitingRefresh(snapshot, then, revoked_session_id(alice))
        with BlockedRefresh(snapshot, then):
            waiting.start()
            waiting.join(0.2)
        waiting.join(30)
        assert waiting.found is True

    @pytest.mark.parametrize("seconds", [20, 3600, -3600])
    def test_threads_wait_if_revocation_snapshot_is_two_polls_old(self, alice, snapshot, seconds):
        snapshot.refresh(NOW.timestamp())
        then = after(seconds=seconds)
        waiting = WaitingRefresh(snapshot, then, revoked_session_id(alice, at=then))
        with BlockedRefresh(snapshot, then) as blocked:
            waiting.start()
            waiting.join(0.2)
        waiting.join(30)
        assert waiting.found is True
        assert (blocked.statements, waiting.statements) == (1, 0)

    def test_revocation_refresh_waits_once_for_a_hanging_database(self, alice, snapshot):
        snapshot.LOCK_TIMEOUT = 0.05
        known = revoked_session_id(alice)
        snapshot.refresh(NOW.timestamp())
        new = revoked_session_id(alice)
        with BlockedRefresh(snapshot, after(seconds=60)):
            snapshot.refresh(after(seconds=60).timestamp())
            # A refresh that waited again would block here forever.
            snapshot.LOCK_TIMEOUT = threading.TIMEOUT_MAX
            snapshot.refresh(after(seconds=61).timestamp())
            assert known in snapshot
            assert new not in snapshot
        assert new in snapshot
        # The next refresh may be waited for again.
        later = revoked_session_id(alice)
        waiting = WaitingRefresh(snapshot, after(seconds=120), later)
        with BlockedRefresh(snapshot, after(seconds=120)):
            waiting.start()
            waiting.join(0.2)
        waiting.join(30)
        assert waiting.found is True

    @pytest.mark.parametrize("seconds", [-0.5, 0, 0.5, 11])
    def test_threads_that_wait_do_not_read_the_revocations_again(self, alice, snapshot, seconds):
        """Their clocks are slightly behind or ahead of the clock of the refreshing thread."""
        snapshot.refresh(NOW.timestamp())
        session_id = revoked_session_id(alice)
        waiting = WaitingRefresh(snapshot, after(seconds=60 + seconds), session_id)
        with BlockedRefresh(snapshot, after(seconds=60)):
            waiting.start()
            waiting.join(0.2)
        waiting.join(30)
        assert (waiting.found, waiting.statements) == (True, 0)

    def test_revocation_poll_ignores_clock_up_to_a_second_behind(
        self, alice, snapshot, django_assert_num_queries
    ):
        snapshot.refresh(after(seconds=1).timestamp())
        with django_assert_num_queries(0):
            snapshot.refresh(NOW.timestamp())
        with django_assert_num_queries(1):
            snapshot.refresh(after(microseconds=-1).timestamp())

    def test_revocations_are_unavailable_while_first_read_hangs(self, alice, snapshot):
        snapshot.LOCK_TIMEOUT = 0.05
        session_id = revoked_session_id(alice)
        with BlockedRefresh(snapshot, NOW):
            with pytest.raises(ServiceUnavailable):
                snapshot.refresh(NOW.timestamp())
            # A refresh that waited again would block here forever.
            snapshot.LOCK_TIMEOUT = threading.TIMEOUT_MAX
            with pytest.raises(ServiceUnavailable):
                snapshot.refresh(NOW.timestamp())
        snapshot.refresh(NOW.timestamp())
        assert session_id in snapshot


@pytest.mark.django_db
class TestLateRevocations:
    """A revocation can be committed later than the time in its row."""

    @pytest.mark.attack(190)
    @pytest.mark.parametrize("seconds", [0, 11, 30, 119])
    def test_snapshot_contains_revocations_committed_late(self, alice, snapshot, seconds):
        snapshot.refresh(after(minutes=3).timestamp())
        known = revoked_session_id(alice, at=after(minutes=3, seconds=9))
        snapshot.refresh(after(minutes=3, seconds=10).timestamp())
        late = revoked_session_id(alice, at=after(minutes=3, seconds=10 - seconds))
        snapshot.refresh(after(minutes=3, seconds=20).timestamp())
        assert known in snapshot
        assert late in snapshot

    def test_late_revocation_stays_in_snapshot_for_a_whole_window(self, alice, snapshot):
        snapshot.refresh(NOW.timestamp())
        late = revoked_session_id(alice, at=NOW - LONGEST_WAIT + timedelta(seconds=1))
        for moment in (after(seconds=10), after(seconds=10) + WINDOW):
            snapshot.refresh(moment.timestamp())
            assert late in snapshot
        snapshot.refresh((after(seconds=20) + WINDOW).timestamp())
        assert late not in snapshot

    @pytest.mark.django_db(transaction=True)
    def test_poll_rereads_old_revocations_only_after_a_late_one(self, alice, snapshot):
        """The database counts the older revocations and returns them if their number changed."""

        def poll(**later):
            statements = []

            def record(execute, sql, params, many, context):
                statements.append((sql, params))
                return execute(sql, params, many, context)

            with connection.execute_wrapper(record):
                snapshot.refresh(after(**later).timestamp())
            [statement] = statements
            with connection.cursor() as cursor:
                cursor.execute(*statement)
                return len(cursor.fetchall())

        for second in (0, 1, 1, 2):
            revoked_session_id(alice, at=after(seconds=second))
        assert poll(seconds=5) == 4
        assert poll(seconds=20) == 0
        new = revoked_session_id(alice, at=after(seconds=25))
        assert poll(seconds=40) == 1
        assert poll(seconds=60) == 0
        # One late revocation is received with those that are counted again.
        revoked_session_id(alice, at=after(seconds=3))
        assert poll(seconds=80) == 6
        assert poll(seconds=100) == 0
        # The revocations of the first seconds are no longer counted.
        assert poll(seconds=180) == 0
        Session.objects.filter(pk=new).delete()
        assert poll(seconds=200) == 0
        assert len(snapshot) == 6

    def test_snapshot_contains_revocations_dated_in_the_future(self, alice, snapshot):
        ahead = revoked_session_id(alice, at=after(minutes=5))
        for second in (0, 10, 20):
            snapshot.refresh(after(seconds=second).timestamp())
            assert ahead in snapshot
        assert len(snapshot) == 1

    def test_revocation_poll_after_an_hour_reads_the_whole_window(self, alice, snapshot):
        snapshot.refresh(NOW.timestamp())
        session_id = revoked_session_id(alice, at=after(hours=1))
        snapshot.refresh((after(hours=1) + WINDOW).timestamp())
        assert session_id in snapshot


class TestRevokedSessions:
    def test_process_keeps_revocation_snapshot_until_settings_change(self, settings):
        first = revoked_sessions(load())
        assert revoked_sessions(load()) is first
        settings.TOKENAUTH = {"REVOCATION_POLL_INTERVAL": timedelta(seconds=5)}
        assert revoked_sessions(load()) not in (None, first)

    def test_revocation_snapshot_is_dropped_after_settings_change(self, settings):
        before = load()
        first = revoked_sessions(before)
        settings.TOKENAUTH = {"REVOCATION_POLL_INTERVAL": timedelta(seconds=5)}
        revoked_sessions(load())
        assert revoked_sessions(before) is not first

    @pytest.mark.parametrize(
        "tokenauth", [{"REVOCATION_POLL_INTERVAL": None}, {"STATELESS_REFRESH": True}], ids=str
    )
    def test_revocation_snapshot_is_none_without_polling(self, settings, tokenauth):
        settings.TOKENAUTH = tokenauth
        assert revoked_sessions(load()) is None

    @pytest.mark.django_db
    def test_revocation_window_covers_the_lifetime_of_access_tokens(self, alice, settings):
        settings.TOKENAUTH = {
            "ACCESS_TOKEN_LIFETIME": timedelta(minutes=1),
            "MAX_ACCESS_TOKEN_LIFETIME": timedelta(minutes=5),
            "LEEWAY": timedelta(minutes=1),
            "REVOCATION_POLL_INTERVAL": timedelta(seconds=30),
        }
        in_time, too_old = (
            revoked_session_id(alice),
            revoked_session_id(alice, at=after(microseconds=-1)),
        )
        snapshot = revoked_sessions(load())
        snapshot.refresh(after(minutes=8).timestamp())
        assert in_time in snapshot
        assert too_old not in snapshot

    @pytest.mark.django_db
    def test_snapshot_dropped_during_a_request_is_used_to_the_end(self, alice, monkeypatch):
        """Requests of other tenants may drop the snapshot of this tenant."""
        snapshots = RevokedSessionsOfTenants(POLL, WINDOW)
        monkeypatch.setattr(verifying, "revoked_sessions", lambda settings: snapshots)
        claims = services.authenticate_access_token(services.sign_in(alice).access_token)
        services.sign_out_everywhere(alice)
        refresh = RevokedSessions.refresh

        def refresh_and_drop(snapshot, now):
            refresh(snapshot, now)
            snapshots._by_tenant.clear()

        monkeypatch.setattr(RevokedSessions, "refresh", refresh_and_drop)
        assert services.is_revoked(claims)
