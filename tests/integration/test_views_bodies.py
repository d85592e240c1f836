"""Invalid requests to the token endpoints (RFC 6749 section 5.2).

Tests without ``alice`` have no database: a statement is an error.
"""

from __future__ import annotations

import json
from urllib.parse import urlencode

import pytest
from django.test import Client

from tests.support.client import (
    ALL_PARAMETERS,
    FORM,
    INVALID_REQUEST,
    JSON,
    NOT_JSON,
    REPEATED,
    REQUIRED_PARAMETERS,
    UNSUPPORTED_CONTENT_TYPE,
    WRONG_PASSWORD,
    call,
    get,
    malformed,
    malformed_in,
    other_format,
    post,
    sign_in,
    status_and_json,
    unreadable,
)

VERIFY = "token/verify/"
CREDENTIALS = {name: ALL_PARAMETERS[name] for name in ("username", "password")}
ALL_ENDPOINTS = pytest.mark.parametrize("path", REQUIRED_PARAMETERS)
DUPLICATED = "".join(f'"{name}": "{text}",' for name, text in ALL_PARAMETERS.items())


class InterruptedBody:
    """The body of a request whose client disconnects before its end."""

    def read(self, size=-1):
        raise ConnectionResetError

    readline = read


def has_no_store(response):
    return (response.headers["Cache-Control"], response.headers["Pragma"]) == (
        "no-store",
        "no-cache",
    )


