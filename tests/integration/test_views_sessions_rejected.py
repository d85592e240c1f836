"""Who may not see or end sessions, and a database that does not answer."""

from __future__ import annotations

import uuid

import pytest
from django.test import Client
from rest_framework.test import APIRequestFactory

from django_tokenauth.authentication import StatelessJWTAuthentication
from django_tokenauth.models import Session
from django_tokenauth.views import SessionListView
from tests.support.client import BARE, INVALID_TOKEN, TRY_AGAIN, call, get, outcome, post, sign_in
from tests.support.locks import unreadable, unwritable

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


@pytest.mark.django_db
@REQUESTS
class TestRefused:
    def test_without_a_token(self, method, path, django_assert_num_queries):
        with django_assert_num_queries(0):
            answer = call(method, path)
        assert answer.status_code == 401
        assert answer.headers["WWW-Authenticate"] == BARE
        assert answer.headers["Cache-Control"] == "no-store"

    @pytest.mark.parametrize("which", [None, "refresh_token"])
    def test_with_a_bad_token(self, alice, method, path, which, django_assert_num_queries):
        token = sign_in()[which] if which else "garbage"
        with django_assert_num_queries(0):
            answer = call(method, path, token)
        assert answer.status_code == 401
        assert answer.headers["WWW-Authenticate"] == INVALID_TOKEN
        assert answer.headers["Cache-Control"] == "no-store"

    def test_with_a_session_of_django(self, alice, method, path):
        client = Client()
        client.force_login(alice)
        assert client.generic(method, path).status_code == 401

    @pytest.mark.parametrize("limited", ["at the sign-in", "at the refresh"])
    @pytest.mark.parametrize("scope", ["notes:read", "notes:write"])
    def test_with_a_limited_token(self, alice, method, path, limited, scope, settings):
        settings.TOKENAUTH = SCOPES
        whole = sign_in()["access_token"]
        if limited == "at the sign-in":
            token = sign_in(scope=scope)["access_token"]
        else:
            body = {"refresh_token": sign_in()["refresh_token"], "scope": scope}
            token = post("token/refresh/", body).json()["access_token"]
        answer = call(method, path, token)
        assert outcome(answer) == (
            403,
            {"detail": "The access token does not have the required scope."},
        )
        assert answer.headers["WWW-Authenticate"] == (
            'Bearer realm="api", error="insufficient_scope", '
            'error_description="The access token does not have the required scope.", '
            'scope="notes:read notes:write"'
        )
        assert answer.headers["Cache-Control"] == "no-store"
        assert len(get(SESSIONS, whole).json()) == 2


@pytest.mark.django_db(transaction=True)
class TestFault:
    @REQUESTS
    def test_a_database_that_does_not_answer_is_503(self, alice, method, path):
        token = sign_in()["access_token"]
        with unreadable(Session):
            answer = call(method, path, token)
        assert outcome(answer) == (503, {"detail": TRY_AGAIN})
        assert answer.headers["Retry-After"] == "1"
        assert answer.headers["Cache-Control"] == "no-store"
        assert len(get(SESSIONS, token).json()) == 1

    @pytest.mark.parametrize("query", ["", "?keep=current", "one"])
    def test_a_sign_out_that_is_not_written_is_503(self, alice, query):
        token, other = sign_in()["access_token"], sign_in()["access_token"]
        path = SESSIONS + query
        if query == "one":
            [path] = [
                f"{SESSIONS}{session['id']}/"
                for session in get(SESSIONS, token).json()
                if not session["current"]
            ]
        with unwritable(Session):
            answer = call("DELETE", path, token)
        assert outcome(answer) == (503, {"detail": TRY_AGAIN})
        assert answer.headers["Retry-After"] == "1"
        assert get("/who/", other).status_code == 200
        assert call("DELETE", path, token).status_code == 204
        assert get("/who/", other).status_code == 401

    @pytest.mark.parametrize("method", ["GET", "DELETE"])
    def test_a_fault_after_the_authentication_is_503_too(self, alice, method, settings):
        settings.TOKENAUTH = {"REVOCATION_POLL_INTERVAL": None}
        token = sign_in()["access_token"]
        view = SessionListView.as_view(authentication_classes=[StatelessJWTAuthentication])
        request = APIRequestFactory().generic(
            method, "/", headers={"Authorization": f"Bearer {token}"}
        )
        with unreadable(Session):
            answer = view(request)
        assert (answer.status_code, answer.data) == (503, {"detail": TRY_AGAIN})
        assert answer.headers["Retry-After"] == "1"

    @REQUESTS
    def test_settings_that_cannot_be_used_are_503(self, alice, method, path, settings):
        token = sign_in()["access_token"]
        settings.TOKENAUTH = {"ISUER": "x"}
        answer = call(method, path, token)
        assert outcome(answer) == (503, {"detail": TRY_AGAIN})
        settings.TOKENAUTH = {}
        assert len(get(SESSIONS, token).json()) == 1
