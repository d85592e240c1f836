"""Errors in the project's code: a 500 with a traceback, and no session without a client."""

from __future__ import annotations

from contextlib import contextmanager
from datetime import date
from decimal import Decimal
from uuid import UUID

import pytest
from django.contrib.auth.signals import user_logged_in, user_login_failed
from django.core.exceptions import ImproperlyConfigured
from django.db import DatabaseError, IntegrityError, OperationalError, ProgrammingError
from django.db.models.signals import post_save
from django.dispatch import Signal

from django_tokenauth import services, signals
from django_tokenauth.models import Session
from tests.support.broken import renamed_session_table
from tests.support.client import PASSWORDS, get, log_messages, post, sign_in

ALICE = {"username": "alice", "password": PASSWORDS["alice"]}
#: An outage of the database in a hook or a receiver is an error of the project, too.
BUGS = [
    *(LookupError, IntegrityError, ProgrammingError, DatabaseError, OperationalError),
    ImproperlyConfigured,
]

pytestmark = pytest.mark.django_db(transaction=True)


@contextmanager
def connected(signal: Signal, receiver, **options):
    signal.connect(receiver, **options)
    try:
        yield
    finally:
        signal.disconnect(receiver, **options)


@contextmanager
def failing(place, error, settings):
    """Let *place*, a hook, a signal or the backend, raise *error*."""

    def fail(*arguments, **keywords):
        raise error("a bug of the project")

    if place in ("EXTRA_CLAIMS", "SCOPE_POLICY"):
        settings.TOKENAUTH = {**settings.TOKENAUTH, place: fail}
        yield
        settings.TOKENAUTH = {
            name: value for name, value in settings.TOKENAUTH.items() if name != place
        }
    elif place == "user_logged_in":
        with connected(user_logged_in, fail):
            yield
    else:
        with connected(post_save, fail, sender=Session):
            yield


def tracebacks(caplog):
    """Return the types of the exceptions whose traceback is in the log."""
    return [record.exc_info[0] for record in caplog.records if record.exc_info]


@pytest.fixture(params=[False, True], ids=["session", "stateless"])
def stateless(request, settings):
    settings.TOKENAUTH = {"SCOPES": ["notes"], "STATELESS_REFRESH": request.param}
    return request.param


class TestSignIn:
    @pytest.mark.attack(195)
    @pytest.mark.usefixtures("stateless")
    @pytest.mark.parametrize("error", BUGS)
    @pytest.mark.parametrize("place", ["EXTRA_CLAIMS", "SCOPE_POLICY", "user_logged_in"])
    def test_sign_in_with_project_error_returns_500_without_session(
        self, alice, place, error, settings, caplog
    ):
        with failing(place, error, settings):
            assert post("token/", ALICE).status_code == 500
        assert error in tracebacks(caplog)
        assert not Session.objects.exists()

    @pytest.mark.attack(195)
    def test_sign_in_error_after_the_insert_revokes_the_session(self, alice, settings, caplog):
        with failing("post_save", LookupError, settings):
            assert post("token/", ALICE).status_code == 500
        assert LookupError in tracebacks(caplog)
        assert Session.objects.get().revoked_at is not None

    def test_failed_sign_in_evicts_no_older_session(self, alice, settings):
        settings.TOKENAUTH = {"MAX_SESSIONS_PER_USER": 1}
        token = sign_in()["refresh_token"]
        for place in ("EXTRA_CLAIMS", "SCOPE_POLICY", "user_logged_in", "post_save"):
            with failing(place, LookupError, settings):
                assert post("token/", ALICE).status_code == 500
        assert post("token/refresh/", {"refresh_token": token}).status_code == 200

    def test_sign_in_stopped_in_a_receiver_revokes_the_session(self, alice):
        """A server that stops a worker raises SystemExit in it."""

        def stop(**keywords):
            raise SystemExit

        with connected(signals.signed_in, stop), pytest.raises(SystemExit):
            post("token/", ALICE)
        assert Session.objects.get().revoked_at is not None

    @pytest.mark.parametrize(
        ("hook", "junk"),
        [("EXTRA_CLAIMS", junk) for junk in (None, [], "x", {"sub": "admin"}, {1: 2}, {"a": {1}})]
        + [("SCOPE_POLICY", junk) for junk in (None, "notes", b"notes", 7)],
        ids=repr,
    )
    def test_invalid_hook_result_returns_500_at_sign_in_and_refresh(
        self, alice, hook, junk, settings, caplog
    ):
        settings.TOKENAUTH = {"SCOPES": ["notes"]}
        token = sign_in()["refresh_token"]
        settings.TOKENAUTH = {"SCOPES": ["notes"], hook: lambda *arguments: junk}
        assert post("token/", ALICE).status_code == 500
        assert post("token/refresh/", {"refresh_token": token}).status_code == 500
        assert len(tracebacks(caplog)) == 2
        settings.TOKENAUTH = {"SCOPES": ["notes"]}
        assert post("token/refresh/", {"refresh_token": token}).status_code == 200
        assert Session.objects.count() == 1


