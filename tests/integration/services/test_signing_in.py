"""Sign-in: the password check, the new session and the limit of sessions per user."""

from __future__ import annotations

import uuid

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.signals import user_logged_in, user_login_failed
from django.db import OperationalError, connection
from django.test import RequestFactory
from django.test.utils import CaptureQueriesContext

from django_tokenauth import services, signals
from django_tokenauth.conf.settings import load
from django_tokenauth.errors import InvalidGrant, InvalidScope, ServiceUnavailable
from django_tokenauth.models import RevokedReason, Session
from django_tokenauth.sessions.log_ids import log_id
from django_tokenauth.sessions.users import auth_hash
from django_tokenauth.tokens.refresh import refresh_tokens
from tests.support.clock import NOW, after
from tests.support.session_rows import create_session
from tests.support.signal_capture import received

READ, WRITE = "notes:read", "notes:write"


class DirectoryBackend:
    """An authentication backend with its own database, which is not reachable."""

    def authenticate(self, request, **credentials):
        del credentials
        raise OperationalError("connection refused")


class TestCheckPassword:
    @pytest.mark.standard("rfc6749-4.3.2-2")
    def test_check_password_with_valid_credentials_returns_the_user(self, alice):
        assert services.check_password(None, "alice", "correct horse") == alice

    @pytest.mark.standard("rfc6749-4.3.2-2")
    @pytest.mark.parametrize(
        ("username", "password"),
        [("alice", "wrong"), ("alice", ""), ("nobody", "correct horse"), ("", "correct horse")],
    )
    def test_check_password_wrong_credentials_raise_invalid_grant(
        self, alice, username, password, caplog
    ):
        caplog.set_level("INFO", logger="django_tokenauth")
        with pytest.raises(InvalidGrant) as error:
            services.check_password(None, username, password)
        assert str(error.value) == "invalid_grant"
        assert caplog.messages[-1] == "sign-in rejected"

    @pytest.mark.attack(94)
    @pytest.mark.parametrize("backend", ["ModelBackend", "AllowAllUsersModelBackend"])
    def test_check_password_rejects_inactive_users_of_model_backends(
        self, alice, backend, settings
    ):
        settings.AUTHENTICATION_BACKENDS = [f"django.contrib.auth.backends.{backend}"]
        alice.is_active = False
        alice.save()
        with pytest.raises(InvalidGrant):
            services.check_password(None, "alice", "correct horse")

    def test_check_password_of_an_inactive_user_logs_the_reason(self, alice, settings, caplog):
        caplog.set_level("INFO", logger="django_tokenauth")
        settings.AUTHENTICATION_BACKENDS = [
            "django.contrib.auth.backends.AllowAllUsersModelBackend"
        ]
        type(alice).objects.update(is_active=False)
        with pytest.raises(InvalidGrant):
            services.check_password(None, "alice", "correct horse")
        assert caplog.messages == [
            f"user {alice.pk}: the password is correct",
            f"sign-in rejected: user {alice.pk} is inactive",
        ]

    def test_check_password_of_invalid_username_raises_invalid_grant(self, alice, monkeypatch):
        monkeypatch.setattr(type(alice), "USERNAME_FIELD", "id")
        with pytest.raises(InvalidGrant):
            services.check_password(None, "alice", "correct horse")
        assert services.check_password(None, str(alice.pk), "correct horse") == alice

    def test_wrong_password_sends_user_login_failed(self, alice):
        request = RequestFactory().post("/")
        with received(user_login_failed) as calls, pytest.raises(InvalidGrant):
            services.check_password(request, "alice", "wrong")
        [call] = calls
        assert call["request"] is request
        assert call["credentials"] == {"username": "alice", "password": "*" * 20}

    @pytest.mark.usefixtures("alice")
    def test_check_password_logs_the_traceback_of_an_outage(self, settings, caplog):
        settings.AUTHENTICATION_BACKENDS = [f"{__name__}.DirectoryBackend"]
        with pytest.raises(ServiceUnavailable):
            services.check_password(None, "alice", "correct horse")
        [record] = caplog.records
        assert record.getMessage() == "database error (OperationalError)"
        assert str(record.exc_info[1]) == "connection refused"

    def test_check_password_reraises_value_error_of_a_backend(self, settings):
        settings.AUTHENTICATION_BACKENDS = ["tests.support.broken.ValueErrorBackend"]
        with pytest.raises(ValueError, match="broken"):
            services.check_password(None, "alice", "correct horse")


