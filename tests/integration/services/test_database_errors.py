"""A database error in any statement raises ServiceUnavailable and loses no valid token."""

from __future__ import annotations

from contextlib import ExitStack, contextmanager

import pytest
from django.contrib.auth import get_user_model
from django.db import DatabaseError, connection, transaction
from django.db.models.signals import post_save

from django_tokenauth import services
from django_tokenauth.errors import InvalidGrant, ServiceUnavailable
from django_tokenauth.models import RevokedReason, Session
from tests.support.clock import NOW, after
from tests.support.locks import unreadable, unwritable
from tests.support.slow_statements import before

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def pair(alice):
    return services.sign_in(alice, now=NOW)


@pytest.fixture
def claims(pair):
    return services.authenticate_access_token(pair.access_token, now=NOW)


@contextmanager
def once_session_is_stored(*failures):
    """Start the *failures* after the INSERT of the next session, in the middle of its sign-in."""
    with ExitStack() as stack:

        def begin(**keywords):
            for failure in failures:
                stack.enter_context(failure)

        post_save.connect(begin, sender=Session)
        try:
            yield
        finally:
            post_save.disconnect(begin, sender=Session)


class TestRefresh:
    @pytest.mark.parametrize("failure", [unreadable, unwritable])
    def test_refresh_after_a_database_error_succeeds_with_old_token(self, pair, failure):
        with failure(Session), pytest.raises(ServiceUnavailable):
            services.refresh(pair.refresh_token, now=after(minutes=1))
        assert services.refresh(pair.refresh_token, now=after(hours=1)).session.generation == 2

    def test_refresh_within_grace_needs_no_database_write(self, pair):
        current = services.refresh(pair.refresh_token, now=after(minutes=1))
        with unwritable(Session):
            repeated = services.refresh(pair.refresh_token, now=after(minutes=1, seconds=5))
        assert repeated.refresh_token == current.refresh_token

    def test_unrecorded_reuse_is_detected_on_the_next_refresh(self, pair):
        services.refresh(pair.refresh_token, now=after(minutes=1))
        with unwritable(Session), pytest.raises(ServiceUnavailable):
            services.refresh(pair.refresh_token, now=after(hours=1))
        assert Session.objects.get().revoked_at is None
        with pytest.raises(InvalidGrant):
            services.refresh(pair.refresh_token, now=after(hours=1))
        assert Session.objects.get().revoked_reason == RevokedReason.REUSED

    def test_stateless_refresh_without_database_raises_unavailable(self, alice, settings):
        settings.TOKENAUTH = {"STATELESS_REFRESH": True}
        pair = services.sign_in(alice, now=NOW)
        with unreadable(get_user_model()), pytest.raises(ServiceUnavailable):
            services.refresh(pair.refresh_token, now=after(minutes=1))
        assert services.refresh(pair.refresh_token, now=after(minutes=1))


class TestSlowRefresh:
    """A database stalls for longer than the grace period.

    The client has sent a second request, so both are in progress.
    """

    def test_grace_starts_at_the_rotation_despite_slow_database(self, pair, time_machine):
        time_machine.move_to(after(minutes=1), tick=False)
        with before("SELECT", lambda: time_machine.move_to(after(minutes=2), tick=False)):
            current = services.refresh(pair.refresh_token)
        time_machine.move_to(after(minutes=2, seconds=10), tick=False)
        repeated = services.refresh(pair.refresh_token)
        assert repeated.refresh_token == current.refresh_token
        assert Session.objects.get().revoked_at is None

    def test_slow_refresh_returns_access_token_with_full_lifetime(self, pair, time_machine):
        time_machine.move_to(after(minutes=1), tick=False)
        with before("SELECT", lambda: time_machine.move_to(after(minutes=2), tick=False)):
            late = services.refresh(pair.refresh_token)
        now = after(minutes=2)
        claims = services.authenticate_access_token(late.access_token, now=now)
        assert claims.expires_at == now.timestamp() + late.expires_in

    def test_refresh_overtaken_by_one_rotation_is_within_the_grace(self, pair):
        first = []

        def refresh_first():
            first.append(services.refresh(pair.refresh_token, now=after(minutes=1)))

        with before("UPDATE", refresh_first):
            second = services.refresh(pair.refresh_token, now=after(minutes=2))
        assert second.refresh_token == first[0].refresh_token
        assert Session.objects.get().revoked_at is None

    def test_refresh_overtaken_by_two_rotations_is_reuse(self, pair):
        def refresh_first():
            faster = services.refresh(pair.refresh_token, now=after(minutes=1))
            services.refresh(faster.refresh_token, now=after(minutes=1))

        with before("UPDATE", refresh_first), pytest.raises(InvalidGrant):
            services.refresh(pair.refresh_token, now=after(minutes=2))
        assert Session.objects.get().revoked_reason == RevokedReason.REUSED

    def test_retry_overtaken_by_a_retry_is_within_the_grace(self, pair, settings):
        settings.TOKENAUTH = {"REFRESH_RETRY": True}
        services.refresh(pair.refresh_token, now=after(minutes=1))
        first = []

        def refresh_first():
            first.append(services.refresh(pair.refresh_token, now=after(minutes=2)))

        with before("UPDATE", refresh_first):
            second = services.refresh(pair.refresh_token, now=after(minutes=3))
        assert second.refresh_token == first[0].refresh_token
        assert Session.objects.get().revoked_at is None

    def test_retry_during_a_password_rehash_is_stored_as_retry(self, pair, settings):
        settings.TOKENAUTH = {"REFRESH_RETRY": True}
        services.refresh(pair.refresh_token, now=after(minutes=1))

        def sign_in_elsewhere():
            settings.PASSWORD_HASHERS = settings.PASSWORD_HASHERS[::-1]
            services.check_password(None, "alice", "correct horse")

        with before("UPDATE", sign_in_elsewhere):
            services.refresh(pair.refresh_token, now=after(minutes=2))
        session = Session.objects.get()
        assert (session.generation, session.retried) == (3, True)


