"""The errors: one tree, stable codes, and texts that give nothing away."""

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
    "UnsupportedGrantType": "unsupported_grant_type",
    "UnsupportedTokenType": "unsupported_token_type",
    "TooManyRequests": "too_many_requests",
}
SAMPLES = [
    InvalidKey("The key is wrong.", "Give another.", check_id="E001"),
    InvalidToken(TokenErrorCode.EXPIRED),
    errors.ServiceUnavailable(),
    errors.InvalidGrant(),
    errors.InvalidRequest("The parameter token is missing."),
    errors.TooManyRequests(17),
]


class RejectedToken(InvalidToken, exceptions.AuthenticationFailed):
    """An error of REST framework that is one of this package too."""

    default_detail = "The access token is not valid."


class Unavailable(errors.ServiceUnavailable, exceptions.APIException):
    default_detail = "Try again."


def test_there_is_one_tree():
    assert all(issubclass(error, TokenAuthError) for error in ERRORS.values())


def test_the_docstring_draws_the_tree_as_it_is():
    drawn = re.findall(r"^ +(?:[│├└─ ]*── )?([A-Z]\w+)", errors.__doc__, re.MULTILINE)
    assert sorted(drawn) == sorted(ERRORS)


def test_the_codes_are_those_that_logs_are_searched_for():
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
        "user",
    }


class TestInvalidToken:
    @pytest.mark.attack(173)
    @pytest.mark.parametrize("code", TokenErrorCode)
    def test_its_text_is_the_code_and_nothing_else(self, code):
        error = InvalidToken(code)
        assert error.code is code
        assert str(error) == code.value


class TestRestFrameworkSubclasses:
    def test_a_rejected_token_has_its_code_and_the_default_detail(self):
        error = RejectedToken(TokenErrorCode.REVOKED)
        assert error.code is TokenErrorCode.REVOKED
        assert error.detail == "The access token is not valid."
        assert error.status_code == 401

    def test_an_unavailable_service_has_the_default_detail(self):
        error = Unavailable()
        assert (error.detail, error.retry_after) == ("Try again.", 1)

    @pytest.mark.parametrize(
        "error", [RejectedToken(TokenErrorCode.USER), Unavailable()], ids=["token", "service"]
    )
    def test_a_pickled_error_is_the_same(self, error):
        twin = pickle.loads(pickle.dumps(error))  # noqa: S301
        assert type(twin) is type(error)
        assert (str(twin), twin.detail) == (str(error), error.detail)
        assert getattr(twin, "code", None) == getattr(error, "code", None)


class TestInvalidKey:
    def test_it_is_reported_as_a_bad_key_unless_told_otherwise(self):
        error = InvalidKey("The key is wrong.")
        assert (str(error), error.hint, error.check_id) == ("The key is wrong.", "", "E002")

    def test_it_carries_what_to_do_and_the_number_of_the_check(self):
        error = InvalidKey("The key is wrong.", "Give another.", check_id="E001")
        assert (error.hint, error.check_id) == ("Give another.", "E001")


class TestOAuthError:
    def test_each_has_the_code_of_its_rfc(self):
        found = {
            name: error.error
            for name, error in ERRORS.items()
            if issubclass(error, OAuthError) and error is not OAuthError
        }
        assert found == OAUTH

    @pytest.mark.parametrize("name", OAUTH)
    def test_its_text_is_the_code_and_its_description_a_sentence(self, name):
        error = ERRORS[name](5) if name == "TooManyRequests" else ERRORS[name]()
        assert str(error) == OAUTH[name]
        assert str(error.description).endswith(".")

    @pytest.mark.standard("rfc6749-5.2-3", "rfc6749-5.2-4", "rfc6749-8.5-1")
    @pytest.mark.parametrize("name", OAUTH)
    def test_what_it_says_is_of_the_characters_that_rfc_6749_allows(self, name):
        """Section 5.2: printable ASCII without the quotation mark and the backslash."""
        error = ERRORS[name](5) if name == "TooManyRequests" else ERRORS[name]()
        allowed = re.compile(r"[\x20-\x21\x23-\x5b\x5d-\x7e]+")
        assert allowed.fullmatch(error.error)
        with translation.override("en"):
            assert allowed.fullmatch(str(error.description))

    def test_a_description_of_its_own_replaces_the_usual_one(self):
        error = errors.InvalidRequest("The parameter token is missing.")
        assert error.description == "The parameter token is missing."
        assert errors.InvalidRequest().description == "The request is malformed."

    def test_too_many_requests_says_when_to_try_again(self):
        assert errors.TooManyRequests(17).retry_after == 17


class TestCopies:
    """Errors cross process borders: task queues and test runners pickle them."""

    @pytest.mark.parametrize("error", SAMPLES, ids=lambda error: type(error).__name__)
    @pytest.mark.parametrize(
        "copied",
        [copy.copy, lambda error: pickle.loads(pickle.dumps(error))],  # noqa: S301
    )
    def test_a_copy_says_the_same(self, error, copied):
        twin = copied(error)
        assert type(twin) is type(error)
        assert str(twin) == str(error)
        for name in ("code", "hint", "check_id", "description", "retry_after"):
            assert getattr(twin, name, None) == getattr(error, name, None)