@pytest.mark.django_db
class TestSignIn:
    def test_sign_in_stores_its_arguments_in_the_session(self, alice):
        pair = services.sign_in(
            alice,
            client_id="a phone",
            device_name="Alice's phone",
            user_agent="Browser/1.0",
            ip="192.0.2.1",
            amr=("pwd", "otp"),
            now=NOW,
        )
        session = Session.objects.get()
        assert pair.session == session
        assert session.user == pair.user == alice
        # RFC 9562 section 5.7: the first 48 bits are the time in milliseconds.
        assert session.pk.int >> 80 == NOW.timestamp() * 1000
        assert session.generation == 1
        assert session.created_at == session.refreshed_at == NOW
        assert (session.idle_expires_at, session.absolute_expires_at) == (
            after(days=14),
            after(days=90),
        )
        assert (session.revoked_at, session.revoked_reason) == (None, "")
        assert session.auth_hash == auth_hash(alice)
        assert (session.client_id, session.device_name) == ("a phone", "Alice's phone")
        assert (session.user_agent, session.ip) == ("Browser/1.0", "192.0.2.1")
        assert (session.scope, session.methods) == ("", ("pwd", "otp"))

    def test_sign_in_without_arguments_stores_defaults(self, alice, settings):
        settings.TOKENAUTH = {"ISSUER": "https://auth.example.com"}
        session = services.sign_in(alice).session
        assert session.client_id == "https://auth.example.com"
        assert (session.device_name, session.user_agent, session.ip, session.amr) == (
            "",
            "",
            None,
            "",
        )

    def test_sign_in_returns_valid_tokens(self, alice):
        pair = services.sign_in(alice, now=NOW)
        claims = services.authenticate_access_token(pair.access_token, now=NOW)
        assert services.get_user(claims) == alice
        assert claims.auth_time == NOW.timestamp()
        refreshed = refresh_tokens(load()).decode(pair.refresh_token, now=NOW.timestamp())
        assert (refreshed.session_id, refreshed.generation) == (str(pair.session.pk), 1)

    def test_each_sign_in_creates_its_own_session(self, alice):
        first, second = services.sign_in(alice, now=NOW), services.sign_in(alice, now=NOW)
        assert set(Session.objects.all()) == {first.session, second.session}

    def test_sign_in_sends_signed_in_and_user_logged_in(self, alice):
        request = RequestFactory().post("/")
        with received(signals.signed_in) as signed_in, received(user_logged_in) as logged_in:
            pair = services.sign_in(alice, request=request, now=NOW)
        assert signed_in == [
            {"sender": Session, "session": pair.session, "user": alice, "request": request}
        ]
        assert logged_in == [{"sender": get_user_model(), "request": request, "user": alice}]
        alice.refresh_from_db()
        assert alice.last_login is not None

    def test_sign_in_is_logged_without_a_token(self, alice, caplog):
        caplog.set_level("DEBUG", logger="django_tokenauth")
        pair = services.sign_in(alice, now=NOW)
        assert caplog.messages == [f"user {alice.pk} signed in, session {log_id(pair.session.pk)}"]


