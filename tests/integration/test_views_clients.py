"""Client authentication at each endpoint that has it (RFC 6749 section 2.3)."""

from __future__ import annotations

import ast
from io import StringIO
from urllib.parse import quote_plus, urlencode

import pytest
from django.contrib.auth.signals import user_login_failed
from django.core.management import call_command

from django_tokenauth.models import Session
from django_tokenauth.services.clients import encode_secret
from tests.support.client import (
    ALL_PARAMETERS,
    BARE,
    BASIC,
    DIFFERENT_IDS,
    FORM,
    INVALID_CLIENT,
    JSON,
    ONE_METHOD,
    UNAVAILABLE,
    WITHOUT_ID,
    get,
    log_messages,
    malformed,
    post,
    sign_in,
    status_and_json,
)
from tests.support.confidential_clients import SECRETS, basic, clients_setting
from tests.support.guessing import count_hash_rounds
from tests.support.reports import server_errors
from tests.support.signal_capture import received
from tests.support.unsaved import issue_tokens

PATHS = ("token/", "token/refresh/", "token/revoke/", "token/introspect/")
ALL_ENDPOINTS = pytest.mark.parametrize("path", PATHS)
SECRET = SECRETS["reports"]
BODY = {"client_id": "reports", "client_secret": SECRET}
GUESS = "correct batterz"


@pytest.fixture(autouse=True)
def _clients(settings):
    settings.TOKENAUTH = {"CLIENTS": clients_setting()}


@pytest.fixture
def parameters(alice):
    """Return the other parameters of each endpoint, with tokens of the client *reports*."""
    tokens = sign_in(**BODY)
    return {
        "username": "alice",
        "password": "correct horse",
        "refresh_token": tokens["refresh_token"],
        "token": tokens["access_token"],
    }


def is_invalid_client(response, path):
    challenge = f"{BASIC}, {BARE}" if path == "token/introspect/" else BASIC
    return (
        status_and_json(response) == (401, INVALID_CLIENT)
        and response.headers["WWW-Authenticate"] == challenge
        and response.headers["Cache-Control"] == "no-store"
    )


@ALL_ENDPOINTS
class TestAuthenticated:
    @pytest.mark.standard("rfc6749-2.3.1-2")
    @pytest.mark.parametrize(("content_type", "write"), [(JSON, dict), (FORM, urlencode)])
    def test_client_secret_in_the_body_authenticates_the_client(
        self, parameters, path, content_type, write
    ):
        assert post(path, write({**parameters, **BODY}), content_type).status_code == 200

    @pytest.mark.standard("rfc6749-2.3.1-1", "rfc9700-2.5-1")
    def test_client_secret_in_the_header_authenticates_the_client(self, parameters, path):
        assert post(path, parameters, Authorization=basic("reports")).status_code == 200

    def test_header_secret_with_client_id_in_the_body_is_accepted(self, parameters, path):
        body = {**parameters, "client_id": "reports", "client_secret": ""}
        assert post(path, body, Authorization=basic("reports")).status_code == 200

    @pytest.mark.standard("rfc6749-2.3.1-1", "rfc9700-2.5-1")
    @pytest.mark.parametrize("client_id", ["reports", "re:ports 50%"])
    @pytest.mark.parametrize("encode", [str, quote_plus])
    def test_client_credentials_in_the_header_may_be_form_encoded(
        self, alice, settings, path, client_id, encode
    ):
        if encode is str and ":" in client_id:
            client_id = client_id.replace(":", "")
        settings.TOKENAUTH = {"CLIENTS": clients_setting(**{client_id: "a+b%20c: \xe9"})}
        whole = {"client_id": client_id, "client_secret": "a+b%20c: \xe9"}
        tokens = sign_in(**whole)
        parameters = {
            "username": "alice",
            "password": "correct horse",
            "refresh_token": tokens["refresh_token"],
            "token": tokens["access_token"],
        }
        header = basic(encode(client_id), encode(whole["client_secret"]))
        assert post(path, parameters, Authorization=header).status_code == 200


