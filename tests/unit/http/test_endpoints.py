"""Token endpoints: validated request bodies, and errors mapped to responses."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.test import RequestFactory
from django.utils.translation import override
from rest_framework.exceptions import ValidationError

from django_tokenauth.authentication import AccessTokenRejected, TemporarilyUnavailable
from django_tokenauth.errors import (
    InvalidClient,
    InvalidGrant,
    InvalidToken,
    ServiceUnavailable,
    TokenErrorCode,
    TooManyRequests,
)
from django_tokenauth.http.endpoints import TokenEndpoint, validated_data
from django_tokenauth.permissions import InsufficientScope
from django_tokenauth.serializers import RefreshSerializer
from tests.support.client import FORM, JSON, malformed, post, status_and_json

DEFAULTS = {"client_id": "", "client_secret": "", "scope": None}
TOO_LONG = "x" * 256
REJECTED_CHALLENGE = (
    'Bearer realm="api", error="invalid_token", error_description="The access token is not valid."'
)
SCOPE_CHALLENGE = (
    'Bearer realm="api", error="insufficient_scope", '
    'error_description="The access token does not have the required scope.", scope="a"'
)


def request(body, content_type=JSON):
    data = json.dumps(body) if content_type == JSON else body
    django_request = RequestFactory().post("/", data, content_type=content_type)
    return TokenEndpoint().initialize_request(django_request)


def read(body, content_type=JSON):
    return validated_data(RefreshSerializer, request(body, content_type))


class TestValidatedData:
    def test_validated_data_has_the_fields_of_json_and_form(self):
        body = {"refresh_token": "a", "client_id": "phone", "scope": "x y", "more": 1}
        fields = {"refresh_token": "a", "client_id": "phone", "scope": frozenset("xy")}
        assert read(body) == DEFAULTS | fields
        assert read("refresh_token=a&client_id=phone&scope=x+y", FORM) == DEFAULTS | fields

    def test_validated_data_does_not_leak_between_bodies(self):
        first = read({"refresh_token": "a", "client_id": "phone", "scope": "x"})
        second = read({"refresh_token": "b"})
        assert second == DEFAULTS | {"refresh_token": "b"}
        assert first == DEFAULTS | {
            "refresh_token": "a",
            "client_id": "phone",
            "scope": frozenset("x"),
        }

    def test_validated_data_is_a_new_dict_for_each_call(self):
        read({"refresh_token": "a"}).clear()
        assert read({"refresh_token": "a"}) == DEFAULTS | {"refresh_token": "a"}

    def test_validation_errors_do_not_leak_between_bodies(self):
        for body in ({}, {"refresh_token": 1, "scope": " "}, {"client_id": TOO_LONG}):
            with pytest.raises(ValidationError):
                read(body)
            assert read({"refresh_token": "a"}) == DEFAULTS | {"refresh_token": "a"}

    def test_validation_errors_are_listed_by_field(self):
        with pytest.raises(ValidationError) as caught:
            read({"client_id": TOO_LONG, "scope": 1})
        detail = caught.value.detail
        codes = {name: [error.code for error in errors] for name, errors in detail.items()}
        assert codes == {
            "client_id": ["max_length"],
            "refresh_token": ["required"],
            "scope": ["not_string"],
        }

    def test_validated_data_does_not_leak_between_threads(self):
        names = [str(number) for number in range(200)]
        with ThreadPoolExecutor(8) as threads:
            bodies = list(threads.map(lambda name: read({"refresh_token": name}), names))
        assert [body["refresh_token"] for body in bodies] == names


class TestLanguage:
    """Messages are in the language of the request, not in that of an earlier request."""

    BODY = {"refresh_token": 1, "client_id": TOO_LONG, "scope": "a  b"}

    def messages(self, language):
        with override(language), pytest.raises(ValidationError) as caught:
            read(self.BODY)
        return {name: str(error) for name, [error] in caught.value.detail.items()}

    def test_field_errors_are_in_the_language_of_each_request(self):
        korean, english = self.messages("ko"), self.messages("en")
        assert english == {
            "client_id": "Ensure this field has no more than 255 characters.",
            "refresh_token": "Must be a string.",
            "scope": "Must be scope names separated by single spaces.",
        }
        assert korean.keys() == english.keys()
        assert not any(message.isascii() for message in korean.values())

    def test_error_description_is_in_the_language_of_each_request(self):
        body = {"refresh_token": "a", "client_id": TOO_LONG}
        with override("ko"):
            status, first = status_and_json(post("token/refresh/", body))
        assert status == 400
        assert first["error_description"] != malformed("client_id")["error_description"]
        assert "client_id" in first["error_description"]
        with override("en"):
            assert status_and_json(post("token/refresh/", body)) == (400, malformed("client_id"))


class Teapot(InvalidGrant):
    """An error of a project."""

    error = "teapot"
    description = "Short and stout."


class UnknownClient(InvalidClient):
    """An error of a project with a challenge of its own."""

    auth_header = 'Basic realm="tea"'


class TestHandleException:
    """One table maps errors to responses (RFC 6749 section 5.2)."""

    @pytest.mark.parametrize(
        ("error", "status", "headers"),
        [
            (InvalidGrant(), 400, {}),
            (Teapot(), 400, {}),
            (InvalidClient(), 401, {"WWW-Authenticate": 'Basic realm="api"'}),
            (UnknownClient(), 401, {"WWW-Authenticate": 'Basic realm="tea"'}),
            (TooManyRequests(17), 429, {"Retry-After": "17"}),
            (ServiceUnavailable(), 503, {"Retry-After": "1"}),
            (TemporarilyUnavailable(), 503, {"Retry-After": "1"}),
            (
                AccessTokenRejected(TokenErrorCode.SIGNATURE),
                401,
                {"WWW-Authenticate": REJECTED_CHALLENGE},
            ),
            (
                AccessTokenRejected(TokenErrorCode.EXPIRED),
                401,
                {"WWW-Authenticate": REJECTED_CHALLENGE.replace("is not valid", "expired")},
            ),
            (InsufficientScope(["a"]), 403, {"WWW-Authenticate": SCOPE_CHALLENGE}),
        ],
        ids=lambda value: type(value).__name__ if isinstance(value, Exception) else "",
    )
    def test_error_becomes_a_response_with_its_status_and_headers(self, error, status, headers):
        response = TokenEndpoint().handle_exception(error)
        body = {"error": error.error, "error_description": error.description}
        assert (response.status_code, response.data) == (status, body)
        assert response.headers.items() >= headers.items()
        assert response.headers.keys() & {"WWW-Authenticate", "Retry-After"} == headers.keys()
        # REST framework's renderers show errors differently.
        assert response.exception is True

    def test_invalid_token_error_is_returned_as_invalid_grant(self, caplog):
        with caplog.at_level("INFO"):
            response = TokenEndpoint().handle_exception(InvalidToken(TokenErrorCode.EXPIRED))
        body = {"error": "invalid_grant", "error_description": InvalidGrant.description}
        assert (response.status_code, response.data) == (400, body)
        assert caplog.messages == ["access token rejected: expired"]

    def test_endpoint_subclass_can_set_the_status_of_an_error(self):
        class Brewer(TokenEndpoint):
            error_statuses = {**TokenEndpoint.error_statuses, Teapot: 418}

        assert Brewer().handle_exception(Teapot()).status_code == 418
        assert Brewer().handle_exception(InvalidGrant()).status_code == 400
