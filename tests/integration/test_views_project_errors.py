"""Errors in the project's code: a 500 with a traceback, and no session without a client."""

from __future__ import annotations

from contextlib import contextmanager

import pytest
from django.contrib.auth.signals import user_logged_in
from django.core.exceptions import ImproperlyConfigured
from django.db import DatabaseError, IntegrityError, OperationalError, ProgrammingError
from django.db.models.signals import post_save
from django.dispatch import Signal

from django_tokenauth import signals
from django_tokenauth.models import Session
from tests.support.client import PASSWORDS, UNAVAILABLE, get, post, sign_in, status_and_json

ALICE = {"username": "alice", "password": PASSWORDS["alice"]}
BUGS = [LookupError, IntegrityError, ProgrammingError, DatabaseError, ImproperlyConfigured]

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

    @pytest.mark.usefixtures("stateless")
    @pytest.mark.parametrize("place", ["EXTRA_CLAIMS", "SCOPE_POLICY", "user_logged_in"])
    def test_sign_in_with_project_database_error_returns_503(self, alice, place, settings, caplog):
        with failing(place, OperationalError, settings):
            assert status_and_json(post("token/", ALICE)) == (503, UNAVAILABLE)
        assert OperationalError in tracebacks(caplog)
        assert not Session.objects.exists()

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
    @pytest.mark.parametrize("error", [*BUGS, OperationalError])
    @pytest.mark.parametrize("hook", ["EXTRA_CLAIMS", "SCOPE_POLICY"])
    def test_refresh_token_stays_valid_after_a_hook_error(
        self, alice, hook, error, settings, caplog
    ):
        token = sign_in()["refresh_token"]
        expected = 503 if error is OperationalError else 500
        with failing(hook, error, settings):
            response = post("token/refresh/", {"refresh_token": token})
        assert response.status_code == expected
        assert error in tracebacks(caplog)
        assert post("token/refresh/", {"refresh_token": token}).status_code == 200


class TestSessions:
    @pytest.mark.parametrize("error", [*BUGS, OperationalError])
    def test_scope_policy_error_in_session_list_logs_a_traceback(
        self, alice, error, settings, caplog
    ):
        settings.TOKENAUTH = {"SCOPES": ["notes"]}
        token = sign_in()["access_token"]
        with failing("SCOPE_POLICY", error, settings):
            response = get("/auth/sessions/", token)
        assert response.status_code == (503 if error is OperationalError else 500)
        assert error in tracebacks(caplog)


@pytest.mark.parametrize("backend", ["BrokenBackend", "ValueErrorBackend"])
def test_sign_in_with_a_backend_error_returns_500(alice, backend, settings, caplog):
    settings.AUTHENTICATION_BACKENDS = [f"tests.support.broken.{backend}"]
    assert post("token/", ALICE).status_code == 500
    assert tracebacks(caplog)
