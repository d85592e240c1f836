"""The database is slow between two steps of a call, so the time of the first one is old."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import DatabaseError, connection

from django_tokenauth import services, signals
from django_tokenauth.conf.settings import load
from django_tokenauth.errors import InvalidGrant
from django_tokenauth.models import RevokedReason, Session
from tests.support.client import get, log_messages, post, sign_in
from tests.support.clock import NOW, after
from tests.support.session_rows import create_session
from tests.support.signal_capture import received
from tests.support.slow_statements import after_first, before

pytestmark = pytest.mark.django_db


@pytest.fixture
def clock(time_machine):
    """Return a function that sets the clock to this long after ``NOW``."""

    def move(**duration):
        time_machine.move_to(after(**duration), tick=False)

    move(seconds=0)
    return move


@pytest.fixture
def pair(alice):
    return services.sign_in(alice, now=NOW)


REVOCATIONS = {
    "revoke_token": lambda pair: services.revoke_token(pair.refresh_token),
    "sign_out": lambda pair: services.sign_out(pair.user, pair.session.pk),
    "sign_out_everywhere": lambda pair: services.sign_out_everywhere(pair.user),
    "revoke_sessions": lambda pair: services.revoke_sessions(
        Session.objects.all(), RevokedReason.ADMIN
    ),
}


@pytest.mark.attack(190)
class TestRevocation:
    @pytest.mark.parametrize("revoke", REVOCATIONS.values(), ids=REVOCATIONS)
    def test_revoked_at_is_the_time_after_a_slow_select(self, pair, clock, revoke):
        with after_first("SELECT", lambda: clock(minutes=4)):
            revoke(pair)
        session = Session.objects.get()
        assert session.revoked_at == session.idle_expires_at == after(minutes=4)

    def test_revoked_at_of_a_reuse_is_the_time_after_a_slow_select(self, pair, clock):
        token = services.refresh(pair.refresh_token, now=NOW).refresh_token
        services.refresh(token, now=after(seconds=1))
        clock(minutes=1)
        with after_first("SELECT", lambda: clock(minutes=5)), pytest.raises(InvalidGrant):
            services.refresh(pair.refresh_token)
        assert Session.objects.get().revoked_at == after(minutes=5)

    def test_reuse_during_a_sign_out_sends_no_refresh_token_reused(self, pair, clock):
        token = services.refresh(pair.refresh_token, now=NOW).refresh_token
        services.refresh(token, now=NOW)
        clock(minutes=1)
        with (
            before("UPDATE", lambda: services.sign_out(pair.user, pair.session.pk)),
            received(signals.refresh_token_reused) as reused,
            pytest.raises(InvalidGrant),
        ):
            services.refresh(pair.refresh_token)
        assert reused == []
        assert Session.objects.get().revoked_reason == RevokedReason.SIGNED_OUT

    def test_revoked_at_of_an_eviction_is_the_time_after_slow_select(self, alice, clock, settings):
        settings.TOKENAUTH = {"MAX_SESSIONS_PER_USER": 1}
        create_session(alice)
        with after_first("SELECT", lambda: clock(minutes=2)):
            services.sign_in(alice)
        assert Session.objects.exclude(revoked_at=None).get().revoked_at == after(minutes=2)

    def test_sign_out_everywhere_sets_revoked_at_for_each_batch(self, alice, clock, monkeypatch):
        monkeypatch.setattr("django_tokenauth.sessions.store.BATCH_SIZE", 1)
        for _ in range(2):
            create_session(alice)
        with after_first("UPDATE", lambda: clock(minutes=1)):
            assert services.sign_out_everywhere(alice) == 2
        times = set(Session.objects.values_list("revoked_at", flat=True))
        assert times == {NOW, after(minutes=1)}

    @pytest.mark.parametrize("revoke", REVOCATIONS.values(), ids=REVOCATIONS)
    def test_revocation_by_a_slow_update_reaches_stateless_views(self, alice, clock, revoke):
        tokens = sign_in()
        pair = services.sign_in(alice)

        def wait():
            clock(seconds=45)
            # The process polls while the statement waits for a lock.
            for second in range(10, 46, 5):
                clock(seconds=second)
                assert get("/who/stateless/", pair.access_token).status_code == 200

        with before("UPDATE", wait):
            revoke(pair)
        clock(seconds=60)
        assert get("/who/stateless/", pair.access_token).status_code == 401
        # A new process too.
        load.cache_clear()
        assert get("/who/stateless/", pair.access_token).status_code == 401
        assert tokens

    def test_revocation_committed_late_reaches_stateless_views(self, alice, clock):
        pair = services.sign_in(alice)
        get("/who/stateless/", pair.access_token)
        Session.objects.update(revoked_at=after(seconds=10), idle_expires_at=after(seconds=10))
        for seconds in (125, 300):
            clock(seconds=seconds)
            assert get("/who/stateless/", pair.access_token).status_code == 401


class TestGrace:
    def test_grace_starts_after_a_slow_rotation(self, pair, clock):
        with before("UPDATE", lambda: clock(seconds=30)):
            current = services.refresh(pair.refresh_token)
        clock(seconds=40)
        repeated = services.refresh(pair.refresh_token)
        assert repeated.refresh_token == current.refresh_token
        clock(seconds=41)
        with pytest.raises(InvalidGrant):
            services.refresh(pair.refresh_token)

    def test_access_token_of_a_slow_rotation_has_its_full_lifetime(self, pair, clock):
        with before("UPDATE", lambda: clock(minutes=4)):
            current = services.refresh(pair.refresh_token)
        assert current.expires_in == 300
        services.authenticate_access_token(current.access_token, now=after(minutes=8, seconds=59))

    @pytest.mark.parametrize(("seconds", "statements"), [(0, 2), (1, 2), (2, 3)])
    def test_only_a_slow_rotation_takes_a_third_statement(
        self, pair, clock, seconds, statements, django_assert_num_queries
    ):
        with (
            before("UPDATE", lambda: clock(seconds=seconds)),
            django_assert_num_queries(statements),
        ):
            services.refresh(pair.refresh_token)

    def test_slow_rotation_that_is_overtaken_returns_its_tokens(self, pair, clock):
        def refresh_again():
            clock(seconds=30)
            session = Session.objects.get()
            session.generation += 1
            session.save()

        with after_first("UPDATE", refresh_again):
            current = services.refresh(pair.refresh_token)
        assert current.session.generation == 2
        assert Session.objects.get().generation == 3

    @pytest.mark.django_db(transaction=True)
    def test_slow_rotation_returns_its_tokens_despite_a_late_error(self, pair, clock, caplog):
        updates = []

        def fail_second(execute, sql, params, many, context):
            if sql.startswith("UPDATE"):
                updates.append(sql)
                if len(updates) > 1:
                    raise DatabaseError
            return execute(sql, params, many, context)

        with (
            connection.execute_wrapper(fail_second),
            before("UPDATE", lambda: clock(seconds=30)),
        ):
            current = services.refresh(pair.refresh_token)
        assert log_messages(caplog, "WARNING") == [
            "the grace period of a slow refresh was not extended (DatabaseError)"
        ]
        assert services.refresh(current.refresh_token).session.generation == 3

    @pytest.mark.promise(9)
    def test_hook_error_after_a_slow_rotation_keeps_the_session(
        self, pair, clock, settings, caplog
    ):
        calls = []

        def extra_claims(user, session, request):
            calls.append(user)
            if len(calls) == 2:
                raise LookupError("of the project")
            return {}

        settings.TOKENAUTH = {"EXTRA_CLAIMS": extra_claims}
        with before("UPDATE", lambda: clock(seconds=30)):
            current = services.refresh(pair.refresh_token)
        assert log_messages(caplog, "ERROR") == [
            "new tokens of a slow refresh were not issued (LookupError)"
        ]
        repeated = services.refresh(pair.refresh_token)
        assert services.refresh(repeated.refresh_token).session.generation == 3
        services.authenticate_access_token(current.access_token)

    def test_slow_retry_is_stored_as_a_retry(self, pair, clock, settings):
        settings.TOKENAUTH = {"REFRESH_RETRY": True}
        services.refresh(pair.refresh_token, now=NOW)
        clock(minutes=1)
        with before("UPDATE", lambda: clock(minutes=2)):
            services.refresh(pair.refresh_token)
        session = Session.objects.get()
        assert (session.retried, session.refreshed_at) == (True, after(minutes=2))

    def test_session_that_expires_in_a_slow_select_is_not_refreshed(self, pair, clock, caplog):
        caplog.set_level("INFO", logger="django_tokenauth")
        clock(days=13, hours=23)
        with before("SELECT", lambda: clock(days=14)):
            response = post("token/refresh/", {"refresh_token": pair.refresh_token})
        assert response.status_code == 400
        assert log_messages(caplog) == ["refresh rejected: expired"]
        assert Session.objects.get().generation == 1


def test_created_at_of_a_session_is_the_time_of_the_sign_in(alice, clock):
    clock(minutes=1)
    sign_in()
    assert Session.objects.get().created_at == after(minutes=1)
    assert Session.objects.get().absolute_expires_at - after(minutes=1) == timedelta(days=90)
