"""POST token/introspect/ (RFC 7662): who may ask, and what they are told."""

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
    logged,
    malformed,
    outcome,
    post,
    sign_in,
)
from tests.support.confidential_clients import SECRETS, basic, listed
from tests.support.locks import unreadable

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
    """Bob is a resource server; nobody else may ask."""
    return scope if user.get_username() == "bob" else scope - {"introspect"}


@pytest.fixture(autouse=True)
def _project(settings):
    settings.TOKENAUTH = {
        "CLIENTS": listed(),
        "SCOPES": ["notes:read", "introspect"],
        "SCOPE_POLICY": policy,
    }


def introspect(token, **headers):
    return post("token/introspect/", {"token": token}, **(headers or REPORTS))


def by_bearer(bearer, token):
    return introspect(token, Authorization=f"Bearer {bearer}")


@pytest.mark.django_db
class TestAnswer:
    @pytest.mark.standard("rfc7662-2.1-3", "rfc7662-2.2-1", "rfc7662-4-6", "rfc7662-4-9")
    def test_it_says_what_the_token_says(self, alice, django_assert_num_queries):
        with time_machine.travel(START, tick=False):
            token = sign_in(client_id="phone")["access_token"]
            with django_assert_num_queries(1):
                answer = introspect(token)
        assert answer.status_code == 200
        assert answer.headers["Content-Type"] == JSON
        assert answer.headers["Cache-Control"] == "no-store"
        found = answer.json()
        assert found == {
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
            "jti": found["jti"],
            "sid": str(Session.objects.get().pk),
            "auth_time": 1893499200,
            "amr": ["pwd"],
        }

    @pytest.mark.standard("rfc7662-2.1-1", "rfc7662-2.1-2")
    @pytest.mark.parametrize("hint", [{}, {"token_type_hint": "refresh_token"}])
    @pytest.mark.parametrize(("content_type", "write"), [(JSON, dict), (FORM, urlencode)])
    def test_json_and_forms_are_understood_and_the_hint_is_not_needed(
        self, alice, hint, content_type, write
    ):
        body = {"token": sign_in()["access_token"], **hint}
        answer = post("token/introspect/", write(body), content_type, **REPORTS)
        assert answer.json()["active"] is True

    @pytest.mark.promise(16)
    @pytest.mark.standard("rfc7662-2.2-2", "rfc7662-2.2-3", "rfc7662-4-10", "rfc7662-4-11")
    @pytest.mark.attack(126)
    @pytest.mark.parametrize(
        "token", ["garbage", "a.b.c", " ", "é", "{refresh}", "{access} ", "x" * 9_000]
    )
    def test_a_bad_token_is_not_active_and_costs_no_statement(
        self, alice, token, caplog, django_assert_num_queries
    ):
        tokens = sign_in()
        token = token.format(access=tokens["access_token"], refresh=tokens["refresh_token"])
        caplog.set_level(logging.INFO, "django_tokenauth")
        caplog.clear()
        with django_assert_num_queries(0):
            assert outcome(introspect(token)) == INACTIVE
        [line] = logged(caplog)
        assert line in ("access token rejected: malformed", "access token rejected: typ")

    @pytest.mark.standard("rfc7662-2.2-2", "rfc7662-2.2-3", "rfc7662-4-10", "rfc7662-4-11")
    @pytest.mark.attack(126)
    def test_one_that_is_not_good_any_more_is_not_active(self, alice):
        with time_machine.travel(START, tick=False) as clock:
            signed_out, expired = sign_in(), sign_in()
            post("token/revoke/", {"token": signed_out["refresh_token"]})
            assert outcome(introspect(signed_out["access_token"])) == INACTIVE
            assert introspect(expired["access_token"]).json()["active"] is True
            clock.shift(300)
            assert outcome(introspect(expired["access_token"])) == INACTIVE
            inactive = sign_in()
            get_user_model().objects.filter(pk=alice.pk).update(is_active=False)
            assert outcome(introspect(inactive["access_token"])) == INACTIVE

    @pytest.mark.standard("rfc7662-2.1-1")
    @pytest.mark.parametrize("body", [{}, {"token": ""}, {"token": None}, {"token": ["x"]}])
    def test_without_a_token_there_is_no_question(self, body):
        assert outcome(post("token/introspect/", body, **REPORTS)) == (400, malformed("token"))