@ALL_ENDPOINTS
@pytest.mark.attack(126)
class TestNotAuthenticated:
    """Requests that are valid but for their client are rejected without a statement."""

    @pytest.fixture
    def parameters(self):
        tokens = issue_tokens("reports")
        return {
            "username": "alice",
            "password": "correct horse",
            "refresh_token": tokens.refresh_token,
            "token": tokens.access_token,
        }

    @pytest.mark.standard(
        "rfc6749-10.2-1",
        "rfc6749-2.2-1",
        "rfc6749-3.2.1-1",
        "rfc6749-4.3.2-4",
        "rfc6749-5.2-5",
        "rfc6749-6-5",
        "rfc7009-2.1-4",
        "rfc7662-2.3-1",
    )
    @pytest.mark.parametrize(
        "body",
        [
            {"client_id": "reports"},
            {"client_id": "reports", "client_secret": ""},
            {"client_id": "reports", "client_secret": "wrong"},
            {"client_id": "reports", "client_secret": SECRET.upper()},
            {"client_id": "reports", "client_secret": f" {SECRET}"},
            {"client_id": "reports", "client_secret": SECRETS["billing"]},
            {"client_id": "nobody", "client_secret": SECRET},
        ],
    )
    def test_wrong_client_secret_in_body_returns_invalid_client(self, parameters, path, body):
        response = post(path, {**parameters, **body})
        assert is_invalid_client(response, path)

    @pytest.mark.standard(
        "rfc6749-10.2-1",
        "rfc6749-3.2.1-1",
        "rfc6749-4.3.2-4",
        "rfc6749-5.2-5",
        "rfc6749-6-5",
        "rfc7009-2.1-4",
        "rfc7662-2.3-1",
    )
    @pytest.mark.parametrize(
        "header",
        [
            basic("reports", ""),
            basic("reports", "wrong"),
            basic("reports", SECRETS["billing"]),
            basic("nobody", SECRET),
            basic("", SECRET),
            *("Basic", "Basic x", "Basic \xe9", "basic eA=="),
        ],
    )
    def test_wrong_client_secret_in_header_returns_invalid_client(self, parameters, path, header):
        response = post(path, parameters, Authorization=header)
        assert is_invalid_client(response, path)

    @pytest.mark.standard("rfc6749-2.3-2")
    @pytest.mark.parametrize(
        ("header", "body", "expected"),
        [
            (basic("reports"), BODY, ONE_METHOD),
            (basic("reports"), {"client_secret": SECRET}, ONE_METHOD),
            (basic("reports"), {"client_id": "billing"}, DIFFERENT_IDS),
            (basic("reports"), {"client_id": "phone"}, DIFFERENT_IDS),
            (basic("phone", ""), {"client_id": "reports"}, DIFFERENT_IDS),
            ("", {"client_secret": SECRET}, WITHOUT_ID),
        ],
    )
    def test_conflicting_or_partial_client_credentials_return_400(
        self, parameters, path, header, body, expected
    ):
        """RFC 6749 section 2.3: one method in each request."""
        headers = {"Authorization": header} if header else {}
        response = post(path, {**parameters, **body}, **headers)
        assert status_and_json(response) == (400, expected)

    @pytest.mark.parametrize("field", ["client_id", "client_secret"])
    @pytest.mark.parametrize(
        "value", [None, 1, [SECRET], {"a": SECRET}, "a\0b", "a\nb", "x" * 4097]
    )
    def test_malformed_client_parameter_is_named_in_the_error(self, parameters, path, field, value):
        response = post(path, {**parameters, **BODY, field: value})
        assert status_and_json(response) == (400, malformed(field))

    @pytest.mark.standard("rfc6749-2.3.1-3")
    def test_client_secret_in_the_query_string_is_ignored(self, parameters, path):
        query = urlencode({"client_id": "reports", "client_secret": SECRET})
        parameters = {**parameters, "client_id": "reports"}
        assert is_invalid_client(post(f"{path}?{query}", parameters), path)

    def test_disabled_client_returns_invalid_client(self, parameters, path, settings):
        settings.TOKENAUTH = {"CLIENTS": {**clients_setting(), "reports": None}}
        for secret in ({}, {"client_secret": ""}, {"client_secret": SECRET}):
            response = post(path, {**parameters, "client_id": "reports", **secret})
            assert is_invalid_client(response, path)
        assert is_invalid_client(post(path, parameters, Authorization=basic("reports")), path)

    @pytest.mark.promise(18)
    @pytest.mark.parametrize(
        "value",
        [
            *("md5$salt$5f4dcc3b5aa765d61d8327deb882cf99", "!" + "x" * 40),
            *(SECRET, f"{encode_secret(SECRET)}0"),
        ],
    )
    def test_invalid_clients_setting_returns_503_and_is_logged(self, path, settings, caplog, value):
        settings.TOKENAUTH = {"CLIENTS": {**clients_setting(), "reports": value}}
        parameters = {"username": "x", "password": "x", "token": "x", "refresh_token": "x"}
        for client_id in SECRETS:
            pair = {"client_id": client_id, "client_secret": SECRETS[client_id]}
            assert status_and_json(post(path, {**parameters, **pair})) == (503, UNAVAILABLE)
        lines = log_messages(caplog, "CRITICAL")
        assert [line.partition(": ")[2][:14] for line in lines] == ["tokenauth.E008"] * 2
        assert "tokenauth_client" in lines[0]
        assert SECRET not in caplog.text