@ALL_ENDPOINTS
class TestBody:
    @pytest.mark.parametrize("content_type", [JSON, FORM])
    def test_interrupted_token_request_returns_400_and_logs_no_error(
        self, path, content_type, caplog
    ):
        """A client must not be able to cause logged errors and mails to the administrators."""
        client = Client(raise_request_exception=False)
        response = client.generic(
            "POST",
            f"/auth/{path}",
            b"{}",
            content_type,
            **{"wsgi.input": InterruptedBody(), "CONTENT_LENGTH": "20"},
        )
        assert status_and_json(response) == (400, INVALID_REQUEST)
        assert not [record for record in caplog.records if record.levelname == "ERROR"]

    @pytest.mark.standard("rfc6749-10.14-1", "rfc6749-3.2-5", "rfc7009-5-2")
    @pytest.mark.attack(120)
    @pytest.mark.parametrize(
        "body",
        [
            b"null",
            b"[]",
            b"17",
            b"true",
            b'"text"',
            b"NaN",
            b" ",
            b"{",
            b'{"username": "alice", ',
            b"\xff\xfe",
            b'{"username": "\xff", "password": "x", "token": "\xff", "refresh_token": "\xff"}',
            json.dumps(ALL_PARAMETERS | {"username": "\ud800"}),
            json.dumps(ALL_PARAMETERS | {"\udfff": ""}),
            json.dumps(ALL_PARAMETERS | {"extra": float("nan")}),
            json.dumps(ALL_PARAMETERS | {"extra": float("inf")}),
            json.dumps(ALL_PARAMETERS).encode("utf-16"),
            json.dumps(ALL_PARAMETERS).encode("utf-8-sig"),
            "{" + DUPLICATED + '"token": "a", "username": "bob", "refresh_token": "x"}',
            json.dumps(ALL_PARAMETERS)[:-1] + ', "extra": {"a": 1, "a": 1}}',
            json.dumps(ALL_PARAMETERS) + json.dumps(ALL_PARAMETERS),
            "[" * 100_000 + "]" * 100_000,
            '{"token":' * 100_000 + "1" + "}" * 100_000,
            json.dumps(ALL_PARAMETERS)[:-1] + ', "extra": ' + "[" * 900 + "]" * 900 + "}",
            json.dumps(ALL_PARAMETERS)[:-1] + ', "extra": ' + "9" * 5_000 + "}",
            json.dumps(ALL_PARAMETERS | {"extra": "x" * 3_000_000}),
            b"\0" * 3_000_000,
        ],
        ids=lambda body: str(body[:24]),
    )
    def test_token_endpoints_with_invalid_or_large_json_return_400(self, path, body):
        response = post(path, body)
        assert status_and_json(response) == (400, unreadable(body))
        assert has_no_store(response)

    @pytest.mark.standard("rfc6749-3.2-5")
    @pytest.mark.attack(120)
    @pytest.mark.parametrize(
        "body",
        [
            urlencode(ALL_PARAMETERS) + "&username=bob&token=b&refresh_token=b",
            urlencode(ALL_PARAMETERS) + "&extra=1&extra=1",
            urlencode(ALL_PARAMETERS) + "&extra=" + "x" * 3_000_000,
        ],
        ids=lambda body: body[-24:],
    )
    def test_token_endpoints_with_invalid_or_large_form_return_400(self, path, body):
        response = post(path, body, FORM)
        assert status_and_json(response) == (400, unreadable(body, FORM))
        assert has_no_store(response)

    def test_form_with_too_many_names_returns_400(self, path):
        response = post(path, "&".join(f"a{number}=" for number in range(1_001)), FORM)
        assert status_and_json(response) == (400, INVALID_REQUEST)
        assert has_no_store(response)

    @pytest.mark.parametrize(
        ("body", "content_type", "expected"),
        [
            # curl -d and some clients send this content type with any body.
            (f" {json.dumps(ALL_PARAMETERS)}", FORM, JSON),
            (urlencode(ALL_PARAMETERS), JSON, FORM),
        ],
    )
    def test_body_of_another_format_names_its_content_type(
        self, path, body, content_type, expected
    ):
        response = post(path, body, content_type)
        assert status_and_json(response) == (400, other_format(expected))

    @pytest.mark.standard("rfc7009-2.1-1")
    @pytest.mark.parametrize(
        ("body", "content_type"),
        [
            ("{}", JSON),
            ("", JSON),
            ("", FORM),
            ("", "text/plain"),
            ("a=1", FORM),
            ('{"a":1}', JSON),
        ],
    )
    def test_token_endpoints_name_all_missing_parameters(self, path, body, content_type):
        response = post(path, body, content_type)
        assert status_and_json(response) == (400, malformed(*REQUIRED_PARAMETERS[path]))
        assert has_no_store(response)

    @pytest.mark.standard("rfc6749-10.14-1")
    @pytest.mark.attack(120)
    @pytest.mark.parametrize("value", [None, 1, True, "", ["a.b.c"], {"a": "b"}, "a\0b"])
    def test_token_endpoints_name_invalid_parameters(self, path, value):
        response = post(path, dict.fromkeys(ALL_PARAMETERS, value))
        assert status_and_json(response) == (400, malformed_in(path, value))

    @pytest.mark.attack(119)
    @pytest.mark.parametrize(
        "content_type",
        [
            *("text/plain", "text/html", "application/xml", "application/octet-stream"),
            *("application/jsonp", "application/jwt", "multipart/mixed; boundary=x"),
            *("json", "", ";", "\xe9"),
        ],
    )
    def test_token_endpoints_return_415_for_unsupported_types(self, path, content_type):
        response = post(path, json.dumps(ALL_PARAMETERS), content_type)
        assert status_and_json(response) == (415, UNSUPPORTED_CONTENT_TYPE)
        assert has_no_store(response)

    @pytest.mark.parametrize("length", [{}, {"CONTENT_LENGTH": ""}, {"CONTENT_LENGTH": "0"}])
    def test_content_type_of_empty_body_is_ignored(self, path, length):
        """``manage.py runserver`` adds ``text/plain`` to a request without a content type."""
        response = Client().generic("POST", f"/auth/{path}", CONTENT_TYPE="text/plain", **length)
        assert status_and_json(response) == (400, malformed(*REQUIRED_PARAMETERS[path]))

    def test_content_type_of_chunked_body_is_checked(self, path):
        chunked = {"CONTENT_TYPE": "text/plain", "HTTP_TRANSFER_ENCODING": "chunked"}
        response = Client().generic("POST", f"/auth/{path}", **chunked)
        assert status_and_json(response) == (415, UNSUPPORTED_CONTENT_TYPE)

    @pytest.mark.parametrize("attribute", ["POST", "body"])
    def test_middleware_that_reads_the_body_changes_no_response(self, path, settings, attribute):
        settings.MIDDLEWARE = [f"tests.support.middleware.reads_{attribute.lower()}"]
        assert post(path, "a=1", "text/plain").status_code == 415
        response = post(
            path, urlencode(ALL_PARAMETERS) + "&username=bob&token=b&refresh_token=b", FORM
        )
        assert status_and_json(response) == (400, REPEATED)
        assert post(path, "", FORM).json() == malformed(*REQUIRED_PARAMETERS[path])
        assert post(path, "[]").json() == NOT_JSON


