"""POST token/introspect/ (RFC 7662): permitted callers and responses."""

from __future__ import annotations

import logging
from urllib.parse import urlencode

import pytest
import time_machine
from django.contrib.auth import get_user_model

from django_tokenauth.models import Session
from tests.support.client import (
    BARE,
    BASIC,
    FORM,
    INVALID_CLIENT,
    INVALID_REQUEST,
    INVALID_TOKEN,
    JSON,
    UNAVAILABLE,
    log_messages,
    malformed,
    post,
    sign_in,
    status_and_json,
)
from tests.support.confidential_clients import SECRETS, basic, clients_setting
from tests.support.locks import unreadable
from tests.support.unsaved import issue_tokens

START = "2030-01-01T12:00:00Z"
INACTIVE = (200, {"active": False})
REPORTS = {"Authorization": basic("reports")}
NOT_VALID = {"error": "invalid_token", "error_description": "The access token is not valid."}
NOT_ENOUGH = {
    "error": "insufficient_scope",
    "error_description": "The access token does not have the required scope.",
}
NEEDS_SCOPE = (
    'Bearer realm="api", error="insufficient_scope", '
    'error_description="The access token does not have the required scope.", scope="introspect"'
)


def policy(user, scope, request):
    """Allow the scope ``introspect`` only to bob, who is a resource server."""
    return scope if user.get_username() == "bob" else scope - {"introspect"}


@pytest.fixture(autouse=True)
def _project(settings):
    settings.TOKENAUTH = {
        "CLIENTS": clients_setting(),
        "SCOPES": ["notes:read", "introspect"],
        "SCOPE_POLICY": policy,
    }


def introspect(token, **headers):
    return post("token/introspect/", {"token": token}, **(headers or REPORTS))


def introspect_with_bearer(bearer, token):
    return introspect(token, Authorization=f"Bearer {bearer}")


class TestResponse:
    @pytest.mark.standard("rfc7662-2.1-3", "rfc7662-2.2-1", "rfc7662-4-6", "rfc7662-4-9")
    def test_introspect_endpoint_returns_claims_of_an_active_token(
        self, alice, django_assert_num_queries
    ):
        with time_machine.travel(START, tick=False):
            token = sign_in(client_id="phone")["access_token"]
            with django_assert_num_queries(1):
                response = introspect(token)
        assert response.status_code == 200
        assert response.headers["Content-Type"] == JSON
        assert response.headers["Cache-Control"] == "no-store"
        body = response.json()
        assert body == {
            "active": True,
            "scope": "notes:read",
            "client_id": "phone",
            "username": "alice",
            "token_type": "Bearer",
            "exp": 1893499500,
            "iat": 1893499200,
            "sub": str(alice.pk),
            "aud": "django-tokenauth",
            "iss": "django-tokenauth",
            "jti": body["jti"],
            "sid": str(Session.objects.get().pk),
            "auth_time": 1893499200,
            "amr": ["pwd"],
        }

    @pytest.mark.standard("rfc7662-2.1-1", "rfc7662-2.1-2")
    @pytest.mark.parametrize("hint", [{}, {"token_type_hint": "refresh_token"}])
    @pytest.mark.parametrize(("content_type", "write"), [(JSON, dict), (FORM, urlencode)])
    def test_introspect_endpoint_accepts_json_and_forms(self, alice, hint, content_type, write):
        body = {"token": sign_in()["access_token"], **hint}
        response = post("token/introspect/", write(body), content_type, **REPORTS)
        assert response.json()["active"] is True

    @pytest.mark.promise(16)
    @pytest.mark.standard("rfc7662-2.2-2", "rfc7662-2.2-3", "rfc7662-4-10", "rfc7662-4-11")
    @pytest.mark.attack(126)
    @pytest.mark.parametrize(
        "token", ["garbage", "a.b.c", " ", "é", "{refresh}", "{access} ", "x" * 9_000]
    )
    def test_introspect_invalid_token_is_inactive_without_query(self, token, caplog):
        tokens = issue_tokens()
        token = token.format(access=tokens.access_token, refresh=tokens.refresh_token)
        caplog.set_level(logging.INFO, "django_tokenauth")
        assert status_and_json(introspect(token)) == INACTIVE
        [line] = log_messages(caplog)
        assert line in ("access token rejected: malformed", "access token rejected: typ")

    @pytest.mark.standard("rfc7662-2.2-2", "rfc7662-2.2-3", "rfc7662-4-10", "rfc7662-4-11")
    @pytest.mark.attack(126)
    def test_introspect_expired_or_revoked_token_is_inactive(self, alice):
        with time_machine.travel(START, tick=False) as clock:
            signed_out, expired = sign_in(), sign_in()
            post("token/revoke/", {"token": signed_out["refresh_token"]})
            assert status_and_json(introspect(signed_out["access_token"])) == INACTIVE
            assert introspect(expired["access_token"]).json()["active"] is True
            clock.shift(300)
            assert status_and_json(introspect(expired["access_token"])) == INACTIVE
            inactive = sign_in()
            get_user_model().objects.filter(pk=alice.pk).update(is_active=False)
            assert status_and_json(introspect(inactive["access_token"])) == INACTIVE

    @pytest.mark.standard("rfc7662-2.1-1")
    @pytest.mark.parametrize("body", [{}, {"token": ""}, {"token": None}, {"token": ["x"]}])
    def test_introspect_without_a_token_returns_400(self, body):
        assert status_and_json(post("token/introspect/", body, **REPORTS)) == (
            400,
            malformed("token"),
        )


