"""Reading the Authorization header, and the challenge of a rejected request."""

from __future__ import annotations

import pickle

import pytest
from django.http import HttpRequest
from rest_framework.exceptions import APIException
from rest_framework.request import Request

from django_tokenauth._bearer import bearer_token, challenge
from django_tokenauth.authentication import (
    AccessTokenRejected,
    JWTAuthentication,
    TemporarilyUnavailable,
)
from django_tokenauth.errors import TokenAuthError, TokenErrorCode
from django_tokenauth.permissions import InsufficientScope
from tests.support.client import BARE


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
    def test_bearer_scheme_is_case_insensitive(self, header, token):
        assert bearer_token(with_header(header)) == token

    @pytest.mark.parametrize(
        "header",
        ["", " ", "Basic YTpi", "Token abc", "Bear", "Bearerabc", "Bearer-abc", "Bearer=a", "X"],
    )
    def test_authorization_with_other_scheme_has_no_bearer_token(self, header):
        assert bearer_token(with_header(header)) is None

    def test_missing_authorization_header_has_no_bearer_token(self):
        assert bearer_token(Request(HttpRequest())) is None

    def test_bearer_token_of_a_django_request_is_read(self):
        request = HttpRequest()
        assert bearer_token(request) is None
        request.META["HTTP_AUTHORIZATION"] = "Bearer abc"
        assert bearer_token(request) == "abc"

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
    def test_bearer_token_is_everything_after_the_scheme(self, header, token):
        assert bearer_token(with_header(header)) == token

    @pytest.mark.parametrize(
        ("value", "token"),
        [
            ("abc", "abc"),
            ("Bearer abc", "abc"),
            ("bearer abc", "abc"),
            ("Bearerabc", "Bearerabc"),
            ("Basic abc", "Basic abc"),
            ("a,Bearer b", "a,Bearer b"),
            ("Bearer", ""),
            ("Bearer ", ""),
            (" ", " "),
            ("", None),
        ],
    )
    def test_another_header_contains_a_token_with_optional_scheme(self, value, token):
        request = HttpRequest()
        request.META["HTTP_X_AUTH_TOKEN"] = value
        assert bearer_token(Request(request), "X-Auth-Token") == token
        assert bearer_token(request) is None

    def test_missing_other_header_has_no_token(self):
        assert bearer_token(with_header("Bearer abc"), "X-Auth-Token") is None


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
    def test_challenge_contains_only_non_empty_parameters(self, arguments, header):
        assert challenge("api", **arguments) == header

    def test_challenge_uses_the_realm_of_the_subclass(self):
        class WithRealm(JWTAuthentication):
            realm = "internal"

        header = WithRealm().authenticate_header(Request(HttpRequest()))
        assert header == 'Bearer realm="internal"'

    @pytest.mark.parametrize("value", ["JWT a.b.c", "Token abc", "Token", "Bearer: a", "eyJ.b.c"])
    def test_bearer_scheme_is_named_for_another_one_with_debug(self, settings, value):
        request = with_header(value)
        assert JWTAuthentication().authenticate(request) is None
        assert JWTAuthentication().authenticate_header(request) == BARE
        settings.DEBUG = True
        assert JWTAuthentication().authenticate_header(request) == (
            'Bearer realm="api", error_description="Send Authorization: Bearer TOKEN."'
        )

    @pytest.mark.parametrize("value", ["", "Basic YTpi", "Digest a", "Tokens abc", "X"])
    def test_other_scheme_has_the_bare_challenge_with_debug(self, settings, value):
        settings.DEBUG = True
        assert JWTAuthentication().authenticate_header(with_header(value)) == BARE

    def test_scheme_is_not_named_for_a_token_in_another_header(self, settings):
        class Gateway(JWTAuthentication):
            header = "X-Auth-Token"

        settings.DEBUG = True
        found = Gateway().authenticate_header(with_header("JWT a.b.c"))
        assert found == 'Bearer realm="api", header="X-Auth-Token"'


class TestErrors:
    """Projects may catch errors of REST framework or of this package."""

    @pytest.mark.parametrize(
        "error",
        [
            AccessTokenRejected(TokenErrorCode.EXPIRED),
            TemporarilyUnavailable(),
            InsufficientScope(["a"]),
        ],
        ids=lambda error: type(error).__name__,
    )
    def test_authentication_error_is_api_exception_and_package_error(self, error):
        assert isinstance(error, TokenAuthError)
        assert isinstance(error, APIException)
        assert str(error) == error.description
        assert error.get_codes() == error.error

    def test_rejected_token_error_can_be_pickled(self):
        error = pickle.loads(pickle.dumps(AccessTokenRejected(TokenErrorCode.EXPIRED)))  # noqa: S301
        assert error.code is TokenErrorCode.EXPIRED
        assert error.detail == error.description == "The access token expired."
