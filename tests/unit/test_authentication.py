"""Reading the Authorization header, and the challenge of a rejected request."""

from __future__ import annotations

import pytest
from django.http import HttpRequest
from rest_framework.request import Request

from django_tokenauth.authentication import (
    JWTAuthentication,
    TokenRefused,
    Unavailable,
    bearer_token,
    challenge,
)


class TestBearerToken:
    @pytest.mark.attack(106)
    @pytest.mark.parametrize(
        ("header", "token"),
        [
            ("Bearer abc", "abc"),
            ("bearer abc", "abc"),
            ("BEARER abc", "abc"),
            ("bEaReR abc", "abc"),
        ],
    )
    def test_the_scheme_is_case_insensitive(self, header, token):
        assert bearer_token(with_header(header)) == token

    @pytest.mark.parametrize(
        "header",
        ["", " ", "Basic YTpi", "Token abc", "Bear", "Bearerabc", "Bearer-abc", "Bearer=a", "X"],
    )
    def test_another_scheme_is_somebody_elses(self, header):
        assert bearer_token(with_header(header)) is None

    def test_no_header_is_no_token(self):
        assert bearer_token(Request(HttpRequest())) is None

    @pytest.mark.parametrize(
        ("header", "token"),
        [
            ("Bearer", ""),
            ("Bearer ", ""),
            ("Bearer  a", " a"),
            ("Bearer a b", "a b"),
            ("Bearer a ", "a "),
            ("Bearer\ta", "\ta"),
            ("Bearer\r\n a", "\r\n a"),
            ("Bearer a,Bearer b", "a,Bearer b"),
            ("Bearer a, b", "a, b"),
        ],
    )
    def test_whatever_follows_the_scheme_is_the_token(self, header, token):
        assert bearer_token(with_header(header)) == token


def with_header(value):
    request = HttpRequest()
    request.META["HTTP_AUTHORIZATION"] = value
    return Request(request)


class TestChallenge:
    @pytest.mark.parametrize(
        ("arguments", "header"),
        [
            ({}, 'Bearer realm="api"'),
            ({"error": "e"}, 'Bearer realm="api", error="e"'),
            (
                {"error": "e", "description": "d.", "scope": "a b"},
                'Bearer realm="api", error="e", error_description="d.", scope="a b"',
            ),
        ],
    )
    def test_it_has_the_parameters_that_are_not_empty(self, arguments, header):
        assert challenge("api", **arguments) == header

    def test_a_subclass_may_have_another_realm(self):
        class Here(JWTAuthentication):
            realm = "here"

        assert Here().authenticate_header(Request(HttpRequest())) == 'Bearer realm="here"'


class TestCodes:
    """By them, an exception handler of the project tells our errors from others."""

    def test_of_a_token_that_is_refused(self):
        assert TokenRefused().get_codes() == "invalid_token"

    def test_of_a_service_that_does_not_answer(self):
        assert Unavailable().get_codes() == "temporarily_unavailable"