@pytest.mark.django_db
class TestScope:
    @pytest.fixture(autouse=True)
    def _scopes(self, settings):
        settings.TOKENAUTH = {"SCOPES": (WRITE, READ)}

    @pytest.mark.parametrize(
        ("requested", "stored"), [(None, f"{READ} {WRITE}"), ([READ], READ), ([], "")], ids=str
    )
    def test_granted_scope_is_stored_in_the_session(self, alice, requested, stored):
        pair = services.sign_in(alice, scope=requested, now=NOW)
        assert Session.objects.get().scope == stored
        assert pair.scope == frozenset(stored.split())

    @pytest.mark.parametrize(
        ("requested", "limited"),
        [(None, False), ([READ, WRITE], False), ([READ], True), ([], True)],
        ids=str,
    )
    def test_scope_limited_is_set_at_sign_in_with_narrower_scope(self, alice, requested, limited):
        services.sign_in(alice, scope=requested, now=NOW)
        assert Session.objects.get().scope_limited is limited

    def test_scope_limited_is_false_for_all_scopes_of_the_policy(self, alice, settings):
        settings.TOKENAUTH = {
            "SCOPES": (READ, WRITE),
            "SCOPE_POLICY": lambda user, scopes, request: scopes & {READ},
        }
        for requested in (None, [READ], [READ, WRITE]):
            services.sign_in(alice, scope=requested, now=NOW)
        assert not Session.objects.filter(scope_limited=True).exists()

    def test_sign_in_with_unknown_scope_stores_no_session(self, alice):
        with pytest.raises(InvalidScope):
            services.sign_in(alice, scope=[READ, "notes:admin"], now=NOW)
        assert not Session.objects.exists()

    def test_scope_policy_limits_the_scope_per_user(self, alice, bob, settings):
        def policy(user, scopes, request):
            return scopes if user == alice else scopes & {READ}

        settings.TOKENAUTH = {"SCOPES": (READ, WRITE), "SCOPE_POLICY": policy}
        assert services.sign_in(alice, now=NOW).scope == {READ, WRITE}
        assert services.sign_in(bob, now=NOW).scope == {READ}
        with pytest.raises(InvalidScope):
            services.sign_in(bob, scope=[WRITE], now=NOW)


@pytest.mark.django_db
@pytest.mark.parametrize("hook", ["EXTRA_CLAIMS", "SCOPE_POLICY"])
def test_sign_in_with_failing_hook_stores_no_session(alice, settings, hook):
    def fail(*arguments):
        raise LookupError

    settings.TOKENAUTH = {hook: fail}
    with pytest.raises(LookupError):
        services.sign_in(alice, now=NOW)
    assert not Session.objects.exists()


@pytest.mark.django_db
class TestStateless:
    @pytest.fixture(autouse=True)
    def _stateless(self, settings):
        settings.TOKENAUTH = {"STATELESS_REFRESH": True, "SCOPES": (READ, WRITE)}

    def test_stateless_sign_in_writes_only_last_login(self, alice):
        with CaptureQueriesContext(connection) as statements:
            pair = services.sign_in(alice, scope=[READ], client_id="a phone", amr=["pwd"], now=NOW)
        assert [each["sql"][:6] for each in statements] == ["UPDATE", "SELECT"]
        assert "last_login" in statements[0]["sql"]
        assert pair.session is None
        claims = refresh_tokens(load()).decode(pair.refresh_token, now=NOW.timestamp())
        assert claims.sign_in.auth_time == NOW.timestamp()
        assert claims.sign_in.scope == pair.scope == {READ}
        assert (claims.sign_in.client_id, claims.sign_in.amr) == ("a phone", ("pwd",))
        assert claims.generation == 1

    def test_stateless_signed_in_signal_has_no_session(self, alice):
        with received(signals.signed_in) as calls:
            services.sign_in(alice, now=NOW)
        assert calls == [{"sender": None, "session": None, "user": alice, "request": None}]

    def test_each_stateless_sign_in_has_its_own_session_id(self, alice):
        ids = {
            refresh_tokens(load())
            .decode(services.sign_in(alice, now=NOW).refresh_token, now=NOW.timestamp())
            .session_id
            for _ in range(2)
        }
        assert len({uuid.UUID(session_id) for session_id in ids}) == 2


