"""The snapshot of revoked sessions, for processes that ask no database per request."""

from __future__ import annotations

import threading
from datetime import timedelta

import pytest
from django.db import connection

from django_tokenauth.conf.settings import load
from django_tokenauth.models import RevokedReason, Session
from django_tokenauth.sessions import store as sessions
from django_tokenauth.sessions.revocations import RevokedSessions, revoked_sessions
from tests.support.clock import NOW, after
from tests.support.locks import unreadable
from tests.support.session_rows import made

POLL = timedelta(seconds=10)
WINDOW = timedelta(minutes=6)


@pytest.fixture
def snapshot():
    return RevokedSessions(POLL, WINDOW)


def revoked(user, at=NOW):
    session = made(user)
    sessions.revoke(session, RevokedReason.SIGNED_OUT, now=at)
    return str(session.pk)


@pytest.mark.django_db
class TestRenew:
    def test_it_reads_those_that_were_revoked_within_the_window(self, alice, snapshot):
        alive = str(made(alice).pk)
        in_time, too_old = revoked(alice), revoked(alice, at=after(microseconds=-1))
        snapshot.refresh((NOW + WINDOW).timestamp())
        assert in_time in snapshot
        assert too_old not in snapshot
        assert alive not in snapshot

    def test_before_it_nothing_is_known(self, alice, snapshot):
        assert revoked(alice) not in snapshot

    # In a transaction it would take a savepoint too.
    @pytest.mark.django_db(transaction=True)
    def test_it_takes_one_statement_per_poll(self, alice, snapshot, django_assert_num_queries):
        with django_assert_num_queries(1):
            for tenth in range(100):
                snapshot.refresh((NOW + tenth * POLL / 100).timestamp())
        with django_assert_num_queries(1):
            snapshot.refresh((NOW + POLL).timestamp())

    def test_a_revocation_is_known_after_a_poll_at_the_latest(self, alice, snapshot):
        snapshot.refresh(NOW.timestamp())
        session_id = revoked(alice)
        snapshot.refresh(after(seconds=9, microseconds=999_999).timestamp())
        assert session_id not in snapshot
        snapshot.refresh(after(seconds=10).timestamp())
        assert session_id in snapshot

    def test_it_forgets_what_no_access_token_can_be_of_any_more(self, alice, snapshot):
        session_id = revoked(alice)
        snapshot.refresh(NOW.timestamp())
        snapshot.refresh((NOW + WINDOW + timedelta(microseconds=1)).timestamp())
        assert session_id not in snapshot

    @pytest.mark.attack(84)
    def test_it_reads_at_once_when_the_clock_was_set_back(self, alice, snapshot):
        snapshot.refresh(after(hours=1).timestamp())
        session_id = revoked(alice)
        snapshot.refresh(NOW.timestamp())
        assert session_id in snapshot

    def test_a_session_without_a_user_is_in_it(self, snapshot):
        session_id = revoked(None)
        snapshot.refresh(NOW.timestamp())
        assert session_id in snapshot


@pytest.mark.django_db(transaction=True)
class TestFaults:
    def test_a_database_that_does_not_answer_leaves_the_last_one_in_force(
        self, alice, snapshot, caplog
    ):
        known = revoked(alice)
        snapshot.refresh(NOW.timestamp())
        later = revoked(alice)
        with unreadable(Session):
            snapshot.refresh(after(seconds=10).timestamp())
            assert known in snapshot
            assert later not in snapshot
        [record] = [record for record in caplog.records if record.name == "django_tokenauth"]
        assert (record.levelname, record.message) == (
            "ERROR",
            "revoked sessions could not be read (OperationalError); the last snapshot stays in use",
        )

    def test_it_is_not_asked_again_before_the_next_poll(self, alice, snapshot):
        session_id = revoked(alice)
        with unreadable(Session):
            snapshot.refresh(NOW.timestamp())
        snapshot.refresh(after(seconds=9).timestamp())
        assert session_id not in snapshot
        snapshot.refresh(after(seconds=10).timestamp())
        assert session_id in snapshot


class Reading(threading.Thread):
    """Another thread that renews the snapshot, and stands still in front of its statement."""

    def __init__(self, snapshot, now):
        super().__init__()
        self.snapshot, self.now = snapshot, now.timestamp()
        self.stands, self.may_go_on = threading.Event(), threading.Event()
        self.statements = 0

    def __enter__(self):
        self.start()
        assert self.stands.wait(30)
        return self

    def __exit__(self, *error):
        self.may_go_on.set()
        self.join(30)
        assert not self.is_alive()

    def run(self):
        try:
            # Some databases say more than one statement at first.
            connection.ensure_connection()
            with connection.execute_wrapper(self.stand):
                self.snapshot.refresh(self.now)
        finally:
            connection.close()

    def stand(self, execute, *statement):
        self.statements += 1
        self.stands.set()
        assert self.may_go_on.wait(30)
        return execute(*statement)


