"""No password, token or key appears in anything that the app writes, shows or stores.

Canary secrets pass through successful and failing requests. All output is then searched for them,
in every encoding.
"""

from __future__ import annotations

import json
from http import HTTPStatus

import pytest
from django.contrib.auth.signals import user_logged_in
from django.core.checks import run_checks
from django.core.exceptions import ImproperlyConfigured
from django.views.debug import ExceptionReporter

from django_tokenauth import services, signals
from django_tokenauth.conf import settings as conf
from django_tokenauth.keys.sources import access_keys
from django_tokenauth.models import Session
from tests.campaigns.attacks import canary_project
from tests.campaigns.attacks.canaries import SIGNALS, collecting
from tests.support.client import FORM, call, get, post
from tests.support.clock import NOW
from tests.support.locks import unreadable
from tests.support.reports import BrokenRouter

OK = HTTPStatus.OK
FAILED = HTTPStatus.INTERNAL_SERVER_ERROR


#: Two kinds of keys; tests of key loading and printing use all kinds.
KEY_KINDS = ("derived", "pem")


@pytest.fixture(params=KEY_KINDS)
def collected(request, settings, time_machine, db):
    """Collect the output of the canary project, with each kind of key."""
    time_machine.move_to(NOW, tick=False)
    values, keys = canary_project.KEYS[request.param]
    settings.SECRET_KEY = canary_project.SECRET_KEY
    settings.TOKENAUTH = canary_project.settings_with(values)
    canary_project.create_alice()
    with collecting(canary_project.secrets_of(keys)) as collected:
        yield collected