@ALL_ENDPOINTS
class TestMethod:
    @pytest.mark.standard("rfc6749-3.2-2")
    @pytest.mark.attack(119)
    @pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "PATCH", "DELETE", "TRACE", "BREW"])
    def test_token_endpoints_return_405_for_other_methods(self, path, method):
        response = call(method, f"/auth/{path}?username=alice&password=correct+horse&token=x")
        assert response.status_code == 405
        assert response.headers["Allow"] == ("POST" if path == VERIFY else "POST, OPTIONS")
        assert has_no_store(response)

    def test_options_lists_methods_except_at_the_verify_endpoint(self, path):
        response = call("OPTIONS", f"/auth/{path}")
        if path == VERIFY:
            # A gateway may rely on the status.
            assert (response.status_code, response.headers["Allow"]) == (405, "POST")
            return
        assert response.status_code == 200
        assert response.headers["Allow"] == "POST, OPTIONS"
        assert response.json()["parses"] == [JSON, FORM, "multipart/form-data"]
        assert response.json()["renders"] == [JSON]

    @pytest.mark.standard("rfc6749-2.3.1-3")
    def test_token_endpoints_ignore_the_query_string(self, path):
        response = post(f"{path}?{urlencode(ALL_PARAMETERS)}", {})
        assert status_and_json(response) == (400, malformed(*REQUIRED_PARAMETERS[path]))


@ALL_ENDPOINTS
class TestResponse:
    @pytest.mark.parametrize(
        "accept", ["text/html", "*/*", "application/xml", "text/html;q=1, */*;q=0", "nonsense", ""]
    )
    def test_token_endpoints_return_json_for_every_accept_header(self, path, accept):
        response = post(path, {}, Accept=accept)
        assert response.headers["Content-Type"] == JSON
        assert status_and_json(response) == (400, malformed(*REQUIRED_PARAMETERS[path]))

    def test_token_endpoints_ignore_format_in_the_query_string(self, path):
        response = post(f"{path}?format=html", {})
        assert status_and_json(response) == (400, malformed(*REQUIRED_PARAMETERS[path]))

    def test_token_endpoints_ignore_a_bearer_token(self, path):
        response = post(path, {}, Authorization="Bearer garbage")
        assert response.status_code == 400

    def test_token_endpoints_ignore_rest_framework_defaults(self, path, settings):
        settings.REST_FRAMEWORK = {
            "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAdminUser"],
            "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.StaticHTMLRenderer"],
            "DEFAULT_PARSER_CLASSES": [],
        }
        assert status_and_json(post(path, {})) == (400, malformed(*REQUIRED_PARAMETERS[path]))


@pytest.mark.standard("rfc6749-5.1-1", "rfc6749-5.1-4")
@pytest.mark.attack(116)
def test_successful_token_responses_are_json_with_no_store(alice):
    tokens = sign_in()
    access, refresh = tokens["access_token"], tokens["refresh_token"]
    for path, body in (
        ("token/", CREDENTIALS),
        ("token/", {"grant_type": "refresh_token", "refresh_token": refresh}),
        ("token/refresh/", {"refresh_token": refresh}),
        ("token/verify/", {"token": access}),
        ("token/revoke/", {"token": "garbage"}),
        ("token/revoke/", {"token": refresh}),
    ):
        response = post(path, body, Accept="text/html")
        assert response.status_code == 200
        assert response.headers["Content-Type"] == JSON
        assert has_no_store(response)


@pytest.mark.standard("rfc6749-5.1-4")
@pytest.mark.attack(116)
def test_session_responses_have_no_store(alice):
    for response in (
        get("/auth/sessions/"),
        get("/auth/sessions/", sign_in()["access_token"]),
        call("DELETE", "/auth/sessions/?keep=current", sign_in()["access_token"]),
    ):
        assert has_no_store(response)


@pytest.mark.standard("rfc6749-5.2-4")
def test_error_description_is_in_the_language_of_the_client(alice, settings):
    settings.MIDDLEWARE = ["django.middleware.locale.LocaleMiddleware"]
    response = post("token/", CREDENTIALS | {"password": "wrong"}, **{"Accept-Language": "ko"})
    assert response.status_code == 400
    assert response.json()["error"] == "invalid_grant"
    assert not response.json()["error_description"].isascii()
    response = post("token/", CREDENTIALS | {"password": "wrong"}, **{"Accept-Language": "en"})
    assert status_and_json(response) == (400, WRONG_PASSWORD)