@pytest.mark.attack(126)
class TestCaller:
    @pytest.fixture
    def token(self, alice, bob):
        return sign_in()["access_token"]

    @pytest.mark.standard("rfc7662-2.1-3", "rfc7662-4-6")
    def test_bearer_token_with_introspect_scope_can_introspect(
        self, token, django_assert_num_queries
    ):
        bearer = sign_in("bob", scope="introspect")["access_token"]
        with django_assert_num_queries(2):
            response = introspect_with_bearer(bearer, token)
        assert (response.json()["active"], response.json()["username"]) == (True, "alice")
        assert status_and_json(introspect_with_bearer(bearer, "garbage")) == INACTIVE

    @pytest.mark.standard("rfc7662-4-7")
    def test_user_token_cannot_introspect_itself(self, token):
        response = introspect_with_bearer(token, token)
        assert status_and_json(response) == (401, NOT_ENOUGH)
        assert response.headers["WWW-Authenticate"] == NEEDS_SCOPE
        assert response.headers["Cache-Control"] == "no-store"

    @pytest.mark.standard("rfc7662-2.3-2")
    def test_bearer_token_without_introspect_scope_returns_401(self, token):
        bearer = sign_in("bob", scope="notes:read")["access_token"]
        assert status_and_json(introspect_with_bearer(bearer, token)) == (401, NOT_ENOUGH)

    @pytest.mark.standard("rfc7662-2.3-2")
    @pytest.mark.parametrize("bearer", ["", "garbage", "a.b.c", "{refresh}", "{access} ", "é"])
    def test_introspect_by_invalid_bearer_token_is_401_without_query(self, bearer):
        tokens = issue_tokens(scope=["introspect"])
        bearer = bearer.format(access=tokens.access_token, refresh=tokens.refresh_token)
        response = introspect_with_bearer(bearer, issue_tokens().access_token)
        assert status_and_json(response) == (401, NOT_VALID)
        assert response.headers["WWW-Authenticate"] == INVALID_TOKEN

    def test_introspect_with_a_revoked_bearer_token_returns_401(self, token, caplog):
        tokens = sign_in("bob", scope="introspect")
        bearer = tokens["access_token"]
        post("token/revoke/", {"token": tokens["refresh_token"]})
        caplog.set_level(logging.INFO, "django_tokenauth")
        assert status_and_json(introspect_with_bearer(bearer, token)) == (401, NOT_VALID)
        assert log_messages(caplog)[-1] == "access token rejected: revoked"

    @pytest.mark.promise(16)
    @pytest.mark.standard("rfc7662-2.1-3", "rfc7662-2.3-1", "rfc7662-4-6", "rfc7662-4-7")
    @pytest.mark.parametrize(
        ("body", "headers"),
        [
            ({}, {}),
            ({"client_id": "phone"}, {}),
            ({}, {"Authorization": basic("phone", "")}),
            ({}, {"Authorization": "Basic Og=="}),
            ({}, {"Authorization": "Token x"}),
            ({"access_token": "{bearer}"}, {}),
            ({"client_id": "reports"}, {"Authorization": "Bearer {bearer}"}),
        ],
    )
    def test_introspect_without_valid_credentials_is_invalid_client(self, body, headers):
        token, bearer = issue_tokens().access_token, issue_tokens(scope=["introspect"]).access_token
        body = {name: text.format(bearer=bearer) for name, text in body.items()}
        headers = {name: text.format(bearer=bearer) for name, text in headers.items()}
        response = post("token/introspect/", {"token": token, **body}, **headers)
        assert status_and_json(response) == (401, INVALID_CLIENT)
        assert response.headers["WWW-Authenticate"] == f"{BASIC}, {BARE}"

    def test_introspect_with_bearer_token_and_secret_returns_400(self, token):
        bearer = sign_in("bob", scope="introspect")["access_token"]
        body = {"token": token, "client_id": "reports", "client_secret": SECRETS["reports"]}
        response = post("token/introspect/", body, Authorization=f"Bearer {bearer}")
        assert status_and_json(response) == (400, INVALID_REQUEST)

    def test_introspect_without_clients_accepts_only_bearer_tokens(self, token, settings):
        settings.TOKENAUTH = {"SCOPES": ["introspect"], "SCOPE_POLICY": policy}
        assert status_and_json(introspect(token)) == (401, INVALID_CLIENT)
        assert (
            introspect_with_bearer(sign_in("bob")["access_token"], token).json()["active"] is True
        )


@pytest.mark.django_db(transaction=True)
class TestDatabaseErrors:
    @pytest.mark.parametrize("caller", ["client", "bearer"])
    def test_introspect_with_a_database_error_returns_503(self, alice, bob, caller, caplog):
        token = sign_in()["access_token"]
        bearer = sign_in("bob", scope="introspect")["access_token"]
        headers = REPORTS if caller == "client" else {"Authorization": f"Bearer {bearer}"}
        with unreadable(Session):
            response = introspect(token, **headers)
        assert status_and_json(response) == (503, UNAVAILABLE)
        assert response.headers["Retry-After"] == "1"
        assert token not in caplog.text
        assert introspect(token, **headers).json()["active"] is True