class TestRefresh:
    @pytest.mark.usefixtures("stateless")
    @pytest.mark.parametrize("error", BUGS)
    @pytest.mark.parametrize("hook", ["EXTRA_CLAIMS", "SCOPE_POLICY"])
    def test_refresh_token_stays_valid_after_a_hook_error(
        self, alice, hook, error, settings, caplog
    ):
        token = sign_in()["refresh_token"]
        with failing(hook, error, settings):
            response = post("token/refresh/", {"refresh_token": token})
        assert response.status_code == 500
        assert error in tracebacks(caplog)
        assert post("token/refresh/", {"refresh_token": token}).status_code == 200


class TestSessions:
    @pytest.mark.parametrize("error", BUGS)
    def test_scope_policy_error_in_session_list_logs_a_traceback(
        self, alice, error, settings, caplog
    ):
        settings.TOKENAUTH = {"SCOPES": ["notes"]}
        token = sign_in()["access_token"]
        with failing("SCOPE_POLICY", error, settings):
            response = get("/auth/sessions/", token)
        assert response.status_code == 500
        assert error in tracebacks(caplog)


class TestReceiversOfDjango:
    def test_failing_receiver_of_user_login_failed_returns_500(self, alice, caplog):
        def fail(**keywords):
            raise OperationalError("a bug of the project")

        with connected(user_login_failed, fail):
            assert post("token/", {**ALICE, "password": "wrong"}).status_code == 500
        assert OperationalError in tracebacks(caplog)

    def test_outage_in_a_receiver_of_saved_sessions_returns_500(self, alice, settings, caplog):
        with failing("post_save", OperationalError, settings):
            assert post("token/", ALICE).status_code == 500
        assert OperationalError in tracebacks(caplog)
        assert Session.objects.get().revoked_at is not None


class TestMissingTable:
    """``migrate`` was forgotten: a 500 with a traceback, and no outage."""

    @pytest.fixture
    def tokens(self, alice):
        return sign_in()

    @pytest.mark.usefixtures("missing_session_table")
    def test_sign_in_without_the_session_table_returns_500(self, alice, caplog):
        assert post("token/", ALICE).status_code == 500
        assert len(tracebacks(caplog)) == 1

    @pytest.mark.parametrize("path", ["token/refresh/", "token/revoke/"])
    def test_refresh_token_without_the_session_table_returns_500(
        self, tokens, missing_session_table, path, caplog
    ):
        token = tokens["refresh_token"]
        response = post(path, {"refresh_token": token, "token": token})
        assert response.status_code == 500
        assert len(tracebacks(caplog)) == 1

    @pytest.mark.parametrize("path", ["/who/", "/who/stateless/", "/auth/sessions/"])
    def test_request_without_the_session_table_returns_500(
        self, tokens, missing_session_table, path, caplog
    ):
        for _ in range(2):
            assert get(path, tokens["access_token"]).status_code == 500
        assert len(tracebacks(caplog)) >= 2

    def test_refresh_token_is_valid_once_the_table_exists(self, tokens):
        with renamed_session_table():
            response = post("token/refresh/", {"refresh_token": tokens["refresh_token"]})
            assert response.status_code == 500
        assert get("/who/stateless/", tokens["access_token"]).status_code == 200
        assert post("token/refresh/", {"refresh_token": tokens["refresh_token"]}).status_code == 200


@pytest.mark.parametrize("backend", ["BrokenBackend", "ValueErrorBackend"])
def test_sign_in_with_a_backend_error_returns_500(alice, backend, settings, caplog):
    settings.AUTHENTICATION_BACKENDS = [f"tests.support.broken.{backend}"]
    assert post("token/", ALICE).status_code == 500
    assert tracebacks(caplog)


class TestClaims:
    def test_claims_of_common_types_are_strings_in_both_tokens(self, alice, settings):
        values = {"id": UUID(int=7), "day": date(2026, 11, 29), "rate": Decimal("1.5")}
        settings.TOKENAUTH = {"EXTRA_CLAIMS": lambda *arguments: {"company": [values]}}
        tokens = sign_in()
        refreshed = post("token/refresh/", {"refresh_token": tokens["refresh_token"]}).json()
        for pair in (tokens, refreshed):
            claims = services.authenticate_access_token(pair["access_token"])
            [company] = claims.extra["company"]
            assert dict(company) == {"id": str(UUID(int=7)), "day": "2026-11-29", "rate": 1.5}

    @pytest.mark.parametrize(
        ("value", "name"), [({1}, "set"), ([{"a": b"x"}], "bytes"), (float("nan"), "float")]
    )
    def test_claim_that_json_cannot_represent_is_named_in_the_log(
        self, alice, settings, caplog, value, name
    ):
        settings.TOKENAUTH = {"EXTRA_CLAIMS": lambda *arguments: {"x": 1, "company": value}}
        assert post("token/", ALICE).status_code == 500
        assert ImproperlyConfigured in tracebacks(caplog)
        [message] = log_messages(caplog, "CRITICAL")
        assert message.endswith(f"The claim 'company' has an invalid value of type {name}.")
