"""The header of access tokens: its key in ``request.META``, its token, and the challenge."""

from __future__ import annotations

import pytest
from django.core.exceptions import ImproperlyConfigured

from django_tokenauth._bearer import (
    AUTHORIZATION,
    challenge,
    has_wrong_scheme,
    meta_key,
    token_in,
)


@pytest.mark.parametrize(
    ("header", "key"),
    [
        (AUTHORIZATION, "HTTP_AUTHORIZATION"),
        ("X-Auth-Token", "HTTP_X_AUTH_TOKEN"),
        ("x-auth-token", "HTTP_X_AUTH_TOKEN"),
        ("a" * 64, f"HTTP_{'A' * 64}"),
    ],
)
def test_meta_key_is_that_of_the_gateway_interface(header, key):
    assert meta_key(header) == key


@pytest.mark.parametrize("header", ["", "a" * 65, "X_Auth", "1-Token", "X Auth", "X-Auth\n", None])
def test_unusable_header_names_are_rejected_with_an_example(header):
    with pytest.raises(ImproperlyConfigured) as raised:
        meta_key(header)
    assert str(raised.value) == (
        "The attribute header of an authentication class must be the name of a header, with "
        f'letters, digits and hyphens: "X-Auth-Token". It is {header!r}.'
    )


@pytest.mark.parametrize("header", ["Cookie", "ACCEPT", "content-type", "User-Agent", "origin"])
def test_headers_that_any_page_can_send_are_rejected(header):
    with pytest.raises(ImproperlyConfigured) as raised:
        meta_key(header)
    assert str(raised.value) == (
        f"The attribute header of an authentication class must not be {header!r}, because pages of "
        "other origins can make browsers send this header. Use X-Auth-Token."
    )


@pytest.mark.parametrize(
    ("value", "token"),
    [
        ("Bearer abc", "abc"),
        ("bearer abc", "abc"),
        ("BEARER abc", "abc"),
        ("Bearer  abc", " abc"),
        ("Bearer abc def", "abc def"),
        ("Bearer\tabc", "\tabc"),
        ("Bearer", ""),
        ("bearer ", ""),
        ("Bearerabc", None),
        ("Basic abc", None),
        ("abc", None),
        ("", None),
    ],
)
def test_token_follows_the_scheme_of_authorization(value, token):
    assert token_in({"HTTP_AUTHORIZATION": value}, AUTHORIZATION) == token
    # A string that is equal, but another object.
    assert token_in({"HTTP_AUTHORIZATION": value}, AUTHORIZATION.swapcase().swapcase()) == token


@pytest.mark.parametrize(
    ("value", "token"),
    [("abc", "abc"), ("Bearer abc", "abc"), ("bearer abc", "abc"), ("Basic abc", "Basic abc")],
)
def test_scheme_is_optional_in_another_header(value, token):
    assert token_in({"HTTP_X_AUTH_TOKEN": value}, "X-Auth-Token") == token


@pytest.mark.parametrize("header", [AUTHORIZATION, "X-Auth-Token"])
def test_request_without_the_header_has_no_token(header):
    assert token_in({"HTTP_X_OTHER": "Bearer abc"}, header) is None
    assert token_in({"HTTP_X_AUTH_TOKEN": "", "HTTP_AUTHORIZATION": ""}, header) is None
    assert not has_wrong_scheme({}, header)


@pytest.mark.parametrize(
    ("value", "is_wrong"),
    [
        ("JWT abc", True),
        ("jwt abc", True),
        ("Token abc", True),
        ("TOKEN", True),
        ("Bearer: abc", True),
        ("eyJhbGciOiJIUzI1NiJ9.e30.abc", True),
        ("Bearer abc", False),
        ("JWTabc", False),
        ("a JWT", False),
        ("", False),
    ],
)
def test_token_without_the_bearer_scheme_is_recognized(value, is_wrong):
    assert has_wrong_scheme({"HTTP_AUTHORIZATION": value}, AUTHORIZATION) is is_wrong
    assert not has_wrong_scheme({"HTTP_AUTHORIZATION": value}, "X-Auth-Token")


def test_challenge_contains_only_parameters_with_a_value():
    assert challenge("api") == 'Bearer realm="api"'
    assert challenge("api", "invalid_token", "It expired.", "a b", "X-Auth-Token") == (
        'Bearer realm="api", error="invalid_token", error_description="It expired.", scope="a b", '
        'header="X-Auth-Token"'
    )
    assert challenge("", "invalid_token") == 'Bearer error="invalid_token"'