@pytest.mark.django_db
class TestSessionLimit:
    @pytest.fixture(autouse=True)
    def _limit_of_three(self, settings):
        settings.TOKENAUTH = {"MAX_SESSIONS_PER_USER": 3}

    @pytest.mark.attack(144)
    def test_sign_in_over_session_limit_revokes_the_oldest_sessions(self, alice):
        pairs = [services.sign_in(alice, now=after(minutes=minute)) for minute in range(5)]
        now = after(minutes=4)
        assert list(services.list_sessions(alice, now=now)) == [
            pair.session for pair in reversed(pairs[2:])
        ]
        evicted = Session.objects.filter(revoked_reason=RevokedReason.EVICTED)
        assert {session.pk: session.revoked_at for session in evicted} == {
            pairs[0].session.pk: after(minutes=3),
            pairs[1].session.pk: after(minutes=4),
        }

    def test_session_limit_ignores_expired_and_revoked_sessions(self, alice):
        create_session(alice, idle_expires_at=NOW), create_session(alice, revoked_at=NOW)
        kept = [create_session(alice), create_session(alice)]
        services.sign_in(alice, now=after(minutes=1))
        assert set(kept) < set(services.list_sessions(alice, now=after(minutes=1)))

    def test_session_limit_ignores_sessions_of_other_users(self, alice, bob):
        other = [create_session(bob) for _ in range(3)]
        services.sign_in(alice, now=after(minutes=1))
        assert set(services.list_sessions(bob, now=NOW)) == set(other)

    def test_sign_in_evicts_sessions_in_more_than_one_batch(self, alice, monkeypatch):
        monkeypatch.setattr("django_tokenauth.sessions.store.BATCH_SIZE", 2)
        for minute in range(7):
            create_session(alice, created_at=after(minutes=minute))
        services.sign_in(alice, now=after(hours=1))
        assert services.list_sessions(alice, now=after(hours=1)).count() == 3
        assert Session.objects.filter(revoked_reason=RevokedReason.EVICTED).count() == 5

    @pytest.mark.attack(144)
    def test_sign_in_revokes_all_sessions_over_a_lowered_limit(self, alice, settings):
        for minute in range(10):
            create_session(alice, created_at=after(minutes=minute))
        pair = services.sign_in(alice, now=after(hours=1))
        assert services.list_sessions(alice, now=after(hours=1)).count() == 3
        assert services.list_sessions(alice, now=after(hours=1))[0] == pair.session

    def test_eviction_sends_session_revoked(self, alice):
        oldest = create_session(alice, created_at=NOW)
        (
            create_session(alice, created_at=after(minutes=1)),
            create_session(alice, created_at=after(minutes=2)),
        )
        request = RequestFactory().post("/")
        with received(signals.session_revoked) as calls:
            services.sign_in(alice, request=request, now=after(hours=1))
        assert calls == [{"sender": Session, "session": oldest, "user": alice, "request": request}]
        assert calls[0]["session"].revoked_reason == RevokedReason.EVICTED

    def test_max_sessions_none_allows_any_number_of_sessions(self, alice, settings):
        settings.TOKENAUTH = {"MAX_SESSIONS_PER_USER": None}
        for minute in range(105):
            create_session(alice, created_at=after(minutes=minute))
        services.sign_in(alice, now=after(days=1))
        assert services.list_sessions(alice, now=after(days=1)).count() == 106

    @pytest.mark.attack(84)
    def test_clock_set_back_does_not_evict_the_new_session(self, alice, settings):
        settings.TOKENAUTH = {"MAX_SESSIONS_PER_USER": 1}
        services.sign_in(alice, now=after(seconds=1))
        new = services.sign_in(alice, now=NOW)
        assert list(services.list_sessions(alice, now=NOW)) == [new.session]
