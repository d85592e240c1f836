"""The session store, where each change is one conditional statement."""

from __future__ import annotations

import uuid
from datetime import timedelta

import pytest
from django.db import IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext

from django_tokenauth.errors import ServiceUnavailable
from django_tokenauth.models import RevokedReason, Session
from django_tokenauth.sessions import store as sessions
from django_tokenauth.sessions.database import database_errors_as_unavailable
from django_tokenauth.sessions.store import SessionState
from tests.support.clock import NOW, after
from tests.support.locks import unreadable
from tests.support.session_rows import create_session


def rotate(session, generation=2, now=NOW):
    state = SessionState(generation, now, now + timedelta(days=14))
    return sessions.rotate(session, state, auth_hash="new")


class TestDatabaseErrorsAsUnavailable:
    @pytest.mark.django_db(transaction=True)
    def test_database_error_raises_unavailable_and_logs_its_class(self, alice, caplog):
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

    def test_non_database_error_is_reraised_unchanged(self):
        with pytest.raises(LookupError), database_errors_as_unavailable():
            raise LookupError


class TestAdd:
    def test_store_add_takes_one_statement(self, alice, django_assert_num_queries):
        with django_assert_num_queries(1):
            session = create_session(alice)
        assert Session.objects.get() == session

    def test_store_add_ignores_the_database_of_the_user_object(self, alice):
        # Without a router Django would store the session in the database of its user.
        alice._state.db = "replica"
        session = create_session(alice)
        assert Session.objects.get().pk == session.pk

    def test_store_add_with_an_existing_id_overwrites_nothing(self, alice, bob):
        session = create_session(alice)
        with pytest.raises(IntegrityError), transaction.atomic():
            create_session(bob, pk=session.pk)
        assert Session.objects.get().user == alice


class TestFind:
    @pytest.mark.parametrize("from_primary", [True, False])
    def test_store_find_returns_session_and_user_in_one_query(
        self, alice, from_primary, django_assert_num_queries
    ):
        session = create_session(alice)
        with django_assert_num_queries(1):
            result = sessions.find(str(session.pk), from_primary=from_primary)
            assert (result, result.user) == (session, alice)

    def test_store_find_of_an_unknown_id_returns_none(self, alice):
        create_session(alice)
        assert sessions.find(str(uuid.uuid4())) is None

    def test_store_find_returns_revoked_sessions(self, alice):
        session = create_session(alice, revoked_at=NOW)
        assert sessions.find(str(session.pk)) == session

    def test_store_find_returns_sessions_without_a_user(self, alice):
        session = create_session(None)
        assert sessions.find(str(session.pk)).user is None


class TestFindStatus:
    def test_find_status_returns_user_and_revocation_in_one_query(
        self, alice, django_assert_num_queries
    ):
        session = create_session(alice, revoked_at=NOW)
        with django_assert_num_queries(1):
            result = sessions.find_status(str(session.pk))
        assert result == (alice, NOW, "hash")
        assert result.user.get_deferred_fields() == set()

    def test_find_status_of_a_live_session_has_no_revocation(self, alice):
        session = create_session(alice)
        assert sessions.find_status(str(session.pk)) == (alice, None, "hash")

    @pytest.mark.django_db
    def test_find_status_without_user_returns_none_as_user(self):
        session = create_session(None)
        assert sessions.find_status(str(session.pk)) == (None, None, "hash")

    def test_find_status_of_an_unknown_id_returns_none(self, alice):
        create_session(alice)
        assert sessions.find_status(str(uuid.uuid4())) is None

    @pytest.mark.parametrize("use_tz", [True, False])
    def test_store_find_returns_aware_user_times_only_with_use_tz(self, alice, settings, use_tz):
        session = create_session(alice)
        # Statements compiled for the other value of USE_TZ must not be used.
        settings.USE_TZ = not use_tz
        sessions.find(str(session.pk))
        settings.USE_TZ = use_tz
        result = sessions.find(str(session.pk))
        assert result.created_at == NOW
        assert (result.user.date_joined.tzinfo is not None) == use_tz

    @pytest.mark.parametrize("use_tz", [True, False])
    def test_find_status_returns_aware_user_times_only_with_use_tz(self, alice, settings, use_tz):
        session = create_session(alice)
        settings.USE_TZ = not use_tz
        sessions.find_status(str(session.pk))
        settings.USE_TZ = use_tz
        user = sessions.find_status(str(session.pk)).user
        assert (user.date_joined.tzinfo is not None) == use_tz