@pytest.mark.attack(173)
class TestSecretLeaks:
    @pytest.mark.standard("rfc6749-10.3-1", "rfc9700-4.9.3-1")
    def test_successful_requests_leak_no_secret(self, collected):
        access, token = canary_project.sign_in(collected, scope="notes:read")
        whole, _ = canary_project.sign_in(collected)
        for path in ("/who/", "/who/stateless/", "/open/", "/notes/"):
            assert collected.add_response(get(path, access)).status_code == OK
        for accept in ("application/json", "text/html"):
            for path in ("/who/", "/auth/sessions/"):
                response = collected.add_response(get(path, whole, Accept=accept))
                assert response.status_code == OK
        _, token = canary_project.refresh(collected, token, scope="notes:read")
        assert collected.add_response(post("token/verify/", {"token": whole})).json()["active"]
        collected.add_response(post("token/revoke/", {"token": token}))
        collected.add_response(call("DELETE", "/auth/sessions/", whole))
        collected.add_stored()
        assert collected.leaks() == set()
        for place in ("response", "log", "signal", "statement", "database", "cache"):
            assert collected.text_of(place)

    def test_rejected_sign_ins_leak_no_secret(self, collected, settings):
        password = canary_project.PASSWORD
        for body in (
            {"username": "alice", "password": canary_project.GUESS},
            {"username": "unknown", "password": password},
            {"username": "alice", "password": [password]},
            {"username": "alice", "password": password * 200},
            {"username": "alice", "password": password + "\0"},
            {"username": password * 20, "password": password},
            {"username": "alice", "password": password, "scope": "unknown"},
            {"username": "alice", "password": password, "grant_type": password},
            '{"username": "alice", "password": "' + password,
            f'{{"username": "alice", "password": "{password}", "password": "{password}"}}',
            f'["{password}"]',
        ):
            assert (
                collected.add_response(post("token/", body)).status_code == HTTPStatus.BAD_REQUEST
            )
        form = f"username=alice&password={password}&password={password}"
        for content_type in (FORM, "text/plain", "multipart/form-data; boundary=x"):
            collected.add_response(post("token/", form, content_type))
        settings.TOKENAUTH = {**settings.TOKENAUTH, "SIGN_IN_RATE_USER": "1/hour"}
        for _ in range(2):
            response = collected.add_response(
                post("token/", {"username": "alice", "password": canary_project.GUESS})
            )
        assert response.status_code == HTTPStatus.TOO_MANY_REQUESTS
        collected.add_stored()
        assert collected.leaks() == set()
        assert "sign-in throttled" in collected.text_of("log")

    def test_rejected_tokens_leak_no_secret(self, collected, time_machine):
        access, first = canary_project.sign_in(collected)
        _, second = canary_project.refresh(collected, first)
        rejected = [
            canary_project.tampered(collected, access),
            canary_project.tampered(collected, first),
            first,
            f"{access} ",
            f"{access}.",
            access[:-4],
            f"{access}\x00",
            f'{access}"',
        ]
        for token in rejected:
            for path in ("/who/", "/who/stateless/", "/open/", "/auth/sessions/"):
                for accept in ("application/json", "text/html"):
                    response = collected.add_response(get(path, token, Accept=accept))
                    assert response.status_code == HTTPStatus.UNAUTHORIZED
            collected.add_response(post("token/verify/", {"token": token + "x"}))
            collected.add_response(post("token/revoke/", {"token": token + "x"}))
            collected.add_response(post("token/refresh/", {"refresh_token": token + "x"}))
        # Tokens in other parameters.
        for parameters in ({"token": [access]}, {"token": {access: 1}}, {"refresh_token": access}):
            collected.add_response(post("token/verify/", parameters))
            collected.add_response(post("token/refresh/", parameters))
        collected.add_response(get("/who/", **{"X-Token": access}))
        for body in ({"client_id": "another"}, {"scope": "unknown"}, {"scope": [second]}):
            collected.add_response(post("token/refresh/", {"refresh_token": second, **body}))
        # The previous token is reused after the grace period.
        time_machine.move_to(NOW.replace(hour=13), tick=False)
        for token in (first, second):
            collected.add_response(post("token/refresh/", {"refresh_token": token}))
        collected.add_response(get("/who/", access))
        collected.add_stored()
        assert collected.leaks() == set()
        assert "reused: session revoked" in collected.text_of("log")
        assert "access token rejected: expired" in collected.text_of("log")

    @pytest.mark.attack(174)
    @pytest.mark.parametrize("collected", canary_project.KEYS, indirect=True)
    def test_invalid_settings_leak_no_secret(self, collected, settings):
        access, token = canary_project.sign_in(collected)
        valid = settings.TOKENAUTH
        key = valid.get("SIGNING_KEY", canary_project.SECRET_KEY)
        collected.secrets.add_key("misplaced key", json.dumps(canary_project.RSA))
        for invalid in (
            {"ALGORITHM": "HS512", "SIGNING_KEY": key},
            {"ALGORITHM": "ES256", "SIGNING_KEY": key},
            {"ALGORITHM": key, "ISSUER": [key], "LEEWAY": key, "SCOPES": key},
            {"SIGNING_KEYS": key},
            {"VERIFYING_KEYS": key},
            {
                "VERIFYING_KEYS": [
                    key,
                    json.dumps({**canary_project.RSA, "alg": "none"}),
                    {**canary_project.RSA, "kid": 7},
                ]
            },
            {"EXTRA_CLAIMS": key if isinstance(key, str) else "json.loads"},
            {"SIGNING_KEY": json.dumps(canary_project.RSA)[:-9]},
            {"SIGNING_KEY": canary_project.SECRET_KEY[:20]},
            key,
        ):
            settings.TOKENAUTH = invalid
            collected.add_response(post("token/", canary_project.CREDENTIALS))
            collected.add_response(post("token/refresh/", {"refresh_token": token}))
            collected.add_response(post("token/revoke/", {"token": token}))
            collected.add_response(get("/who/", access))
            collected.add("check", *(repr(vars(problem)) for problem in run_checks()))
            try:
                access_keys(conf.load())
            except ImproperlyConfigured as error:
                collected.add_exception(error)
        assert collected.leaks() == set()
        assert "TOKENAUTH cannot be used" in collected.text_of("log")

    @pytest.mark.promise(24)
    @pytest.mark.standard("rfc6749-10.3-1", "rfc9700-4.9.3-1")
    def test_server_error_reports_leak_no_secret(self, collected, settings):
        """Django's error reports contain the variables of all frames."""
        access, token = canary_project.sign_in(collected)
        settings.DATABASE_ROUTERS = [BrokenRouter()]
        body = canary_project.CREDENTIALS
        form = f"username=alice&password={canary_project.PASSWORD}"
        for response in (
            post("token/", body),
            post("token/", form, FORM),
            post("token/", {**body, "scope": "notes:read", "client_id": "app"}),
            post("token/", {**body, "refresh_token": token}),
            post("token/", f"{form}&refresh_token={token}", FORM),
            post("token/refresh/", {"refresh_token": token}),
            post("token/refresh/", f"refresh_token={token}", FORM),
            post("token/verify/", {"token": access}),
            post("token/revoke/", {"token": access}),
            post("token/revoke/", f"token={token}", FORM),
            get("/who/", access),
            get("/auth/sessions/", access),
            call("DELETE", "/auth/sessions/", access),
        ):
            assert collected.add_response(response).status_code == FAILED
        settings.DATABASE_ROUTERS = []
        settings.TOKENAUTH = {**settings.TOKENAUTH, "EXTRA_CLAIMS": lambda *arguments: 1 / 0}
        for response in (
            post("token/", body),
            post("token/", {**body, "refresh_token": token}),
            post("token/refresh/", {"refresh_token": token}),
        ):
            assert collected.add_response(response).status_code == FAILED
        assert collected.leaks() == set()
        assert collected.text_of("report").count("RuntimeError") > 13
        assert "ZeroDivisionError" in collected.text_of("report")

    def test_failing_service_calls_leak_no_secret(self, collected, settings):
        access, token = canary_project.sign_in(collected)
        settings.DATABASE_ROUTERS = [BrokenRouter()]
        settings.AUTHENTICATION_BACKENDS = ["tests.support.broken.BrokenBackend"]
        for failing_call in (
            lambda: services.check_password(None, "alice", canary_project.PASSWORD),
            lambda: services.refresh(token),
            lambda: services.revoke_token(token),
            lambda: services.revoke_token(access),
        ):
            with pytest.raises(RuntimeError) as caught:
                failing_call()
            # Skip the frames of this test.
            inner = caught.tb.tb_next.tb_next
            reporter = ExceptionReporter(None, caught.type, caught.value, inner, is_email=True)
            collected.add("report", reporter.get_traceback_html())
        assert collected.leaks() == set()
        assert collected.text_of("report").count("django_tokenauth") > 3

    @pytest.mark.promise(24)
    def test_admin_pages_leak_no_secret(self, collected, admin_client):
        token, _ = canary_project.sign_in(collected)
        canary_project.sign_in(collected, device_name="wheelbarrow")
        collected.add_response(call("DELETE", "/auth/sessions/?keep=current", token))
        pages = "/admin/django_tokenauth/session/"
        paths = [pages, f"{pages}?q=lamp", f"{pages}?status=inactive"]
        for session in Session.objects.all():
            paths += [f"{pages}{session.pk}/change/", f"{pages}{session.pk}/history/"]
        for path in paths:
            response = admin_client.get(path)
            assert response.status_code == OK
            collected.add("admin", response.content.decode(), repr(response.context))
        assert collected.leaks() == set()
        assert "wheelbarrow" in collected.text_of("admin")

    def test_failing_signal_receivers_leak_no_secret(self, collected):
        def fail(**keywords):
            raise LookupError("a receiver")

        for name in SIGNALS:
            getattr(signals, name).connect(fail)
        user_logged_in.connect(fail)
        try:
            body = {**canary_project.CREDENTIALS, "device_name": "lamp"}
            assert collected.add_response(post("token/", body)).status_code == FAILED
            user_logged_in.disconnect(fail)
            _, token = canary_project.sign_in(collected)
            _, token = canary_project.refresh(collected, token)
            collected.add_response(post("token/revoke/", {"token": token}))
        finally:
            user_logged_in.disconnect(fail)
            for name in SIGNALS:
                getattr(signals, name).disconnect(fail)
        assert collected.leaks() == set()
        assert collected.text_of("log").count("LookupError") > 3
        assert "LookupError" in collected.text_of("report")