class Waiting(threading.Thread):
    """A thread that asks for a session while another one reads."""

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
    def test_while_one_reads_the_others_go_on_with_what_there_is(
        self, alice, snapshot, django_assert_num_queries
    ):
        known = revoked(alice)
        snapshot.refresh(NOW.timestamp())
        new = revoked(alice)
        with Reading(snapshot, after(seconds=10)), django_assert_num_queries(0):
            # It would stand still here for ever if it waited.
            snapshot.refresh(after(seconds=10).timestamp())
            assert known in snapshot
            assert new not in snapshot
        assert new in snapshot

    def test_the_first_ones_wait_for_the_one_that_reads(self, alice, snapshot):
        waiting = Waiting(snapshot, NOW, revoked(alice))
        with Reading(snapshot, NOW) as reading:
            waiting.start()
            # One that does not wait has answered by now, and wrongly.
            waiting.join(0.2)
        waiting.join(30)
        assert waiting.found is True
        assert (reading.statements, waiting.statements) == (1, 0)

    @pytest.mark.parametrize("seconds", [20, 3600, -3600])
    def test_nobody_goes_on_with_what_is_older_than_two_polls(self, alice, snapshot, seconds):
        snapshot.refresh(NOW.timestamp())
        then = after(seconds=seconds)
        waiting = Waiting(snapshot, then, revoked(alice, at=then))
        with Reading(snapshot, then) as reading:
            waiting.start()
            waiting.join(0.2)
        waiting.join(30)
        assert waiting.found is True
        assert (reading.statements, waiting.statements) == (1, 0)

    def test_a_database_that_hangs_is_waited_for_once_and_for_a_moment(self, alice, snapshot):
        snapshot.LOCK_TIMEOUT = 0.05
        known = revoked(alice)
        snapshot.refresh(NOW.timestamp())
        new = revoked(alice)
        with Reading(snapshot, after(seconds=60)):
            snapshot.refresh(after(seconds=60).timestamp())
            # It would stand still here for ever if it waited again.
            snapshot.LOCK_TIMEOUT = threading.TIMEOUT_MAX
            snapshot.refresh(after(seconds=61).timestamp())
            assert known in snapshot
            assert new not in snapshot
        assert new in snapshot
        # The one after it may be waited for again.
        later = revoked(alice)
        waiting = Waiting(snapshot, after(seconds=120), later)
        with Reading(snapshot, after(seconds=120)):
            waiting.start()
            waiting.join(0.2)
        waiting.join(30)
        assert waiting.found is True

    @pytest.mark.parametrize("seconds", [-0.5, 0, 0.5, 11])
    def test_of_those_that_waited_nobody_reads_again(self, alice, snapshot, seconds):
        """Whose clock is a little behind or ahead of that of the one that has read."""
        snapshot.refresh(NOW.timestamp())
        session_id = revoked(alice)
        waiting = Waiting(snapshot, after(seconds=60 + seconds), session_id)
        with Reading(snapshot, after(seconds=60)):
            waiting.start()
            waiting.join(0.2)
        waiting.join(30)
        assert (waiting.found, waiting.statements) == (True, 0)

    def test_one_that_comes_late_does_not_read_again(
        self, alice, snapshot, django_assert_num_queries
    ):
        snapshot.refresh(after(seconds=1).timestamp())
        with django_assert_num_queries(0):
            snapshot.refresh(NOW.timestamp())
        with django_assert_num_queries(1):
            snapshot.refresh(after(microseconds=-1).timestamp())


class TestRevokedSessions:
    def test_the_process_has_one_until_a_setting_changes(self, settings):
        first = revoked_sessions(load())
        assert revoked_sessions(load()) is first
        settings.TOKENAUTH = {"REVOCATION_POLL_INTERVAL": timedelta(seconds=5)}
        assert revoked_sessions(load()) not in (None, first)

    def test_the_one_of_before_is_not_kept(self, settings):
        before = load()
        first = revoked_sessions(before)
        settings.TOKENAUTH = {"REVOCATION_POLL_INTERVAL": timedelta(seconds=5)}
        revoked_sessions(load())
        assert revoked_sessions(before) is not first

    @pytest.mark.parametrize(
        "tokenauth", [{"REVOCATION_POLL_INTERVAL": None}, {"STATELESS_REFRESH": True}], ids=str
    )
    def test_there_is_none_where_it_is_turned_off(self, settings, tokenauth):
        settings.TOKENAUTH = tokenauth
        assert revoked_sessions(load()) is None

    @pytest.mark.django_db
    def test_its_window_is_as_long_as_an_access_token_may_live(self, alice, settings):
        settings.TOKENAUTH = {
            "ACCESS_TOKEN_LIFETIME": timedelta(minutes=5),
            "LEEWAY": timedelta(minutes=1),
            "REVOCATION_POLL_INTERVAL": timedelta(seconds=30),
        }
        in_time, too_old = revoked(alice), revoked(alice, at=after(microseconds=-1))
        snapshot = revoked_sessions(load())
        snapshot.refresh(after(minutes=7).timestamp())
        assert in_time in snapshot
        assert too_old not in snapshot
