"""The store: each change is one conditional statement."""

from __future__ import annotations

import uuid
from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from django_tokenauth.errors import ServiceUnavailable
from django_tokenauth.models import RevokedReason, Session
from django_tokenauth.sessions import store as sessions
from django_tokenauth.sessions.database import database_errors_as_unavailable
from django_tokenauth.sessions.store import SessionState
from tests.support.clock import NOW, after
from tests.support.locks import unreadable
from tests.support.session_rows import made

pytestmark = pytest.mark.django_db


def rotate(session, generation=2, now=NOW):
    state = SessionState(generation, now, now + timedelta(days=14))
    return sessions.rotate(session, state, auth_hash="new")


class TestAnswering:
    @pytest.mark.django_db(transaction=True)
    def test_a_fault_of_the_database_is_that_and_logged_by_its_kind(self, alice, caplog):
        with (
            unreadable(Session),
            pytest.raises(ServiceUnavailable) as error,
            database_errors_as_unavailable(),
        ):
            list(Session.objects.filter(device_name="secret"))
        assert error.value.__cause__ is None
        assert ("ERROR", "database error (OperationalError)") in [
            (record.levelname, record.message) for record in caplog.records
        ]

    def test_other_errors_pass(self):
        with pytest.raises(LookupError), database_errors_as_unavailable():
            raise LookupError


class TestAdd:
    def test_it_takes_one_statement(self, alice, django_assert_num_queries):
        with django_assert_num_queries(1):
            session = made(alice)
        assert Session.objects.get() == session

    def test_it_is_stored_with_the_others_wherever_its_user_was_read(self, alice):
        # Without a router's word Django would store it where the user came from.
        alice._state.db = "replica"
        session = made(alice)
        assert Session.objects.get().pk == session.pk

    def test_an_id_that_is_there_is_not_overwritten(self, alice, bob):
        session = made(alice)
        with pytest.raises(ServiceUnavailable), database_errors_as_unavailable():
            made(bob, pk=session.pk)


class TestFind:
    @pytest.mark.parametrize("from_primary", [True, False])
    def test_it_brings_the_user_in_one_statement(
        self, alice, from_primary, django_assert_num_queries
    ):
        session = made(alice)
        with django_assert_num_queries(1):
            found = sessions.find(str(session.pk), from_primary=from_primary)
            assert (found, found.user) == (session, alice)

    def test_what_is_not_there_is_none(self, alice):
        made(alice)
        assert sessions.find(str(uuid.uuid4())) is None

    def test_what_has_ended_is_found_too(self, alice):
        session = made(alice, revoked_at=NOW)
        assert sessions.find(str(session.pk)) == session

    def test_a_session_whose_user_is_gone_is_found_without_one(self, alice):
        session = made(None)
        assert sessions.find(str(session.pk)).user is None


class TestFindForRequest:
    def test_it_brings_what_each_request_needs_in_one_statement(
        self, alice, django_assert_num_queries
    ):
        session = made(alice, revoked_at=NOW)
        with django_assert_num_queries(1):
            found = sessions.find_status(str(session.pk))
        assert found == (alice, NOW, "hash")
        assert found.user.get_deferred_fields() == set()

    def test_of_a_session_that_goes_on_there_is_no_revocation(self, alice):
        session = made(alice)
        assert sessions.find_status(str(session.pk)) == (alice, None, "hash")

    def test_a_session_whose_user_is_gone_is_found_without_one(self):
        session = made(None)
        assert sessions.find_status(str(session.pk)) == (None, None, "hash")

    def test_what_is_not_there_is_none(self, alice):
        made(alice)
        assert sessions.find_status(str(uuid.uuid4())) is None

    @pytest.mark.parametrize("use_tz", [True, False])
    def test_times_are_aware_or_naive_as_the_settings_say(self, alice, settings, use_tz):
        session = made(alice)
        # What was compiled for the other kind is not used again.
        settings.USE_TZ = not use_tz
        sessions.find(str(session.pk))
        settings.USE_TZ = use_tz
        found = sessions.find(str(session.pk))
        assert (found.created_at.tzinfo is not None) == use_tz

    @pytest.mark.parametrize("use_tz", [True, False])
    def test_so_are_those_of_the_user(self, alice, settings, use_tz):
        session = made(alice)
        settings.USE_TZ = not use_tz
        sessions.find_status(str(session.pk))
        settings.USE_TZ = use_tz
        user = sessions.find_status(str(session.pk)).user
        assert (user.date_joined.tzinfo is not None) == use_tz


