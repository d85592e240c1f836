"""A database that fails at any one statement: the answer says so, and what was good stays good."""

from __future__ import annotations

from contextlib import ExitStack, contextmanager

import pytest
from django.contrib.auth import get_user_model
from django.db import connection, transaction
from django.db.models.signals import post_save

from django_tokenauth import services
from django_tokenauth.errors import InvalidGrant, ServiceUnavailable
from django_tokenauth.models import RevokedReason, Session
from tests.support.clock import NOW, after
from tests.support.locks import unreadable, unwritable

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def pair(alice):
    return services.sign_in(alice, now=NOW)


@pytest.fixture
def claims(pair):
    return services.authenticate_access_token(pair.access_token, now=NOW)


@contextmanager
def once_stored(*faults):
    """The ``faults`` begin when the next session was stored, in the midst of its sign-in."""
    with ExitStack() as stack:

        def begin(**keywords):
            for fault in faults:
                stack.enter_context(fault)

        post_save.connect(begin, sender=Session)
        try:
            yield
        finally:
            post_save.disconnect(begin, sender=Session)


class TestRefresh:
    @pytest.mark.parametrize("fault", [unreadable, unwritable])
    def test_the_old_token_works_afterwards(self, pair, fault):
        with fault(Session), pytest.raises(ServiceUnavailable):
            services.refresh(pair.refresh_token, now=after(minutes=1))
        assert services.refresh(pair.refresh_token, now=after(hours=1)).session.generation == 2

    def test_a_predecessor_within_the_grace_needs_no_write(self, pair):
        current = services.refresh(pair.refresh_token, now=after(minutes=1))
        with unwritable(Session):
            again = services.refresh(pair.refresh_token, now=after(minutes=1, seconds=5))
        assert again.refresh_token == current.refresh_token

    def test_a_reuse_that_cannot_be_written_down_is_found_the_next_time(self, pair):
        services.refresh(pair.refresh_token, now=after(minutes=1))
        with unwritable(Session), pytest.raises(ServiceUnavailable):
            services.refresh(pair.refresh_token, now=after(hours=1))
        assert Session.objects.get().revoked_at is None
        with pytest.raises(InvalidGrant):
            services.refresh(pair.refresh_token, now=after(hours=1))
        assert Session.objects.get().revoked_reason == RevokedReason.REUSED

    def test_a_stateless_one_says_so_too(self, alice, settings):
        settings.TOKENAUTH = {"STATELESS_REFRESH": True}
        pair = services.sign_in(alice, now=NOW)
        with unreadable(get_user_model()), pytest.raises(ServiceUnavailable):
            services.refresh(pair.refresh_token, now=after(minutes=1))
        assert services.refresh(pair.refresh_token, now=after(minutes=1))


@contextmanager
def before(verb, act):
    """``act`` happens once, when the next statement with this verb is about to be executed."""
    acts = [act]

    def wait(execute, sql, params, many, context):
        if sql.startswith(verb) and acts:
            acts.pop()()
        return execute(sql, params, many, context)

    with connection.execute_wrapper(wait):
        yield


