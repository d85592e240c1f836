"""Errors: one tree, stable codes, and messages without secrets."""

from __future__ import annotations

import copy
import inspect
import pickle
import re

import pytest
from django.utils import translation
from rest_framework import exceptions

from django_tokenauth import errors
from django_tokenauth.errors import (
    InvalidKey,
    InvalidToken,
    OAuthError,
    TokenAuthError,
    TokenErrorCode,
)

ERRORS = {
    name: error
    for name, error in vars(errors).items()
    if inspect.isclass(error) and issubclass(error, Exception)
}
OAUTH = {
    "InvalidRequest": "invalid_request",
    "InvalidClient": "invalid_client",
    "InvalidGrant": "invalid_grant",
    "InvalidScope": "invalid_scope",
    "InvalidTarget": "invalid_target",
    "UnauthorizedClient": "unauthorized_client",
    "UnsupportedGrantType": "unsupported_grant_type",
    "UnsupportedTokenType": "unsupported_token_type",
    "TooManyRequests": "too_many_requests",
}
SAMPLES = [
    InvalidKey("The key is invalid.", "Replace it.", check_id="E001"),
    InvalidToken(TokenErrorCode.EXPIRED),
    errors.ServiceUnavailable(),
    errors.InvalidGrant(),
    errors.InvalidRequest("The parameter token is missing."),
    errors.TooManyRequests(17),
]


class RejectedToken(InvalidToken, exceptions.AuthenticationFailed):
    """An error of REST framework and of this package."""

    default_detail = "The access token is not valid."


class Unavailable(errors.ServiceUnavailable, exceptions.APIException):
    default_detail = "Try again."


def test_all_errors_derive_from_token_auth_error():
    assert all(issubclass(error, TokenAuthError) for error in ERRORS.values())


def test_errors_docstring_lists_every_error():
    drawn = re.findall(r"^ +(?:[│├└─ ]*── )?([A-Z]\w+)", errors.__doc__, re.MULTILINE)
    assert sorted(drawn) == sorted(ERRORS)


def test_token_error_codes_are_stable():
    assert {code.value for code in TokenErrorCode} == {
        "malformed",
        "header",
        "typ",
        "key",
        "signature",
        "claims",
        "issuer",
        "audience",
        "expired",
        "not_yet_valid",
        "revoked",
        "generation",
        "user",
        "api_token",
    }


class TestInvalidToken:
    @pytest.mark.attack(173)
    @pytest.mark.parametrize("code", TokenErrorCode)
    def test_invalid_token_message_is_only_its_code(self, code):
        error = InvalidToken(code)
        assert error.code is code
        assert str(error) == code.value


class TestRestFrameworkSubclasses:
    def test_rejected_token_error_has_code_and_default_detail(self):
        error = RejectedToken(TokenErrorCode.REVOKED)
        assert error.code is TokenErrorCode.REVOKED
        assert error.detail == "The access token is not valid."
        assert error.status_code == 401

    def test_unavailable_error_has_default_detail_and_retry_after(self):
        error = Unavailable()
        assert (error.detail, error.retry_after) == ("Try again.", 1)

    @pytest.mark.parametrize(
        "error", [RejectedToken(TokenErrorCode.USER), Unavailable()], ids=["token", "service"]
    )
    def test_pickled_rest_framework_error_keeps_detail_and_code(self, error):
        copied_error = pickle.loads(pickle.dumps(error))  # noqa: S301
        assert type(copied_error) is type(error)
        assert (str(copied_error), copied_error.detail) == (str(error), error.detail)
        assert getattr(copied_error, "code", None) == getattr(error, "code", None)


class TestInvalidKey:
    def test_invalid_key_error_has_check_id_e002_by_default(self):
        error = InvalidKey("The key is invalid.")
        assert (str(error), error.hint, error.check_id) == ("The key is invalid.", "", "E002")

    def test_invalid_key_error_has_its_hint_and_check_id(self):
        error = InvalidKey("The key is invalid.", "Replace it.", check_id="E001")
        assert (error.hint, error.check_id) == ("Replace it.", "E001")


class TestOAuthError:
    def test_oauth_error_codes_are_stable(self):
        codes = {
            name: error.error
            for name, error in ERRORS.items()
            if issubclass(error, OAuthError) and error is not OAuthError
        }
        assert codes == OAUTH

    @pytest.mark.parametrize("name", OAUTH)
    def test_oauth_error_has_its_code_as_str_and_a_description(self, name):
        error = ERRORS[name](5) if name == "TooManyRequests" else ERRORS[name]()
        assert str(error) == OAUTH[name]
        assert str(error.description).endswith(".")

    @pytest.mark.standard("rfc6749-5.2-3", "rfc6749-5.2-4", "rfc6749-8.5-1")
    @pytest.mark.parametrize("name", OAUTH)
    def test_oauth_error_uses_only_characters_of_rfc_6749(self, name):
        """Section 5.2: printable ASCII without the quotation mark and the backslash."""
        error = ERRORS[name](5) if name == "TooManyRequests" else ERRORS[name]()
        allowed = re.compile(r"[\x20-\x21\x23-\x5b\x5d-\x7e]+")
        assert allowed.fullmatch(error.error)
        with translation.override("en"):
            assert allowed.fullmatch(str(error.description))

    def test_oauth_error_description_can_be_replaced(self):
        error = errors.InvalidRequest("The parameter token is missing.")
        assert error.description == "The parameter token is missing."
        assert errors.InvalidRequest().description == "The request is malformed."

    def test_too_many_requests_error_has_retry_after(self):
        assert errors.TooManyRequests(17).retry_after == 17


class TestCopy:
    """Task queues and test runners pickle errors."""

    @pytest.mark.parametrize("error", SAMPLES, ids=lambda error: type(error).__name__)
    @pytest.mark.parametrize(
        "make_copy",
        [copy.copy, lambda error: pickle.loads(pickle.dumps(error))],  # noqa: S301
    )
    def test_copied_or_pickled_error_keeps_type_and_attributes(self, error, make_copy):
        copied_error = make_copy(error)
        assert type(copied_error) is type(error)
        assert str(copied_error) == str(error)
        for name in ("code", "hint", "check_id", "description", "retry_after"):
            assert getattr(copied_error, name, None) == getattr(error, name, None)