@pytest.mark.django_db
@pytest.mark.attack(126)
class TestCaller:
    @pytest.fixture
    def token(self, alice, bob):
        return sign_in()["access_token"]

    @pytest.mark.standard("rfc7662-2.1-3", "rfc7662-4-6")
    def test_an_access_token_with_the_scope_may_ask(self, token, django_assert_num_queries):
        bearer = sign_in("bob", scope="introspect")["access_token"]
        with django_assert_num_queries(2):
            answer = by_bearer(bearer, token)
        assert (answer.json()["active"], answer.json()["username"]) == (True, "alice")
        assert outcome(by_bearer(bearer, "garbage")) == INACTIVE

    @pytest.mark.standard("rfc7662-4-7")
    def test_the_token_of_a_user_may_not_even_about_itself(self, token):
        answer = by_bearer(token, token)
        assert outcome(answer) == (401, NOT_ENOUGH)
        assert answer.headers["WWW-Authenticate"] == NEEDS_SCOPE
        assert answer.headers["Cache-Control"] == "no-store"

    @pytest.mark.standard("rfc7662-2.3-2")
    def test_nor_may_one_of_the_resource_server_without_the_scope(self, token):
        bearer = sign_in("bob", scope="notes:read")["access_token"]
        assert outcome(by_bearer(bearer, token)) == (401, NOT_ENOUGH)

    @pytest.mark.standard("rfc7662-2.3-2")
    @pytest.mark.parametrize("bearer", ["", "garbage", "a.b.c", "{refresh}", "{access} ", "é"])
    def test_one_that_is_not_good_may_not(self, token, bearer, django_assert_num_queries):
        tokens = sign_in("bob", scope="introspect")
        bearer = bearer.format(access=tokens["access_token"], refresh=tokens["refresh_token"])
        with django_assert_num_queries(0):
            answer = by_bearer(bearer, token)
        assert outcome(answer) == (401, NOT_VALID)
        assert answer.headers["WWW-Authenticate"] == INVALID_TOKEN

    def test_nor_one_that_was_revoked(self, token, caplog):
        bearer = sign_in("bob", scope="introspect")["access_token"]
        post("token/revoke/", {"token": bearer})
        caplog.set_level(logging.INFO, "django_tokenauth")
        assert outcome(by_bearer(bearer, token)) == (401, NOT_VALID)
        assert logged(caplog)[-1] == "access token rejected: revoked"

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
    def test_nobody_else_may(self, token, body, headers, django_assert_num_queries):
        bearer = sign_in("bob", scope="introspect")["access_token"]
        body = {name: text.format(bearer=bearer) for name, text in body.items()}
        headers = {name: text.format(bearer=bearer) for name, text in headers.items()}
        with django_assert_num_queries(0):
            answer = post("token/introspect/", {"token": token, **body}, **headers)
        assert outcome(answer) == (401, INVALID_CLIENT)
        assert answer.headers["WWW-Authenticate"] == f"{BASIC}, {BARE}"

    def test_two_ways_to_say_who_asks_are_malformed(self, token):
        bearer = sign_in("bob", scope="introspect")["access_token"]
        body = {"token": token, "client_id": "reports", "client_secret": SECRETS["reports"]}
        answer = post("token/introspect/", body, Authorization=f"Bearer {bearer}")
        assert outcome(answer) == (400, INVALID_REQUEST)

    def test_without_clients_only_tokens_may(self, token, settings):
        settings.TOKENAUTH = {"SCOPES": ["introspect"], "SCOPE_POLICY": policy}
        assert outcome(introspect(token)) == (401, INVALID_CLIENT)
        assert by_bearer(sign_in("bob")["access_token"], token).json()["active"] is True


@pytest.mark.django_db(transaction=True)
class TestFault:
    @pytest.mark.parametrize("by", ["client", "bearer"])
    def test_a_database_that_does_not_answer_is_503(self, alice, bob, by, caplog):
        token = sign_in()["access_token"]
        bearer = sign_in("bob", scope="introspect")["access_token"]
        headers = REPORTS if by == "client" else {"Authorization": f"Bearer {bearer}"}
        with unreadable(Session):
            answer = introspect(token, **headers)
        assert outcome(answer) == (503, UNAVAILABLE)
        assert answer.headers["Retry-After"] == "1"
        assert token not in caplog.text
        assert introspect(token, **headers).json()["active"] is True
