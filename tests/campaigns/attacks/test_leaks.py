"""No password, no token and no key stands in anything that the app writes, shows or keeps.

Secrets that can be recognized go through everything that the app does, well and badly. Then all
that came out of it is searched for them, in every spelling.
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


#: The others are in question where keys are read, and where they are printed.
TWO = ("a key derived from SECRET_KEY", "a PEM")


@pytest.fixture(params=TWO)
def collected(request, settings, time_machine, db):
    """What comes out of the mine, with each kind of key."""
    time_machine.move_to(NOW, tick=False)
    values, keys = canary_project.KEYS[request.param]
    settings.SECRET_KEY = canary_project.SECRET_KEY
    settings.TOKENAUTH = canary_project.settings_with(values)
    canary_project.alice()
    with collecting(canary_project.secrets_of(keys)) as collected:
        yield collected


@pytest.mark.attack(173)
class TestNowhere:
    @pytest.mark.standard("rfc6749-10.3-1")
    def test_where_all_goes_well(self, collected):
        access, token = canary_project.sign_in(collected, scope="notes:read")
        whole, _ = canary_project.sign_in(collected)
        for path in ("/who/", "/who/stateless/", "/open/", "/notes/"):
            assert collected.answer(get(path, access)).status_code == OK
        for accept in ("application/json", "text/html"):
            for path in ("/who/", "/auth/sessions/"):
                answer = collected.answer(get(path, whole, Accept=accept))
                assert answer.status_code == OK
        _, token = canary_project.refresh(collected, token, scope="notes:read")
        assert collected.answer(post("token/verify/", {"token": whole})).json()["active"]
        collected.answer(post("token/revoke/", {"token": token}))
        collected.answer(call("DELETE", "/auth/sessions/", whole))
        collected.stored()
        assert collected.leaks() == set()
        for place in ("answer", "log", "signal", "statement", "database", "cache"):
            assert collected.said(place)

    def test_where_a_sign_in_is_refused(self, collected, settings):
        password = canary_project.PASSWORD
        for body in (
            {"username": "alice", "password": canary_project.GUESS},
            {"username": "nobody", "password": password},
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
            assert collected.answer(post("token/", body)).status_code == HTTPStatus.BAD_REQUEST
        form = f"username=alice&password={password}&password={password}"
        for content_type in (FORM, "text/plain", "multipart/form-data; boundary=x"):
            collected.answer(post("token/", form, content_type))
        settings.TOKENAUTH = {**settings.TOKENAUTH, "SIGN_IN_RATE_USER": "1/hour"}
        for _ in range(2):
            answer = collected.answer(
                post("token/", {"username": "alice", "password": canary_project.GUESS})
            )
        assert answer.status_code == HTTPStatus.TOO_MANY_REQUESTS
        collected.stored()
        assert collected.leaks() == set()
        assert "sign-in throttled" in collected.said("log")

    def test_where_a_token_is_refused(self, collected, time_machine):
        access, first = canary_project.sign_in(collected)
        _, second = canary_project.refresh(collected, first)
        bad = [
            canary_project.tampered(collected, access),
            canary_project.tampered(collected, first),
            first,
            f"{access} ",
            f"{access}.",
            access[:-4],
            f"{access}\x00",
            f'{access}"',
        ]
        for token in bad:
            for path in ("/who/", "/who/stateless/", "/open/", "/auth/sessions/"):
                for accept in ("application/json", "text/html"):
                    answer = collected.answer(get(path, token, Accept=accept))
                    assert answer.status_code == HTTPStatus.UNAUTHORIZED
            collected.answer(post("token/verify/", {"token": token + "x"}))
            collected.answer(post("token/revoke/", {"token": token + "x"}))
            collected.answer(post("token/refresh/", {"refresh_token": token + "x"}))
        # Where no token belongs.
        for parameters in ({"token": [access]}, {"token": {access: 1}}, {"refresh_token": access}):
            collected.answer(post("token/verify/", parameters))
            collected.answer(post("token/refresh/", parameters))
        collected.answer(get("/who/", **{"X-Token": access}))
        for body in ({"client_id": "another"}, {"scope": "unknown"}, {"scope": [second]}):
            collected.answer(post("token/refresh/", {"refresh_token": second, **body}))
        # The one before the last comes again, too late.
        time_machine.move_to(NOW.replace(hour=13), tick=False)
        for token in (first, second):
            collected.answer(post("token/refresh/", {"refresh_token": token}))
        collected.answer(get("/who/", access))
        collected.stored()
        assert collected.leaks() == set()
        assert "reused: session revoked" in collected.said("log")
        assert "access token rejected: expired" in collected.said("log")

    @pytest.mark.attack(174)
    @pytest.mark.parametrize("collected", canary_project.KEYS, indirect=True)
    def test_where_the_settings_are_wrong(self, collected, settings):
        access, token = canary_project.sign_in(collected)
        good = settings.TOKENAUTH
        key = good.get("SIGNING_KEY", canary_project.SECRET_KEY)
        collected.secrets.add_key("a key in the wrong place", json.dumps(canary_project.RSA))
        for wrong in (
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
            settings.TOKENAUTH = wrong
            collected.answer(post("token/", canary_project.WHO))
            collected.answer(post("token/refresh/", {"refresh_token": token}))
            collected.answer(post("token/revoke/", {"token": token}))
            collected.answer(get("/who/", access))
            collected.add("check", *(repr(vars(problem)) for problem in run_checks()))
            try:
                access_keys(conf.load())
            except ImproperlyConfigured as error:
                collected.error(error)
        assert collected.leaks() == set()
        assert "TOKENAUTH cannot be used" in collected.said("log")

    @pytest.mark.promise(24)
    @pytest.mark.standard("rfc6749-10.3-1")
    def test_where_the_server_fails(self, collected, settings):
        """In Django's reports, which have the variables of all functions that were at work."""
        access, token = canary_project.sign_in(collected)
        settings.DATABASE_ROUTERS = [BrokenRouter()]
        body = canary_project.WHO
        form = f"username=alice&password={canary_project.PASSWORD}"
        for answer in (
            post("token/", body),
            post("token/", form, FORM),
            post("token/", {**body, "scope": "notes:read", "client_id": "app"}),
            post("token/refresh/", {"refresh_token": token}),
            post("token/refresh/", f"refresh_token={token}", FORM),
            post("token/verify/", {"token": access}),
            post("token/revoke/", {"token": access}),
            post("token/revoke/", f"token={token}", FORM),
            get("/who/", access),
            get("/auth/sessions/", access),
            call("DELETE", "/auth/sessions/", access),
        ):
            assert collected.answer(answer).status_code == FAILED
        settings.DATABASE_ROUTERS = []
        settings.TOKENAUTH = {**settings.TOKENAUTH, "EXTRA_CLAIMS": lambda *given: 1 / 0}
        for answer in (post("token/", body), post("token/refresh/", {"refresh_token": token})):
            assert collected.answer(answer).status_code == FAILED
        assert collected.leaks() == set()
        assert collected.said("report").count("RuntimeError") > 11
        assert "ZeroDivisionError" in collected.said("report")

    def test_where_the_project_calls_the_services_itself(self, collected, settings):
        access, token = canary_project.sign_in(collected)
        settings.DATABASE_ROUTERS = [BrokenRouter()]
        settings.AUTHENTICATION_BACKENDS = ["tests.support.broken.BrokenBackend"]
        for call_it in (
            lambda: services.check_password(None, "alice", canary_project.PASSWORD),
            lambda: services.refresh(token),
            lambda: services.revoke_token(token),
            lambda: services.revoke_token(access),
        ):
            with pytest.raises(RuntimeError) as caught:
                call_it()
            # Without the frames of this test, which is not the one in question.
            inner = caught.tb.tb_next.tb_next
            reporter = ExceptionReporter(None, caught.type, caught.value, inner, is_email=True)
            collected.add("report", reporter.get_traceback_html())
        assert collected.leaks() == set()
        assert collected.said("report").count("django_tokenauth") > 3

    @pytest.mark.promise(24)
    def test_on_the_pages_of_the_admin(self, collected, admin_client):
        token, _ = canary_project.sign_in(collected)
        canary_project.sign_in(collected, device_name="wheelbarrow")
        collected.answer(call("DELETE", "/auth/sessions/?keep=current", token))
        pages = "/admin/django_tokenauth/session/"
        paths = [pages, f"{pages}?q=lamp", f"{pages}?status=ended"]
        for session in Session.objects.all():
            paths += [f"{pages}{session.pk}/change/", f"{pages}{session.pk}/history/"]
        for path in paths:
            answer = admin_client.get(path)
            assert answer.status_code == OK
            collected.add("admin", answer.content.decode(), repr(answer.context))
        assert collected.leaks() == set()
        assert "wheelbarrow" in collected.said("admin")

    def test_where_receivers_of_the_project_fail(self, collected):
        def fail(**keywords):
            raise LookupError("a receiver")

        for name in SIGNALS:
            getattr(signals, name).connect(fail)
        user_logged_in.connect(fail)
        try:
            body = {**canary_project.WHO, "name": "lamp"}
            assert collected.answer(post("token/", body)).status_code == FAILED
            user_logged_in.disconnect(fail)
            _, token = canary_project.sign_in(collected)
            _, token = canary_project.refresh(collected, token)
            collected.answer(post("token/revoke/", {"token": token}))
        finally:
            user_logged_in.disconnect(fail)
            for name in SIGNALS:
                getattr(signals, name).disconnect(fail)
        assert collected.leaks() == set()
        assert collected.said("log").count("LookupError") > 3
        assert "LookupError" in collected.said("report")


