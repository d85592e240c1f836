"""No exchanged or narrowed token, and no token of a step-up, appears in anything that the app
writes, shows or stores."""

from __future__ import annotations

from http import HTTPStatus

import pytest

from django_tokenauth import services
from django_tokenauth.errors import InvalidTarget
from django_tokenauth.services.clients import encode_secret
from tests.campaigns.attacks import canary_project
from tests.campaigns.attacks.canaries import collecting
from tests.support.client import get, post
from tests.support.clock import NOW, after
from tests.support.confidential_clients import basic
from tests.support.reports import BrokenRouter

API, REPORTS = "https://api.example.com", "https://reports.example.com"
SECRET = "a client's secret to be found: 4715"
GRANT = {
    "grant_type": "urn:ietf:params:oauth:grant-type:token-exchange",
    "subject_token_type": "urn:ietf:params:oauth:token-type:access_token",
}
HEADERS = {"Authorization": basic("reports", SECRET)}


@pytest.fixture
def collected(settings, time_machine, db):
    time_machine.move_to(NOW, tick=False)
    settings.SECRET_KEY = canary_project.SECRET_KEY
    client = {"secrets": [encode_secret(SECRET)], "exchange": {REPORTS: [API]}}
    settings.TOKENAUTH = canary_project.settings_with(
        {
            "AUDIENCE": API,
            "AUDIENCES": {REPORTS: ["notes:read"]},
            "CLIENTS": {"reports": client},
        }
    )
    canary_project.create_alice()
    secrets = canary_project.secrets_of([])
    secrets.add("client secret", SECRET)
    secrets.add("client secret", f"reports:{SECRET}")
    with collecting(secrets) as collected:
        yield collected


def token_for_reports(collected):
    _, refresh_token = canary_project.sign_in(collected)
    return canary_project.refresh(collected, refresh_token, resource=REPORTS)[0]


def exchange(collected, token, **more):
    response = post("token/", {**GRANT, "subject_token": token, **more}, **HEADERS)
    is_secret = response.status_code == HTTPStatus.OK
    collected.add_response(response, is_secret=is_secret)
    if is_secret:
        collected.secrets.add_token(response.json()["access_token"])
    return response


@pytest.mark.attack(173)
class TestExchangeLeaks:
    def test_successful_exchange_leaks_no_token(self, collected):
        exchanged = exchange(collected, token_for_reports(collected)).json()["access_token"]
        collected.add_response(get("/who/", exchanged))
        collected.add_response(post("token/introspect/", {"token": exchanged}, **HEADERS))
        collected.add_stored()
        assert collected.leaks() == set()
        for place in ("response", "log", "database"):
            assert collected.text_of(place)

    def test_rejected_exchange_leaks_no_token(self, collected, time_machine):
        token = token_for_reports(collected)
        forged = canary_project.tampered(collected, token)
        own, refresh_token = canary_project.sign_in(collected)
        statuses = [
            exchange(collected, forged).status_code,
            exchange(collected, own).status_code,
            exchange(collected, refresh_token).status_code,
            exchange(collected, [token]).status_code,
            exchange(collected, token, scope=token).status_code,
            exchange(collected, token, resource=token).status_code,
            exchange(collected, token, audience=[token]).status_code,
            exchange(collected, token, requested_token_type=token).status_code,
            exchange(collected, token, actor_token=token).status_code,
        ]
        body = {**GRANT, "subject_token": token, "client_id": token, "client_secret": SECRET}
        statuses.append(collected.add_response(post("token/", body)).status_code)
        time_machine.move_to(after(days=1), tick=False)
        statuses.append(exchange(collected, token).status_code)
        assert set(statuses) == {400}
        collected.add_stored()
        assert collected.leaks() == set()

    def test_server_error_of_an_exchange_leaks_no_token(self, collected, settings):
        token = token_for_reports(collected)
        settings.DATABASE_ROUTERS = [BrokenRouter()]
        assert exchange(collected, token).status_code == HTTPStatus.INTERNAL_SERVER_ERROR
        settings.DATABASE_ROUTERS = []
        values = {**settings.TOKENAUTH, "EXTRA_CLAIMS": lambda *arguments: 1 / 0}
        settings.TOKENAUTH = values
        assert exchange(collected, token).status_code == HTTPStatus.INTERNAL_SERVER_ERROR
        assert collected.leaks() == set()
        assert "RuntimeError" in collected.text_of("report")
        assert "ZeroDivisionError" in collected.text_of("report")

    def test_narrowed_token_shows_nothing_of_itself(self, collected):
        access, _ = canary_project.sign_in(collected)
        issued = services.narrow(services.authenticate_access_token(access), scope=["notes:read"])
        collected.secrets.add_token(issued.access_token)
        claims = services.authenticate_access_token(issued.access_token)
        for value in (issued, claims):
            collected.add_object(value)
        with pytest.raises(InvalidTarget) as caught:
            services.narrow(claims, scope=["notes:write"], audience=issued.access_token)
        collected.add_exception(caught.value)
        assert collected.leaks() == set()


@pytest.mark.attack(173)
class TestStepUpLeaks:
    def test_step_up_leaks_no_token(self, collected):
        _, refresh_token = canary_project.sign_in(collected)
        canary_project.sign_in(collected, refresh_token=refresh_token)
        forged = canary_project.tampered(collected, refresh_token)
        for body in (
            {**canary_project.CREDENTIALS, "refresh_token": forged},
            {**canary_project.CREDENTIALS, "refresh_token": [refresh_token]},
            {**canary_project.CREDENTIALS, "password": "x", "refresh_token": refresh_token},
        ):
            assert collected.add_response(post("token/", body)).status_code == 400
        collected.add_stored()
        assert collected.leaks() == set()
