"""``grant_type=urn:ietf:params:oauth:grant-type:token-exchange`` at ``token/`` (RFC 8693)."""

from __future__ import annotations

import pytest

from django_tokenauth import services
from django_tokenauth.services.clients import encode_secret
from tests.support.client import (
    INVALID_CLIENT,
    UNSUPPORTED_GRANT_TYPE,
    malformed,
    post,
    status_and_json,
)
from tests.support.confidential_clients import basic, clients_setting

API, REPORTS = "https://api.example.com", "https://reports.example.com"
GRANT = "urn:ietf:params:oauth:grant-type:token-exchange"
ACCESS_TOKEN = "urn:ietf:params:oauth:token-type:access_token"
JWT = "urn:ietf:params:oauth:token-type:jwt"
SECRET = "correct battery"
REFRESH_TOKEN = "urn:ietf:params:oauth:token-type:refresh_token"


@pytest.fixture(autouse=True)
def _configure(settings):
    client = {"secrets": [encode_secret(SECRET)], "exchange": {REPORTS: [API]}}
    settings.TOKENAUTH = {
        "AUDIENCE": API,
        "SCOPES": ["notes:read", "reports:create"],
        "AUDIENCES": {REPORTS: ["notes:read", "reports:create"]},
        "CLIENTS": {**clients_setting(), "reports": client},
    }


@pytest.fixture
def token(alice):
    return services.sign_in(alice, audiences=[REPORTS, API]).access_token


def send(token, secret=SECRET, **changes):
    body = {"grant_type": GRANT, "subject_token": token, "subject_token_type": ACCESS_TOKEN}
    body = {name: value for name, value in {**body, **changes}.items() if value is not None}
    return post("token/", body, Authorization=basic("reports", secret))


class TestAccepted:
    @pytest.mark.standard("rfc8693-2.2.1-1", "rfc8693-2.2.1-2", "rfc9700-4.14.2-5")
    def test_response_has_the_members_of_the_rfc(self, token, alice):
        response = send(token)
        assert response.status_code == 200
        assert response.headers["Cache-Control"] == "no-store"
        body = response.json()
        assert body.keys() == {
            *("access_token", "issued_token_type", "token_type", "expires_in", "scope")
        }
        assert (body["issued_token_type"], body["token_type"]) == (ACCESS_TOKEN, "Bearer")
        claims = services.authenticate_access_token(body["access_token"])
        assert (claims.subject, claims.acting_clients) == (str(alice.pk), ("reports",))

    @pytest.mark.standard("rfc8693-2.1-1")
    @pytest.mark.parametrize("kind", [ACCESS_TOKEN, JWT])
    def test_types_of_access_tokens_are_accepted(self, token, kind):
        response = send(token, subject_token_type=kind, requested_token_type=kind)
        assert response.status_code == 200

    @pytest.mark.standard("rfc8693-2.2.1-3", "rfc8693-2.2.2-2")
    @pytest.mark.parametrize("name", ["resource", "audience"])
    def test_audience_and_scope_are_read(self, token, name):
        response = send(token, scope="notes:read", **{name: API})
        assert response.json()["scope"] == "notes:read"
        response = send(token, **{name: REPORTS})
        assert (response.status_code, response.json()["error"]) == (400, "invalid_target")


class TestWithoutAudiences:
    @pytest.fixture(autouse=True)
    def _configure(self, settings, _configure):
        client = {"secrets": [encode_secret(SECRET)], "exchange": {API: [API]}}
        clients = {**clients_setting(), "reports": client}
        settings.TOKENAUTH = {**settings.TOKENAUTH, "AUDIENCES": {}, "CLIENTS": clients}

    @pytest.mark.standard("rfc8693-2.1-4")
    def test_own_audience_is_the_only_one(self, alice):
        token = services.sign_in(alice).access_token
        for value in (None, "", API):
            assert send(token, audience=value).status_code == 200
        for value in (REPORTS, 1, [API], {"a": 1}):
            response = send(token, resource=value)
            assert (response.status_code, response.json()["error"]) == (400, "invalid_target")


class TestRejected:
    @pytest.mark.standard("rfc8693-2.2.2-1")
    @pytest.mark.parametrize("subject", ["a.b.c", "", "x" * 9000])
    def test_invalid_subject_token_is_invalid_request(self, subject):
        response = send(subject)
        assert (response.status_code, response.json()["error"]) == (400, "invalid_request")

    @pytest.mark.standard("rfc8693-2.1-2")
    @pytest.mark.parametrize(
        ("changes", "text"),
        [
            ({"subject_token_type": REFRESH_TOKEN}, "Only access tokens can be exchanged."),
            ({"subject_token_type": "other"}, "Only access tokens can be exchanged."),
            ({"requested_token_type": REFRESH_TOKEN}, "Only access tokens can be exchanged."),
            ({"actor_token": "x"}, "actor_token is not supported."),
            ({"actor_token_type": JWT}, "actor_token is not supported."),
        ],
    )
    def test_other_token_is_invalid_request(self, token, changes, text):
        status, body = status_and_json(send(token, **changes))
        assert (status, body["error"]) == (400, "invalid_request")
        assert text in body["error_description"]

    @pytest.mark.standard("rfc8693-2.1-1")
    @pytest.mark.parametrize("name", ["subject_token", "subject_token_type"])
    @pytest.mark.parametrize("value", [None, 1, []])
    def test_missing_or_malformed_parameter_is_named(self, token, name, value):
        assert status_and_json(send(token, **{name: value})) == (400, malformed(name))

    def test_client_without_valid_secret_is_invalid(self, token):
        assert status_and_json(send(token, "a guess")) == (401, INVALID_CLIENT)
        body = {"grant_type": GRANT, "subject_token": token, "subject_token_type": ACCESS_TOKEN}
        for client_id in ("", "unknown", "reports"):
            response = post("token/", {**body, "client_id": client_id})
            assert status_and_json(response) == (401, INVALID_CLIENT)

    def test_client_without_exchange_is_unauthorized(self, token):
        body = {"grant_type": GRANT, "subject_token": token, "subject_token_type": ACCESS_TOKEN}
        response = post("token/", body, Authorization=basic("billing"))
        assert (response.status_code, response.json()["error"]) == (400, "unauthorized_client")

    def test_project_without_exchange_does_not_support_the_grant(self, token, settings):
        settings.TOKENAUTH = {**settings.TOKENAUTH, "CLIENTS": clients_setting()}
        assert status_and_json(send(token)) == (400, UNSUPPORTED_GRANT_TYPE)


def test_metadata_lists_the_grant_only_if_it_is_permitted(client, settings):
    path = "/.well-known/oauth-authorization-server"
    settings.TOKENAUTH = {**settings.TOKENAUTH, "ISSUER": "https://auth.example.com"}
    assert client.get(path).json()["grant_types_supported"] == ["refresh_token", GRANT]
    settings.TOKENAUTH = {**settings.TOKENAUTH, "CLIENTS": clients_setting()}
    assert client.get(path).json()["grant_types_supported"] == ["refresh_token"]
