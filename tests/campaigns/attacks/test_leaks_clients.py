"""No response, log line, report or row contains a client secret or an introspected token."""

from __future__ import annotations

from http import HTTPStatus
from urllib.parse import quote_plus, urlencode

import pytest
from django.core.checks import run_checks

from tests.campaigns.attacks import canary_project
from tests.campaigns.attacks.canaries import collecting
from tests.support.client import FORM, post
from tests.support.clock import NOW
from tests.support.confidential_clients import basic, listed
from tests.support.reports import BrokenRouter

OK, FAILED = HTTPStatus.OK, HTTPStatus.INTERNAL_SERVER_ERROR
SECRET = "a client's secret to be found: 4713+%"
GUESS = "a client's guess that is nearly right: 4714+%"
PATHS = ("token/", "token/refresh/", "token/revoke/", "token/introspect/")


@pytest.fixture
def collected(settings, time_machine, db):
    time_machine.move_to(NOW, tick=False)
    settings.SECRET_KEY = canary_project.SECRET_KEY
    settings.TOKENAUTH = {**canary_project.settings_with({}), "CLIENTS": listed(reports=SECRET)}
    canary_project.alice()
    secrets = canary_project.secrets_of([])
    for name, secret in (("client secret", SECRET), ("guess", GUESS)):
        for spelled in (secret, quote_plus(secret)):
            secrets.add(name, spelled)
            secrets.add(name, f"reports:{spelled}")
    with collecting(secrets) as collected:
        yield collected


def ways(secret):
    """Yield the body and headers of each method to send the secret."""
    pair = {"client_id": "reports", "client_secret": secret}
    yield pair, {}
    for spelled in (secret, quote_plus(secret)):
        yield {}, {"Authorization": basic("reports", spelled)}
        yield {"client_id": "reports"}, {"Authorization": basic("reports", spelled)}


def ask_all(collected, tokens, secret):
    """Yield the response of each endpoint to each method, in JSON and in a form."""
    wanted = {**canary_project.WHO, "refresh_token": tokens[1], "token": tokens[0]}
    for body, headers in ways(secret):
        for path in PATHS[:2] + PATHS[3:]:
            yield collected.answer(post(path, {**wanted, **body}, **headers), is_secret=True)
            form = urlencode({**wanted, **body})
            yield collected.answer(post(path, form, FORM, **headers), is_secret=True)


@pytest.mark.attack(173)
class TestClientSecrets:
    def test_authenticated_requests_leak_no_secret(self, collected):
        tokens = canary_project.sign_in(collected, client_id="reports", client_secret=SECRET)
        answers = list(ask_all(collected, tokens, SECRET))
        assert {answer.status_code for answer in answers} == {OK}
        for answer in answers:
            for name in ("access_token", "refresh_token"):
                if name in answer.json():
                    collected.secrets.add_token(answer.json()[name])
        token = {"token": tokens[1]}
        for secret in (GUESS, SECRET):
            collected.answer(post("token/revoke/", token, Authorization=basic("reports", secret)))
        collected.stored()
        assert collected.leaks() == set()
        for place in ("answer", "log", "database", "cache"):
            assert collected.said(place)

    def test_rejected_requests_leak_no_secret(self, collected, settings):
        tokens = canary_project.sign_in(collected, client_id="reports", client_secret=SECRET)
        settings.TOKENAUTH = {**settings.TOKENAUTH, "SIGN_IN_RATE_IP": "8/min"}
        found = {answer.status_code for answer in ask_all(collected, tokens, GUESS)}
        assert found == {401, 429}
        for body in (
            {"client_id": "reports", "client_secret": [SECRET]},
            {"client_id": SECRET, "client_secret": SECRET * 200},
            {"client_id": [SECRET]},
            {"client_secret": SECRET},
            {"client_id": "reports", "client_secret": f"{SECRET}\n"},
        ):
            for path in PATHS:
                collected.answer(post(path, {**canary_project.WHO, "token": "x", **body}))
        for header in (
            basic("reports", f"{SECRET}\0"),
            basic(SECRET, GUESS),
            f"Basic {SECRET}",
            f"{basic('reports', SECRET)}!",
        ):
            for path in PATHS:
                collected.answer(
                    post(path, {**canary_project.WHO, "token": "x"}, Authorization=header)
                )
        collected.stored()
        assert collected.leaks() == set()
        for line in ("client refused", "client throttled"):
            assert line in collected.said("log")

    def test_server_errors_leak_no_secret(self, collected, settings):
        tokens = canary_project.sign_in(collected, client_id="reports", client_secret=SECRET)
        settings.DATABASE_ROUTERS = [BrokenRouter()]
        answers = list(ask_all(collected, tokens, SECRET))
        assert {answer.status_code for answer in answers} == {FAILED}
        settings.DATABASE_ROUTERS = []
        settings.TOKENAUTH = {**settings.TOKENAUTH, "CLIENTS": {"reports": f"{SECRET}$"}}
        answers = list(ask_all(collected, tokens, SECRET))
        assert {answer.status_code for answer in answers} == {HTTPStatus.SERVICE_UNAVAILABLE}
        collected.add("check", *(repr(vars(problem)) for problem in run_checks()))
        assert collected.leaks() == set()
        assert "RuntimeError" in collected.said("report")
        assert "tokenauth_client" in collected.said("check")
