"""The authentication classes: where a token is read from, and the user that it gives."""

from __future__ import annotations

import pytest
from django.contrib.auth import get_user_model
from rest_framework.authentication import BasicAuthentication
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.test import APIRequestFactory
from rest_framework.views import APIView

from django_tokenauth.authentication import (
    AccessTokenRejected,
    JWTAuthentication,
    StatelessJWTAuthentication,
    TemporarilyUnavailable,
    TokenUser,
)
from django_tokenauth.errors import InvalidToken, ServiceUnavailable, TokenErrorCode
from django_tokenauth.models import Session
from django_tokenauth.tokens.claims import Claims
from tests.support.client import BARE, INVALID_TOKEN, get, sign_in, status_and_json
from tests.support.locks import unreadable

BOTH = pytest.mark.parametrize("path", ["/who/", "/who/stateless/"])
ABSENT = {"detail": "Authentication credentials were not provided."}


def authenticate(authentication, token):
    """Authenticate a request with this token, as a view of REST framework does."""
    request = Request(APIRequestFactory().get("/", headers={"Authorization": f"Bearer {token}"}))
    return authentication.authenticate(request)


class TestWithoutCredentials:
    @pytest.mark.attack(112)
    @BOTH
    def test_challenge_for_a_missing_access_token_has_no_error_code(self, path):
        response = get(path)
        assert status_and_json(response) == (401, ABSENT)
        assert response.headers["WWW-Authenticate"] == BARE

    @BOTH
    @pytest.mark.parametrize("header", ["Basic YTpi", "Token abc", "Digest x", "x"])
    def test_authorization_with_another_scheme_is_ignored(self, path, header):
        response = get(path, Authorization=header)
        assert status_and_json(response) == (401, ABSENT)
        assert response.headers["WWW-Authenticate"] == BARE

    @pytest.mark.attack(104)
    def test_access_token_in_the_query_string_is_ignored(self, alice):
        token = sign_in()["access_token"]
        response = get(f"/who/?access_token={token}")
        assert status_and_json(response) == (401, ABSENT)
        assert response.headers["WWW-Authenticate"] == BARE

    @pytest.mark.attack(104)
    def test_access_token_in_a_form_is_ignored(self, alice, client):
        token = sign_in()["access_token"]
        response = client.post("/notes/", {"access_token": token})
        assert response.status_code == 401
        assert response.headers["WWW-Authenticate"] == BARE

    @pytest.mark.standard("rfc6749-10.12-1")
    @pytest.mark.attack(104)
    def test_access_token_in_a_cookie_is_ignored(self, alice, client):
        client.cookies["access_token"] = sign_in()["access_token"]
        assert client.get("/who/").status_code == 401

    def test_open_view_without_token_returns_200(self):
        assert status_and_json(get("/open/")) == (200, {"user": "AnonymousUser"})


@pytest.mark.django_db
class TestValidToken:
    def test_jwt_authentication_loads_the_user_in_one_query(self, alice, django_assert_num_queries):
        token = sign_in()["access_token"]
        with django_assert_num_queries(1):
            user, claims = authenticate(JWTAuthentication(), token)
        assert user == alice
        assert type(user) is get_user_model()
        assert type(claims) is Claims
        assert claims.subject == str(alice.pk)

    # Inside a transaction the query would need a savepoint.
    @pytest.mark.django_db(transaction=True)
    def test_stateless_authentications_share_one_read_of_revocations(
        self, alice, django_assert_num_queries
    ):
        token = sign_in()["access_token"]
        with django_assert_num_queries(1):
            user, claims = authenticate(StatelessJWTAuthentication(), token)
        with django_assert_num_queries(0):
            authenticate(StatelessJWTAuthentication(), token)
        assert type(user) is TokenUser
        assert (user.pk, user.claims) == (str(alice.pk), claims)

    def test_stateless_authentication_without_polls_takes_no_query(
        self, alice, settings, django_assert_num_queries
    ):
        settings.TOKENAUTH = {"REVOCATION_POLL_INTERVAL": None}
        token = sign_in()["access_token"]
        with django_assert_num_queries(0):
            assert status_and_json(get("/who/stateless/", token)) == (
                200,
                {"user": str(alice.pk), "sub": str(alice.pk)},
            )

    @pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER"])
    def test_bearer_scheme_is_case_insensitive(self, alice, scheme):
        token = sign_in()["access_token"]
        response = get("/who/", Authorization=f"{scheme} {token}")
        assert status_and_json(response) == (200, {"user": "alice", "sub": str(alice.pk)})

    def test_request_with_an_access_token_sets_no_cookie(self, alice, settings):
        settings.MIDDLEWARE = []
        response = get("/who/", sign_in()["access_token"])
        assert response.status_code == 200
        assert not response.cookies

    @pytest.mark.standard("rfc6749-10.12-1")
    def test_django_session_of_another_user_is_ignored(self, alice, bob, client):
        client.force_login(bob)
        token = sign_in()["access_token"]
        response = client.get("/who/", headers={"Authorization": f"Bearer {token}"})
        assert response.json()["user"] == "alice"
        assert client.get("/who/").status_code == 401


class TokenOrPasswordView(APIView):
    """A view that accepts an access token or HTTP Basic credentials."""

    authentication_classes = (JWTAuthentication, BasicAuthentication)

    def get(self, request):
        return Response({"user": str(request.user), "auth": type(request.auth).__name__})


class TestWithAnotherClass:
    def get_with(self, header):
        request = APIRequestFactory().get("/", headers={"Authorization": header})
        return TokenOrPasswordView.as_view()(request)

    @pytest.mark.attack(108)
    def test_basic_credentials_reach_the_next_authentication_class(self, alice):
        # alice:correct horse
        response = self.get_with("Basic YWxpY2U6Y29ycmVjdCBob3JzZQ==")
        assert response.data == {"user": "alice", "auth": "NoneType"}

    def test_rejected_token_skips_the_next_authentication_class(self):
        response = self.get_with("Bearer garbage")
        assert response.status_code == 401
        assert response.headers["WWW-Authenticate"] == INVALID_TOKEN

    def test_valid_token_is_accepted_with_two_authentication_classes(self, alice):
        response = self.get_with(f"Bearer {sign_in()['access_token']}")
        assert response.data == {"user": "alice", "auth": "Claims"}


class TestErrors:
    def test_rejected_token_raises_invalid_token_with_its_code(self):
        with pytest.raises(InvalidToken) as caught:
            authenticate(JWTAuthentication(), "x")
        assert type(caught.value) is AccessTokenRejected
        assert caught.value.code is TokenErrorCode.MALFORMED
        assert caught.value.get_codes() == "invalid_token"

    @pytest.mark.django_db(transaction=True)
    def test_authentication_with_database_error_raises_unavailable(self, alice):
        token = sign_in()["access_token"]
        with unreadable(Session), pytest.raises(ServiceUnavailable) as caught:
            authenticate(JWTAuthentication(), token)
        assert type(caught.value) is TemporarilyUnavailable
        assert caught.value.get_codes() == "temporarily_unavailable"