class TestRefreshThatWaits:
    """A database that stands still for longer than the grace, and then goes on. The client has
    asked again meanwhile, and both requests are under way."""

    def test_the_grace_begins_with_the_rotation_and_not_with_the_request(self, pair, time_machine):
        time_machine.move_to(after(minutes=1), tick=False)
        with before("SELECT", lambda: time_machine.move_to(after(minutes=2), tick=False)):
            current = services.refresh(pair.refresh_token)
        time_machine.move_to(after(minutes=2, seconds=10), tick=False)
        again = services.refresh(pair.refresh_token)
        assert again.refresh_token == current.refresh_token
        assert Session.objects.get().revoked_at is None

    def test_an_access_token_lives_as_long_as_its_answer_says(self, pair, time_machine):
        time_machine.move_to(after(minutes=1), tick=False)
        with before("SELECT", lambda: time_machine.move_to(after(minutes=2), tick=False)):
            late = services.refresh(pair.refresh_token)
        now = after(minutes=2)
        claims = services.authenticate_access_token(late.access_token, now=now)
        assert claims.expires_at == now.timestamp() + late.expires_in

    def test_whoever_was_overtaken_while_it_waited_is_not_late(self, pair):
        first = []

        def overtake():
            first.append(services.refresh(pair.refresh_token, now=after(minutes=1)))

        with before("UPDATE", overtake):
            second = services.refresh(pair.refresh_token, now=after(minutes=2))
        assert second.refresh_token == first[0].refresh_token
        assert Session.objects.get().revoked_at is None

    def test_whoever_was_overtaken_twice_is_old(self, pair):
        def overtake():
            faster = services.refresh(pair.refresh_token, now=after(minutes=1))
            services.refresh(faster.refresh_token, now=after(minutes=1))

        with before("UPDATE", overtake), pytest.raises(InvalidGrant):
            services.refresh(pair.refresh_token, now=after(minutes=2))
        assert Session.objects.get().revoked_reason == RevokedReason.REUSED

    def test_a_retry_that_was_overtaken_by_its_like_is_not_late(self, pair, settings):
        settings.TOKENAUTH = {"REFRESH_RETRY": True}
        services.refresh(pair.refresh_token, now=after(minutes=1))
        first = []

        def overtake():
            first.append(services.refresh(pair.refresh_token, now=after(minutes=2)))

        with before("UPDATE", overtake):
            second = services.refresh(pair.refresh_token, now=after(minutes=3))
        assert second.refresh_token == first[0].refresh_token
        assert Session.objects.get().revoked_at is None

    def test_a_retry_that_met_a_rehash_of_the_password_is_still_a_retry(self, pair, settings):
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
    def test_a_password_that_cannot_be_looked_up(self, alice):
        with unreadable(get_user_model()), pytest.raises(ServiceUnavailable):
            services.check_password(None, "alice", "correct horse")
        assert services.check_password(None, "alice", "correct horse") == alice

    def test_a_session_that_cannot_be_stored(self, alice):
        with unwritable(Session), pytest.raises(ServiceUnavailable):
            services.sign_in(alice, now=NOW)
        assert not Session.objects.exists()
        assert services.sign_in(alice, now=NOW).session.generation == 1

    def test_sessions_that_cannot_be_counted(self, alice):
        with pytest.raises(ServiceUnavailable), once_stored(unreadable(Session)):
            services.sign_in(alice, now=NOW)
        assert services.sign_in(alice, now=NOW).session.generation == 1

    def test_sessions_that_cannot_be_ended(self, alice, settings):
        settings.TOKENAUTH = {"MAX_SESSIONS_PER_USER": 1}
        first = services.sign_in(alice, now=NOW)
        with pytest.raises(ServiceUnavailable), once_stored(unwritable(Session)):
            services.sign_in(alice, now=after(minutes=1))
        assert services.refresh(first.refresh_token, now=after(minutes=1))

    def test_a_last_login_that_cannot_be_written(self, alice):
        with pytest.raises(ServiceUnavailable), once_stored(unwritable(get_user_model())):
            services.sign_in(alice, now=NOW)


class TestSignOut:
    @pytest.mark.parametrize("fault", [unreadable, unwritable])
    @pytest.mark.parametrize(
        "sign_out",
        [
            lambda pair: services.revoke_token(pair.refresh_token, now=after(minutes=1)),
            lambda pair: services.revoke_token(pair.access_token, now=after(minutes=1)),
            lambda pair: services.sign_out(pair.user, str(pair.session.pk), now=after(minutes=1)),
            lambda pair: services.sign_out_everywhere(pair.user, now=after(minutes=1)),
            lambda pair: services.revoke_sessions(
                Session.objects.all(), RevokedReason.ADMIN, now=after(minutes=1)
            ),
        ],
        ids=["refresh token", "access token", "one", "everywhere", "administrator"],
    )
    def test_nobody_is_told_that_it_worked(self, pair, fault, sign_out):
        with fault(Session), pytest.raises(ServiceUnavailable):
            sign_out(pair)
        assert Session.objects.get().revoked_at is None
        sign_out(pair)
        assert Session.objects.get().revoked_at == after(minutes=1)


class TestWholeScope:
    def test_nobody_can_know_it(self, pair, claims):
        with unreadable(Session), pytest.raises(ServiceUnavailable):
            services.full_scope(claims)
        assert services.full_scope(claims) == frozenset()


class TestUserOf:
    @pytest.mark.parametrize("table", [Session, get_user_model()])
    def test_nobody_is_let_in_and_nobody_is_called_a_stranger(self, alice, claims, table):
        with unreadable(table), pytest.raises(ServiceUnavailable):
            services.get_user(claims)
        assert services.get_user(claims) == alice


class TestSnapshot:
    def test_a_transaction_of_the_request_goes_on_without_it(self, claims):
        def fail(execute, sql, params, many, context):
            if sql.startswith("SELECT"):
                sql, params = "SELECT no_such_column", ()
            return execute(sql, params, many, context)

        with transaction.atomic():
            with connection.execute_wrapper(fail):
                assert not services.is_revoked(claims, now=NOW)
            assert Session.objects.count() == 1