@ALL_ENDPOINTS
def test_client_secret_of_the_client_command_is_accepted(alice, settings, path):
    output = StringIO()
    call_command("tokenauth_client", "reports", stdout=output)
    _, secret, _, value = output.getvalue().splitlines()
    settings.TOKENAUTH = {"CLIENTS": ast.literal_eval(f"{{{value}}}")}
    pair = {"client_id": "reports", "client_secret": secret}
    tokens = sign_in(**pair)
    parameters = {
        **ALL_PARAMETERS,
        "refresh_token": tokens["refresh_token"],
        "token": tokens["access_token"],
    }
    assert post(path, {**parameters, **pair}).status_code == 200
    assert post(path, parameters, Authorization=basic("reports", secret)).status_code == 200
    assert is_invalid_client(post(path, {**parameters, **pair, "client_secret": value}), path)


class TestWithoutClients:
    """While no client has a secret, secrets are ignored.

    A proxy may require HTTP Basic itself and forward the header, as before many test servers.
    """

    @pytest.fixture(autouse=True)
    def _no_clients(self, settings):
        settings.TOKENAUTH = {"SIGN_IN_RATE_IP": "1/min"}

    @pytest.mark.parametrize(
        ("header", "body"),
        [
            (basic("staging", "secret"), {}),
            (basic("staging", "secret"), {"client_id": "phone"}),
            ("Basic x", {}),
            ("", {"client_id": "phone", "client_secret": "secret"}),
            ("", {"client_secret": "secret"}),
        ],
    )
    def test_client_secret_is_ignored_without_clients(self, alice, header, body):
        headers = {"Authorization": header} if header else {}
        password = {"username": "alice", "password": "correct horse"}
        for _ in range(3):
            response = post("token/", {**password, **body}, **headers)
            assert response.status_code == 200
            tokens = response.json()
            assert [
                post("token/refresh/", {**tokens, **body}, **headers).status_code,
                post("token/revoke/", {"token": tokens["refresh_token"]}, **headers).status_code,
                post("token/introspect/", {"token": "x", **body}, **headers).status_code,
            ] == [200, 200, 401]
        client_id = body.get("client_id", "django-tokenauth")
        assert set(Session.objects.values_list("client_id", flat=True)) == {client_id}


class TestSignIn:
    def client_of(self, tokens):
        return get("/auth/sessions/", tokens["access_token"]).json()[0]["client_id"]

    @pytest.mark.standard("rfc6749-2.2-1")
    @pytest.mark.parametrize("secret", [{}, {"client_secret": ""}])
    def test_client_id_without_a_secret_is_stored_in_the_session(self, alice, secret):
        assert self.client_of(sign_in(client_id="phone", **secret)) == "phone"

    @pytest.mark.parametrize("body", [{}, {"client_id": "phone"}])
    def test_client_id_without_a_secret_may_be_in_the_header(self, alice, body):
        body = {"username": "alice", "password": "correct horse", **body}
        response = post("token/", body, Authorization=basic("phone", ""))
        assert self.client_of(response.json()) == "phone"

    @pytest.mark.parametrize("header", ["Basic Og==", "Bearer x", "Token x"])
    def test_sign_in_header_without_client_id_stores_default_client(self, alice, header):
        body = {"username": "alice", "password": "correct horse"}
        response = post("token/", body, Authorization=header)
        assert self.client_of(response.json()) == "django-tokenauth"

    @pytest.mark.standard("rfc6749-10.4-4")
    def test_client_id_of_authenticated_client_is_in_the_session(self, alice):
        assert self.client_of(sign_in(**BODY)) == "reports"

    @pytest.mark.standard("rfc6749-4.3.2-4")
    def test_client_is_authenticated_before_the_password_check(self, alice, settings):
        rounds = count_hash_rounds(settings)
        body = {"username": "alice", "password": "wrong", "client_id": "reports"}
        with received(user_login_failed) as failures:
            assert is_invalid_client(post("token/", body), "token/")
        assert failures == []
        assert rounds == []
        assert not Session.objects.exists()

    def test_rejected_client_is_logged_without_its_id(self, caplog):
        caplog.set_level("INFO", "django_tokenauth")
        post("token/", {"username": "alice", "password": "x", "client_id": "reports"})
        assert log_messages(caplog) == ["client rejected"]


@pytest.mark.attack(173)
@ALL_ENDPOINTS
@pytest.mark.parametrize("location", ["body", "header"])
def test_report_of_a_server_error_contains_no_client_secret(settings, path, location):
    """Django mails this report with the variables of all functions to ``ADMINS``."""
    parameters = {"username": "x", "password": "x", "token": "x", "refresh_token": "x"}
    # The throttle reads this invalid setting of REST framework.
    settings.REST_FRAMEWORK = {"NUM_PROXIES": "one"}
    headers = {"X-Forwarded-For": "192.0.2.1"}
    if location == "header":
        headers["Authorization"] = basic("reports", GUESS)
    else:
        parameters |= {"client_id": "reports", "client_secret": GUESS}
    with server_errors() as reports:
        assert post(path, parameters, **headers).status_code == 500
    [report] = reports
    assert "TypeError" in report
    assert "client_authentication.py" in report
    assert GUESS not in report
    assert basic("reports", GUESS).removeprefix("Basic ") not in report