@pytest.mark.attack(173)
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("collected", TWO[:1], indirect=True)
def test_nor_where_the_database_does_not_answer(collected):
    access, token = canary_project.sign_in(collected)
    requests = (
        lambda: post("token/", canary_project.WHO),
        lambda: post("token/refresh/", {"refresh_token": token}),
        lambda: post("token/verify/", {"token": access}),
        lambda: post("token/revoke/", {"token": token}),
        lambda: get("/who/", access),
        lambda: call("DELETE", "/auth/sessions/", access),
    )
    for request in requests:
        with unreadable(Session):
            answer = request()
        assert collected.answer(answer).status_code == HTTPStatus.SERVICE_UNAVAILABLE
    assert collected.leaks() == set()
    assert "database error" in collected.said("log")


@pytest.mark.attack(173)
@pytest.mark.parametrize("collected", TWO[1:], indirect=True)
def test_not_even_keys_stand_on_the_page_that_django_shows_to_developers(collected, settings):
    """With ``DEBUG`` Django shows the variables of all functions, also those that are marked as
    sensitive. That page is for who writes the project; but a key is for nobody."""
    access, token = canary_project.sign_in(collected)
    settings.DEBUG = True
    settings.DATABASE_ROUTERS = [BrokenRouter()]
    for answer in (
        post("token/", canary_project.WHO),
        post("token/refresh/", {"refresh_token": token}),
        post("token/verify/", {"token": access}),
        get("/who/", access),
    ):
        assert answer.status_code == FAILED
        collected.add("page", answer.content.decode())
    assert "RuntimeError" in collected.said("page")
    leaks = {name for place, name in collected.leaks() if place == "page"}
    assert leaks == {"password", "token"}