class TestRotate:
    def test_it_changes_the_row_and_the_object(self, alice, django_assert_num_queries):
        session = made(alice)
        with django_assert_num_queries(1):
            assert rotate(session, 2, now=after(days=1)) is True
        for one in (session, Session.objects.get()):
            assert one.generation == 2
            assert one.refreshed_at == after(days=1)
            assert one.idle_expires_at == after(days=15)
            assert one.auth_hash == "new"
            assert one.retried is False

    @pytest.mark.parametrize(
        "meanwhile",
        [{"generation": 2}, {"generation": 0}, {"revoked_at": NOW}, {"auth_hash": "better"}],
        ids=str,
    )
    def test_a_row_that_changed_meanwhile_stays_as_it_is(self, alice, meanwhile):
        session = made(alice)
        Session.objects.update(**meanwhile)
        before = Session.objects.values().get()
        assert rotate(session, 2, now=after(days=1)) is False
        assert Session.objects.values().get() == before
        assert (session.generation, session.auth_hash) == (1, "hash")

    def test_a_row_that_is_gone_is_not_made_again(self, alice):
        session = made(alice)
        Session.objects.all().delete()
        assert rotate(session) is False
        assert not Session.objects.exists()

    def test_no_other_row_is_touched(self, alice):
        session, other = made(alice), made(alice)
        rotate(session)
        other.refresh_from_db()
        assert other.generation == 1


class TestRevoke:
    def test_it_ends_the_session_at_that_moment(self, alice, django_assert_num_queries):
        session = made(alice)
        with django_assert_num_queries(1):
            assert sessions.revoke(session, RevokedReason.ADMIN, now=after(days=1)) is True
        for one in (session, Session.objects.get()):
            assert one.revoked_at == one.idle_expires_at == after(days=1)
            assert one.revoked_reason == RevokedReason.ADMIN
            assert one.absolute_expires_at == after(days=90)

    def test_one_that_ended_keeps_its_end(self, alice):
        session = made(alice)
        sessions.revoke(session, RevokedReason.ADMIN, now=after(days=1))
        assert sessions.revoke(session, RevokedReason.SIGNED_OUT, now=after(days=2)) is False
        stored = Session.objects.get()
        assert (stored.revoked_at, stored.revoked_reason) == (after(days=1), RevokedReason.ADMIN)

    def test_several_take_one_statement(self, alice, django_assert_num_queries):
        ended = [made(alice), made(alice), made(alice, revoked_at=NOW)]
        alive = made(alice)
        with django_assert_num_queries(1):
            assert sessions.revoke_all(ended, RevokedReason.ADMIN, now=after(days=1)) == 2
        assert list(sessions.active(alice.pk, now=after(days=1))) == [alive]

    def test_none_take_no_statement(self, django_assert_num_queries):
        with django_assert_num_queries(0):
            assert sessions.revoke_all([], RevokedReason.ADMIN, now=NOW) == 0


