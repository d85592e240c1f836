"""No response, log line, report or row contains a client secret or an introspected token."""

from __future__ import annotations

from http import HTTPStatus
from urllib.parse import quote_plus, urlencode

import pytest
from django.core.checks import run_checks

from django_tokenauth.conf.settings import load
from django_tokenauth.services.clients import encode_secret
from tests.campaigns.attacks import canary_project
from tests.campaigns.attacks.canaries import collecting
from tests.support.client import FORM, post
from tests.support.clock import NOW
from tests.support.confidential_clients import basic, clients_setting
from tests.support.reports import BrokenRouter
from tests.support.service_accounts import assertion_claims, public_jwk, sign, with_assertion

OK, FAILED = HTTPStatus.OK, HTTPStatus.INTERNAL_SERVER_ERROR
SECRET = "a client's secret to be found: 4713+%"
GUESS = "a client's guess that is nearly right: 4714+%"
PATHS = ("token/", "token/refresh/", "token/revoke/", "token/introspect/")


@pytest.fixture
def collected(settings, time_machine, db):
    time_machine.move_to(NOW, tick=False)
    settings.SECRET_KEY = canary_project.SECRET_KEY
    settings.TOKENAUTH = {
        **canary_project.settings_with({}),
        "CLIENTS": clients_setting(reports=SECRET),
    }
    canary_project.create_alice()
    secrets = canary_project.secrets_of([])
    for name, secret in (("client secret", SECRET), ("guess", GUESS)):
        for encoded in (secret, quote_plus(secret)):
            secrets.add(name, encoded)
            secrets.add(name, f"reports:{encoded}")
    with collecting(secrets) as collected:
        yield collected


def credentials(secret):
    """Yield the body and headers of each method to send the secret."""
    pair = {"client_id": "reports", "client_secret": secret}
    yield pair, {}
    for encoded in (secret, quote_plus(secret)):
        yield {}, {"Authorization": basic("reports", encoded)}
        yield {"client_id": "reports"}, {"Authorization": basic("reports", encoded)}


def send_all(collected, tokens, secret):
    """Yield the response of each endpoint to each method, in JSON and in a form."""
    parameters = {**canary_project.CREDENTIALS, "refresh_token": tokens[1], "token": tokens[0]}
    for body, headers in credentials(secret):
        for path in PATHS[:2] + PATHS[3:]:
            yield collected.add_response(
                post(path, {**parameters, **body}, **headers), is_secret=True
            )
            form = urlencode({**parameters, **body})
            yield collected.add_response(post(path, form, FORM, **headers), is_secret=True)


@pytest.mark.attack(173)
class TestClientSecrets:
    def test_authenticated_clients_leak_no_secret(self, collected):
        tokens = canary_project.sign_in(collected, client_id="reports", client_secret=SECRET)
        responses = list(send_all(collected, tokens, SECRET))
        assert {response.status_code for response in responses} == {OK}
        for response in responses:
            for name in ("access_token", "refresh_token"):
                if name in response.json():
                    collected.secrets.add_token(response.json()[name])
        token = {"token": tokens[1]}
        for secret in (GUESS, SECRET):
            collected.add_response(
                post("token/revoke/", token, Authorization=basic("reports", secret))
            )
        collected.add_stored()
        assert collected.leaks() == set()
        for place in ("response", "log", "database", "cache"):
            assert collected.text_of(place)

    def test_rejected_clients_leak_no_secret(self, collected, settings):
        tokens = canary_project.sign_in(collected, client_id="reports", client_secret=SECRET)
        settings.TOKENAUTH = {**settings.TOKENAUTH, "SIGN_IN_RATE_IP": "8/min"}
        statuses = {response.status_code for response in send_all(collected, tokens, GUESS)}
        assert statuses == {401, 429}
        for body in (
            {"client_id": "reports", "client_secret": [SECRET]},
            {"client_id": SECRET, "client_secret": SECRET * 200},
            {"client_id": [SECRET]},
            {"client_secret": SECRET},
            {"client_id": "reports", "client_secret": f"{SECRET}\n"},
        ):
            for path in PATHS:
                collected.add_response(
                    post(path, {**canary_project.CREDENTIALS, "token": "x", **body})
                )
        for header in (
            basic("reports", f"{SECRET}\0"),
            basic(SECRET, GUESS),
            f"Basic {SECRET}",
            f"{basic('reports', SECRET)}!",
        ):
            for path in PATHS:
                collected.add_response(
                    post(path, {**canary_project.CREDENTIALS, "token": "x"}, Authorization=header)
                )
        collected.add_stored()
        assert collected.leaks() == set()
        for line in ("client rejected", "client throttled"):
            assert line in collected.text_of("log")

    def test_server_errors_leak_no_client_secret(self, collected, settings):
        tokens = canary_project.sign_in(collected, client_id="reports", client_secret=SECRET)
        settings.DATABASE_ROUTERS = [BrokenRouter()]
        responses = list(send_all(collected, tokens, SECRET))
        assert {response.status_code for response in responses} == {FAILED}
        settings.DATABASE_ROUTERS = []
        settings.TOKENAUTH = {**settings.TOKENAUTH, "CLIENTS": {"reports": f"{SECRET}$"}}
        responses = list(send_all(collected, tokens, SECRET))
        assert {response.status_code for response in responses} == {HTTPStatus.SERVICE_UNAVAILABLE}
        collected.add("check", *(repr(vars(problem)) for problem in run_checks()))
        assert collected.leaks() == set()
        assert "RuntimeError" in collected.text_of("report")
        assert "tokenauth_client" in collected.text_of("check")


@pytest.mark.attack(173)
class TestServiceAccounts:
    def test_service_accounts_leak_no_secret_and_no_assertion(self, collected, settings):
        entry = {"secrets": [encode_secret(SECRET)], "scopes": [], "jwks": [public_jwk()]}
        settings.TOKENAUTH = {**settings.TOKENAUTH, "CLIENTS": {"reports": entry}}
        issuer = load().issuer
        now = int(NOW.timestamp())
        times = {"exp": now + 60, "iat": now}
        assertions = [
            sign(assertion_claims("reports", aud=issuer, **times)),
            sign(assertion_claims("reports", aud="https://other.example.com", **times)),
            sign(assertion_claims("another", aud=issuer, **times)),
        ]
        statuses = []
        for assertion in assertions:
            collected.secrets.add_token(assertion)
            for _ in range(2):
                response = with_assertion("token/", assertion, grant_type="client_credentials")
                statuses.append(response.status_code)
                collected.add_response(response, is_secret=response.status_code == OK)
        assert statuses == [200, 401, 401, 401, 401, 401]
        for body, headers in credentials(SECRET):
            sent = {**body, "grant_type": "client_credentials"}
            response = collected.add_response(post("token/", sent, **headers), is_secret=True)
            assert response.status_code == OK
            collected.secrets.add_token(response.json()["access_token"])
        collected.add_stored()
        assert collected.leaks() == set()
        assert "client rejected: assertion" in collected.text_of("log")