class TestSignIn:
    def test_check_password_without_database_raises_unavailable(self, alice):
        with unreadable(get_user_model()), pytest.raises(ServiceUnavailable):
            services.check_password(None, "alice", "correct horse")
        assert services.check_password(None, "alice", "correct horse") == alice

    def test_sign_in_with_failed_session_insert_is_unavailable(self, alice):
        with unwritable(Session), pytest.raises(ServiceUnavailable):
            services.sign_in(alice, now=NOW)
        assert not Session.objects.exists()
        assert services.sign_in(alice, now=NOW).session.generation == 1

    def test_sign_in_with_failed_session_count_is_unavailable(self, alice):
        with pytest.raises(ServiceUnavailable), once_session_is_stored(unreadable(Session)):
            services.sign_in(alice, now=NOW)
        assert services.sign_in(alice, now=NOW).session.generation == 1

    def test_sign_in_with_failed_eviction_keeps_the_older_session(self, alice, settings):
        settings.TOKENAUTH = {"MAX_SESSIONS_PER_USER": 1}
        first = services.sign_in(alice, now=NOW)
        with pytest.raises(ServiceUnavailable), once_session_is_stored(unwritable(Session)):
            services.sign_in(alice, now=after(minutes=1))
        assert services.refresh(first.refresh_token, now=after(minutes=1))

    def test_sign_in_with_failed_last_login_update_is_unavailable(self, alice):
        with unwritable(get_user_model()), pytest.raises(ServiceUnavailable):
            services.sign_in(alice, now=NOW)
        assert not Session.objects.exists()


class TestSignOut:
    @pytest.mark.parametrize("failure", [unreadable, unwritable])
    @pytest.mark.parametrize(
        "sign_out",
        [
            lambda pair: services.revoke_token(pair.refresh_token, now=after(minutes=1)),
            lambda pair: services.sign_out(pair.user, str(pair.session.pk), now=after(minutes=1)),
            lambda pair: services.sign_out_everywhere(pair.user, now=after(minutes=1)),
            lambda pair: services.sign_out_users([pair.user], now=after(minutes=1)),
            lambda pair: services.revoke_sessions(
                Session.objects.all(), RevokedReason.ADMIN, now=after(minutes=1)
            ),
        ],
        ids=[
            "refresh_token",
            "sign_out",
            "sign_out_everywhere",
            "sign_out_users",
            "revoke_sessions",
        ],
    )
    def test_failed_revocation_is_unavailable_and_can_be_repeated(self, pair, failure, sign_out):
        with failure(Session), pytest.raises(ServiceUnavailable):
            sign_out(pair)
        assert Session.objects.get().revoked_at is None
        sign_out(pair)
        assert Session.objects.get().revoked_at == after(minutes=1)


class TestFullScope:
    def test_full_scope_without_database_raises_service_unavailable(self, pair, claims):
        with unreadable(Session), pytest.raises(ServiceUnavailable):
            services.full_scope(claims)
        assert services.full_scope(claims) == frozenset()


class TestGetUser:
    @pytest.mark.parametrize("table", [Session, get_user_model()])
    def test_get_user_without_database_raises_service_unavailable(self, alice, claims, table):
        with unreadable(table), pytest.raises(ServiceUnavailable):
            services.get_user(claims)
        assert services.get_user(claims) == alice


class TestSnapshot:
    def test_failed_is_revoked_query_keeps_the_transaction_usable(self, claims):
        def fail(execute, sql, params, many, context):
            if sql.startswith("SELECT"):
                sql, params = "SELECT no_such_column", ()
            return execute(sql, params, many, context)

        with transaction.atomic():
            with connection.execute_wrapper(fail), pytest.raises(DatabaseError):
                services.is_revoked(claims, now=NOW)
            assert Session.objects.count() == 1
