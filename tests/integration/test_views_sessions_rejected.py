"""Rejected requests to the session endpoints, and errors of the database or the settings."""

from __future__ import annotations

import uuid

import pytest
from django.test import Client
from rest_framework.test import APIRequestFactory

from django_tokenauth.authentication import StatelessJWTAuthentication
from django_tokenauth.models import Session
from django_tokenauth.views import SessionListView
from tests.support.client import (
    BARE,
    INVALID_TOKEN,
    TRY_AGAIN,
    call,
    get,
    post,
    sign_in,
    status_and_json,
)
from tests.support.locks import unreadable, unwritable
from tests.support.unsaved import issue_tokens

SESSIONS = "/auth/sessions/"
SCOPES = {"SCOPES": ["notes:read", "notes:write"]}
REQUESTS = pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", SESSIONS),
        ("DELETE", SESSIONS),
        ("DELETE", f"{SESSIONS}?keep=current"),
        ("DELETE", f"{SESSIONS}{uuid.UUID(int=7)}/"),
    ],
)


@REQUESTS
class TestRejected:
    def test_session_endpoints_without_a_token_return_401(self, method, path):
        response = call(method, path)
        assert response.status_code == 401
        assert response.headers["WWW-Authenticate"] == BARE
        assert response.headers["Cache-Control"] == "no-store"

    @pytest.mark.parametrize("token_name", [None, "refresh_token"])
    def test_session_endpoints_with_an_invalid_token_return_401(self, method, path, token_name):
        token = issue_tokens().refresh_token if token_name else "garbage"
        response = call(method, path, token)
        assert response.status_code == 401
        assert response.headers["WWW-Authenticate"] == INVALID_TOKEN
        assert response.headers["Cache-Control"] == "no-store"

    def test_session_endpoints_ignore_a_django_session(self, alice, method, path):
        client = Client()
        client.force_login(alice)
        assert client.generic(method, path).status_code == 401

    @pytest.mark.parametrize("narrowed_at", ["sign-in", "refresh"])
    @pytest.mark.parametrize("scope", ["notes:read", "notes:write"])
    def test_session_endpoints_with_a_narrowed_token_return_403(
        self, alice, method, path, narrowed_at, scope, settings
    ):
        settings.TOKENAUTH = SCOPES
        full_token = sign_in()["access_token"]
        if narrowed_at == "sign-in":
            token = sign_in(scope=scope)["access_token"]
        else:
            body = {"refresh_token": sign_in()["refresh_token"], "scope": scope}
            token = post("token/refresh/", body).json()["access_token"]
        response = call(method, path, token)
        assert status_and_json(response) == (
            403,
            {"detail": "The access token does not have the required scope."},
        )
        assert response.headers["WWW-Authenticate"] == (
            'Bearer realm="api", error="insufficient_scope", '
            'error_description="The access token does not have the required scope.", '
            'scope="notes:read notes:write"'
        )
        assert response.headers["Cache-Control"] == "no-store"
        assert len(get(SESSIONS, full_token).json()) == 2


@pytest.mark.django_db(transaction=True)
class TestErrors:
    @REQUESTS
    def test_session_endpoints_with_a_database_error_return_503(self, alice, method, path):
        token = sign_in()["access_token"]
        with unreadable(Session):
            response = call(method, path, token)
        assert status_and_json(response) == (503, {"detail": TRY_AGAIN})
        assert response.headers["Retry-After"] == "1"
        assert response.headers["Cache-Control"] == "no-store"
        assert len(get(SESSIONS, token).json()) == 1

    @pytest.mark.parametrize("query", ["", "?keep=current", "one"])
    def test_failed_delete_of_sessions_returns_503_and_is_repeatable(self, alice, query):
        token, other = sign_in()["access_token"], sign_in()["access_token"]
        path = SESSIONS + query
        if query == "one":
            [path] = [
                f"{SESSIONS}{session['id']}/"
                for session in get(SESSIONS, token).json()
                if not session["current"]
            ]
        with unwritable(Session):
            response = call("DELETE", path, token)
        assert status_and_json(response) == (503, {"detail": TRY_AGAIN})
        assert response.headers["Retry-After"] == "1"
        assert get("/who/", other).status_code == 200
        assert call("DELETE", path, token).status_code == 204
        assert get("/who/", other).status_code == 401

    @pytest.mark.parametrize("method", ["GET", "DELETE"])
    def test_database_error_in_the_session_list_view_returns_503(self, alice, method, settings):
        settings.TOKENAUTH = {"REVOCATION_POLL_INTERVAL": None}
        token = sign_in()["access_token"]
        view = SessionListView.as_view(authentication_classes=[StatelessJWTAuthentication])
        request = APIRequestFactory().generic(
            method, "/", headers={"Authorization": f"Bearer {token}"}
        )
        with unreadable(Session):
            response = view(request)
        assert (response.status_code, response.data) == (503, {"detail": TRY_AGAIN})
        assert response.headers["Retry-After"] == "1"

    @REQUESTS
    def test_session_endpoints_with_invalid_settings_return_503(
        self, alice, method, path, settings
    ):
        token = sign_in()["access_token"]
        settings.TOKENAUTH = {"ISUER": "x"}
        response = call(method, path, token)
        assert status_and_json(response) == (503, {"detail": TRY_AGAIN})
        settings.TOKENAUTH = {}
        assert len(get(SESSIONS, token).json()) == 1