class TestRotate:
    def test_store_rotate_changes_row_and_object_in_one_statement(
        self, alice, django_assert_num_queries
    ):
        session = create_session(alice)
        with django_assert_num_queries(1):
            assert rotate(session, 2, now=after(days=1)) is True
        for instance in (session, Session.objects.get()):
            assert instance.generation == 2
            assert instance.refreshed_at == after(days=1)
            assert instance.idle_expires_at == after(days=15)
            assert instance.auth_hash == "new"
            assert instance.retried is False

    @pytest.mark.parametrize(
        "changes",
        [{"generation": 2}, {"generation": 0}, {"revoked_at": NOW}, {"auth_hash": "better"}],
        ids=str,
    )
    def test_store_rotate_after_a_concurrent_change_stores_nothing(self, alice, changes):
        session = create_session(alice)
        Session.objects.update(**changes)
        before = Session.objects.values().get()
        assert rotate(session, 2, now=after(days=1)) is False
        assert Session.objects.values().get() == before
        assert (session.generation, session.auth_hash) == (1, "hash")

    def test_store_rotate_of_a_deleted_session_stores_nothing(self, alice):
        session = create_session(alice)
        Session.objects.all().delete()
        assert rotate(session) is False
        assert not Session.objects.exists()

    def test_store_rotate_changes_no_other_session(self, alice):
        session, other = create_session(alice), create_session(alice)
        rotate(session)
        other.refresh_from_db()
        assert other.generation == 1


class TestRevoke:
    def test_store_revoke_updates_the_session_in_one_statement(
        self, alice, django_assert_num_queries
    ):
        session = create_session(alice)
        with django_assert_num_queries(1):
            assert sessions.revoke(session, RevokedReason.ADMIN, now=after(days=1)) is True
        for instance in (session, Session.objects.get()):
            assert instance.revoked_at == instance.idle_expires_at == after(days=1)
            assert instance.revoked_reason == RevokedReason.ADMIN
            assert instance.absolute_expires_at == after(days=90)

    def test_store_revoke_keeps_the_revocation_of_a_revoked_session(self, alice):
        session = create_session(alice)
        sessions.revoke(session, RevokedReason.ADMIN, now=after(days=1))
        assert sessions.revoke(session, RevokedReason.SIGNED_OUT, now=after(days=2)) is False
        stored = Session.objects.get()
        assert (stored.revoked_at, stored.revoked_reason) == (after(days=1), RevokedReason.ADMIN)

    def test_store_revoke_all_takes_one_statement(self, alice, django_assert_num_queries):
        selected = [
            create_session(alice),
            create_session(alice),
            create_session(alice, revoked_at=NOW),
        ]
        live = create_session(alice)
        with django_assert_num_queries(1):
            assert sessions.revoke_all(selected, RevokedReason.ADMIN, now=after(days=1)) == 2
        assert list(sessions.active(alice.pk, now=after(days=1))) == [live]

    def test_store_revoke_all_without_sessions_takes_no_statement(self):
        assert sessions.revoke_all([], RevokedReason.ADMIN, now=NOW) == 0


class TestRevokeOfUser:
    def test_revoke_of_user_revokes_all_sessions_in_one_statement(
        self, alice, bob, django_assert_num_queries
    ):
        create_session(alice), create_session(alice)
        other = create_session(bob)
        with django_assert_num_queries(1):
            count = sessions.revoke_of_user(alice.pk, RevokedReason.USER_CHANGED, now=after(days=1))
        assert count == 2
        assert list(Session.objects.filter(revoked_at=None)) == [other]
        assert set(sessions.revoked_at(alice.pk, now=after(days=1))) == set(
            Session.objects.filter(user=alice)
        )

    def test_revoke_of_user_keeps_sessions_with_the_given_hashes(self, alice):
        kept = [
            create_session(alice, auth_hash="today"),
            create_session(alice, auth_hash="fallback"),
        ]
        create_session(alice, auth_hash="yesterday")
        count = sessions.revoke_of_user(
            alice.pk, RevokedReason.USER_CHANGED, now=NOW, keep=["today", "fallback"]
        )
        assert count == 1
        assert set(sessions.active(alice.pk, now=NOW)) == set(kept)

    def test_revoke_of_user_leaves_inactive_sessions_unchanged(self, alice):
        create_session(alice, idle_expires_at=NOW)
        create_session(alice, revoked_at=NOW, revoked_reason=RevokedReason.SIGNED_OUT)
        before = list(Session.objects.order_by("pk").values())
        assert sessions.revoke_of_user(alice.pk, RevokedReason.USER_CHANGED, now=NOW) == 0
        assert list(Session.objects.order_by("pk").values()) == before