class TestRevokeOfUser:
    def test_it_ends_those_of_the_user_in_one_statement(
        self, alice, bob, django_assert_num_queries
    ):
        made(alice), made(alice)
        other = made(bob)
        with django_assert_num_queries(1):
            ended = sessions.revoke_of_user(alice.pk, RevokedReason.USER_CHANGED, now=after(days=1))
        assert ended == 2
        assert list(Session.objects.filter(revoked_at=None)) == [other]
        assert sessions.revoked_at(alice.pk, now=after(days=1)) == list(
            Session.objects.filter(user=alice)
        )

    def test_those_with_a_hash_to_keep_go_on(self, alice):
        kept = [made(alice, auth_hash="today"), made(alice, auth_hash="fallback")]
        made(alice, auth_hash="yesterday")
        ended = sessions.revoke_of_user(
            alice.pk, RevokedReason.USER_CHANGED, now=NOW, keep=["today", "fallback"]
        )
        assert ended == 1
        assert set(sessions.active(alice.pk, now=NOW)) == set(kept)

    def test_those_that_ended_are_left_as_they_are(self, alice):
        made(alice, idle_expires_at=NOW)
        made(alice, revoked_at=NOW, revoked_reason=RevokedReason.SIGNED_OUT)
        before = list(Session.objects.order_by("pk").values())
        assert sessions.revoke_of_user(alice.pk, RevokedReason.USER_CHANGED, now=NOW) == 0
        assert list(Session.objects.order_by("pk").values()) == before


class TestRehash:
    def test_the_sessions_of_the_old_hashes_follow(self, alice, bob, django_assert_num_queries):
        follows, too = made(alice), made(alice, auth_hash="that of a fallback key")
        stays, others = made(alice, auth_hash="x"), made(bob)
        with django_assert_num_queries(1):
            assert sessions.rehash(alice.pk, ["hash", "that of a fallback key"], "better") == 2
        assert dict(Session.objects.values_list("pk", "auth_hash")) == {
            follows.pk: "better",
            too.pk: "better",
            stays.pk: "x",
            others.pk: "hash",
        }


class TestRevokedAt:
    def test_they_are_those_of_the_user_and_the_moment(self, alice, bob):
        then = made(alice, revoked_at=NOW)
        made(alice), made(alice, revoked_at=after(microseconds=1)), made(bob, revoked_at=NOW)
        assert sessions.revoked_at(alice.pk, now=NOW) == [then]


class TestAlive:
    def test_they_are_those_of_the_user_that_have_not_ended(self, alice, bob):
        made(bob)
        made(alice, revoked_at=NOW)
        made(alice, idle_expires_at=NOW)
        alive = made(alice, idle_expires_at=after(microseconds=1))
        assert list(sessions.active(alice.pk, now=NOW)) == [alive]

    def test_the_newest_is_first(self, alice):
        order = [1, 3, 2]
        made_then = {day: made(alice, created_at=after(days=day)) for day in order}
        newest_first = [made_then[day] for day in (3, 2, 1)]
        assert list(sessions.active(alice.pk, now=NOW)) == newest_first

    def test_those_of_one_moment_have_one_order(self, alice):
        second, third, first = (made(alice, pk=uuid.UUID(int=number)) for number in (2, 3, 1))
        newest = made(alice, pk=uuid.UUID(int=4), created_at=after(days=1))
        assert list(sessions.active(alice.pk, now=NOW)) == [newest, first, second, third]

    def test_they_are_read_in_one_statement_where_they_are_written(self, alice):
        made(alice)
        with CaptureQueriesContext(connection) as statements:
            list(sessions.active(alice.pk, now=NOW))
        assert len(statements) == 1


class TestSurplus:
    def test_the_newest_of_the_others_stay(self, alice, bob):
        days = {day: made(alice, created_at=after(days=day)) for day in (3, 1, 4, 2)}
        new = made(alice, created_at=after(days=5))
        made(bob), made(alice, revoked_at=NOW), made(alice, idle_expires_at=NOW)
        for others in range(5):
            found = sessions.over_limit(new, others, now=NOW)
            plain = sessions.active(alice.pk, now=NOW).exclude(pk=new.pk)[others:]
            assert found == list(plain) == [days[day] for day in (4, 3, 2, 1)[others:]]

    def test_the_new_one_stays_wherever_it_stands(self, alice):
        new, others = made(alice), [made(alice, created_at=after(days=day)) for day in (1, 2)]
        assert set(sessions.over_limit(new, 0, now=NOW)) == set(others)

    def test_it_takes_one_statement(self, alice, django_assert_num_queries):
        made(alice)
        new = made(alice)
        with django_assert_num_queries(1):
            assert len(sessions.over_limit(new, 0, now=NOW)) == 1