@pytest.mark.attack(173)
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("collected", KEY_KINDS[:1], indirect=True)
def test_unavailable_database_leaks_no_secret(collected):
    access, token = canary_project.sign_in(collected)
    requests = (
        lambda: post("token/", canary_project.CREDENTIALS),
        lambda: post("token/refresh/", {"refresh_token": token}),
        lambda: post("token/verify/", {"token": access}),
        lambda: post("token/revoke/", {"token": token}),
        lambda: get("/who/", access),
        lambda: call("DELETE", "/auth/sessions/", access),
    )
    for request in requests:
        with unreadable(Session):
            response = request()
        assert collected.add_response(response).status_code == HTTPStatus.SERVICE_UNAVAILABLE
    assert collected.leaks() == set()
    assert "database error" in collected.text_of("log")


@pytest.mark.attack(173)
@pytest.mark.parametrize("collected", KEY_KINDS[1:], indirect=True)
def test_debug_page_shows_no_signing_key(collected, settings):
    """With ``DEBUG``, Django shows sensitive variables to developers, but no signing key."""
    access, token = canary_project.sign_in(collected)
    settings.DEBUG = True
    settings.DATABASE_ROUTERS = [BrokenRouter()]
    for response in (
        post("token/", canary_project.CREDENTIALS),
        post("token/refresh/", {"refresh_token": token}),
        post("token/verify/", {"token": access}),
        get("/who/", access),
    ):
        assert response.status_code == FAILED
        collected.add("page", response.content.decode())
    assert "RuntimeError" in collected.text_of("page")
    leaks = {name for place, name in collected.leaks() if place == "page"}
    assert leaks == {"password", "token"}