class TestRehash:
    def test_store_rehash_updates_sessions_with_the_old_hashes(
        self, alice, bob, django_assert_num_queries
    ):
        from_current_key, from_fallback_key = (
            create_session(alice),
            create_session(alice, auth_hash="that of a fallback key"),
        )
        other_hash, other_user = create_session(alice, auth_hash="x"), create_session(bob)
        with django_assert_num_queries(1):
            assert sessions.rehash(alice.pk, ["hash", "that of a fallback key"], "better") == 2
        assert dict(Session.objects.values_list("pk", "auth_hash")) == {
            from_current_key.pk: "better",
            from_fallback_key.pk: "better",
            other_hash.pk: "x",
            other_user.pk: "hash",
        }


class TestRevokedAt:
    def test_store_revoked_at_returns_sessions_of_a_user_and_time(self, alice, bob):
        then = create_session(alice, revoked_at=NOW)
        (
            create_session(alice),
            create_session(alice, revoked_at=after(microseconds=1)),
            create_session(bob, revoked_at=NOW),
        )
        assert list(sessions.revoked_at(alice.pk, now=NOW)) == [then]


class TestActive:
    def test_store_active_returns_only_live_sessions_of_the_user(self, alice, bob):
        create_session(bob)
        create_session(alice, revoked_at=NOW)
        create_session(alice, idle_expires_at=NOW)
        live = create_session(alice, idle_expires_at=after(microseconds=1))
        assert list(sessions.active(alice.pk, now=NOW)) == [live]

    def test_store_active_sorts_sessions_newest_first(self, alice):
        order = [1, 3, 2]
        by_day = {day: create_session(alice, created_at=after(days=day)) for day in order}
        newest_first = [by_day[day] for day in (3, 2, 1)]
        assert list(sessions.active(alice.pk, now=NOW)) == newest_first

    def test_store_active_sorts_sessions_of_the_same_time_by_id(self, alice):
        second, third, first = (
            create_session(alice, pk=uuid.UUID(int=number)) for number in (2, 3, 1)
        )
        newest = create_session(alice, pk=uuid.UUID(int=4), created_at=after(days=1))
        assert list(sessions.active(alice.pk, now=NOW)) == [newest, first, second, third]

    def test_store_active_takes_one_statement(self, alice):
        create_session(alice)
        with CaptureQueriesContext(connection) as statements:
            list(sessions.active(alice.pk, now=NOW))
        assert len(statements) == 1


class TestOverLimit:
    def test_store_over_limit_returns_all_but_the_newest_sessions(self, alice, bob):
        days = {day: create_session(alice, created_at=after(days=day)) for day in (3, 1, 4, 2)}
        new = create_session(alice, created_at=after(days=5))
        (
            create_session(bob),
            create_session(alice, revoked_at=NOW),
            create_session(alice, idle_expires_at=NOW),
        )
        for kept in range(5):
            result = sessions.over_limit(new, kept, now=NOW)
            expected = sessions.active(alice.pk, now=NOW).exclude(pk=new.pk)[kept:]
            assert result == list(expected) == [days[day] for day in (4, 3, 2, 1)[kept:]]

    def test_store_over_limit_never_returns_the_new_session(self, alice):
        new, others = (
            create_session(alice),
            [create_session(alice, created_at=after(days=day)) for day in (1, 2)],
        )
        assert set(sessions.over_limit(new, 0, now=NOW)) == set(others)

    def test_store_over_limit_takes_a_second_statement_for_sessions(
        self, alice, django_assert_num_queries
    ):
        create_session(alice)
        new = create_session(alice)
        with django_assert_num_queries(1):
            assert sessions.over_limit(new, 1, now=NOW) == []
        with django_assert_num_queries(2):
            assert len(sessions.over_limit(new, 0, now=NOW)) == 1
