"""An access token in the Authorization header, and what is answered when it does not do."""

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
from tests.support.client import BARE, INVALID_TOKEN, get, outcome, sign_in
from tests.support.locks import unreadable

BOTH = pytest.mark.parametrize("path", ["/who/", "/who/stateless/"])
REFUSED = {"detail": "The access token is not valid."}
ABSENT = {"detail": "Authentication credentials were not provided."}


def asked(authentication, token):
    """The request as a view of REST framework sees it."""
    request = Request(APIRequestFactory().get("/", headers={"Authorization": f"Bearer {token}"}))
    return authentication.authenticate(request)


@pytest.mark.django_db
class TestWithoutCredentials:
    @pytest.mark.attack(112)
    @BOTH
    def test_the_challenge_is_bare(self, path, django_assert_num_queries):
        with django_assert_num_queries(0):
            answer = get(path)
        assert outcome(answer) == (401, ABSENT)
        assert answer.headers["WWW-Authenticate"] == BARE

    @BOTH
    @pytest.mark.parametrize("header", ["Basic YTpi", "Token abc", "Digest x", "x"])
    def test_another_scheme_is_no_credentials(self, path, header):
        answer = get(path, Authorization=header)
        assert outcome(answer) == (401, ABSENT)
        assert answer.headers["WWW-Authenticate"] == BARE

    @pytest.mark.attack(104)
    def test_a_token_in_the_query_does_not_count(self, alice):
        token = sign_in()["access_token"]
        answer = get(f"/who/?access_token={token}")
        assert outcome(answer) == (401, ABSENT)
        assert answer.headers["WWW-Authenticate"] == BARE

    @pytest.mark.attack(104)
    def test_a_token_in_a_form_does_not_count(self, alice, client):
        token = sign_in()["access_token"]
        answer = client.post("/notes/", {"access_token": token})
        assert answer.status_code == 401
        assert answer.headers["WWW-Authenticate"] == BARE

    @pytest.mark.standard("rfc6749-10.12-1")
    @pytest.mark.attack(104)
    def test_a_token_in_a_cookie_does_not_count(self, alice, client):
        client.cookies["access_token"] = sign_in()["access_token"]
        assert client.get("/who/").status_code == 401

    def test_an_open_view_answers_all_the_same(self):
        assert outcome(get("/open/")) == (200, {"user": "AnonymousUser"})


@pytest.mark.django_db
class TestGoodToken:
    def test_the_user_is_loaded_with_one_statement(self, alice, django_assert_num_queries):
        token = sign_in()["access_token"]
        with django_assert_num_queries(1):
            user, claims = asked(JWTAuthentication(), token)
        assert user == alice
        assert type(user) is get_user_model()
        assert type(claims) is Claims
        assert claims.subject == str(alice.pk)

    # In a transaction it would take a savepoint too.
    @pytest.mark.django_db(transaction=True)
    def test_the_stateless_class_asks_for_revocations_once(self, alice, django_assert_num_queries):
        token = sign_in()["access_token"]
        with django_assert_num_queries(1):
            user, claims = asked(StatelessJWTAuthentication(), token)
        with django_assert_num_queries(0):
            asked(StatelessJWTAuthentication(), token)
        assert type(user) is TokenUser
        assert (user.pk, user.claims) == (str(alice.pk), claims)

    def test_the_stateless_class_needs_no_database(
        self, alice, settings, django_assert_num_queries
    ):
        settings.TOKENAUTH = {"REVOCATION_POLL_INTERVAL": None}
        token = sign_in()["access_token"]
        with django_assert_num_queries(0):
            assert outcome(get("/who/stateless/", token)) == (
                200,
                {"user": str(alice.pk), "sub": str(alice.pk)},
            )

    @pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER"])
    def test_it_comes_through_with_any_case_of_the_scheme(self, alice, scheme):
        token = sign_in()["access_token"]
        answer = get("/who/", Authorization=f"{scheme} {token}")
        assert outcome(answer) == (200, {"user": "alice", "sub": str(alice.pk)})

    def test_it_makes_no_session_of_django(self, alice, settings):
        settings.MIDDLEWARE = []
        answer = get("/who/", sign_in()["access_token"])
        assert answer.status_code == 200
        assert not answer.cookies

    @pytest.mark.standard("rfc6749-10.12-1")
    def test_the_users_session_of_django_does_not_count(self, alice, bob, client):
        client.force_login(bob)
        token = sign_in()["access_token"]
        answer = client.get("/who/", headers={"Authorization": f"Bearer {token}"})
        assert answer.json()["user"] == "alice"
        assert client.get("/who/").status_code == 401


class Either(APIView):
    """Takes a token of the app, or else a name and a password."""

    authentication_classes = (JWTAuthentication, BasicAuthentication)

    def get(self, request):
        return Response({"user": str(request.user), "auth": type(request.auth).__name__})


@pytest.mark.django_db
class TestBesideAnotherClass:
    def ask(self, header):
        request = APIRequestFactory().get("/", headers={"Authorization": header})
        return Either.as_view()(request)

    @pytest.mark.attack(108)
    def test_the_other_class_answers_for_its_scheme(self, alice):
        # alice:correct horse
        answer = self.ask("Basic YWxpY2U6Y29ycmVjdCBob3JzZQ==")
        assert answer.data == {"user": "alice", "auth": "NoneType"}

    def test_a_bad_token_is_not_handed_on(self, alice):
        answer = self.ask("Bearer garbage")
        assert answer.status_code == 401
        assert answer.headers["WWW-Authenticate"] == INVALID_TOKEN

    def test_a_good_token_is_ours(self, alice):
        answer = self.ask(f"Bearer {sign_in()['access_token']}")
        assert answer.data == {"user": "alice", "auth": "Claims"}


class TestErrors:
    def test_rejected_token_is_an_invalid_token_with_its_code(self, alice):
        with pytest.raises(InvalidToken) as caught:
            asked(JWTAuthentication(), "x")
        assert type(caught.value) is AccessTokenRejected
        assert caught.value.code is TokenErrorCode.MALFORMED
        assert caught.value.get_codes() == "invalid_token"

    @pytest.mark.django_db(transaction=True)
    def test_database_error_is_service_unavailable(self, alice):
        token = sign_in()["access_token"]
        with unreadable(Session), pytest.raises(ServiceUnavailable) as caught:
            asked(JWTAuthentication(), token)
        assert type(caught.value) is TemporarilyUnavailable
        assert caught.value.get_codes() == "temporarily_unavailable"
