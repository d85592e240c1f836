"""What comes to the token endpoints and is no proper request (RFC 6749 section 5.2)."""

from __future__ import annotations

import json
from urllib.parse import urlencode

import pytest
from django.http import HttpRequest
from django.test import Client

from tests.support.client import (
    ALL,
    FORM,
    INVALID_GRANT,
    INVALID_REQUEST,
    JSON,
    NAMES,
    call,
    get,
    malformed,
    outcome,
    post,
    sign_in,
)

EACH = pytest.mark.parametrize("path", NAMES)
DUPLICATED = "".join(f'"{name}": "{text}",' for name, text in ALL.items())

pytestmark = pytest.mark.django_db


class Cut:
    """The body of a request whose client goes away before the end of it."""

    def read(self, size=-1):
        raise ConnectionResetError

    readline = read


def is_not_cached(answer):
    return (answer.headers["Cache-Control"], answer.headers["Pragma"]) == ("no-store", "no-cache")


@EACH
class TestBody:
    @pytest.mark.parametrize("content_type", [JSON, FORM])
    def test_one_that_is_cut_off_is_no_fault_of_the_server(self, path, content_type, caplog):
        """Else anybody could make errors in the log, and mails to those who read it."""
        client = Client(raise_request_exception=False)
        answer = client.generic(
            "POST",
            f"/auth/{path}",
            b"{}",
            content_type,
            **{"wsgi.input": Cut(), "CONTENT_LENGTH": "20"},
        )
        assert outcome(answer) == (400, INVALID_REQUEST)
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
            b"username=alice&password=x&token=y&refresh_token=z",
            b"\xff\xfe",
            b'{"username": "\xff", "password": "x", "token": "\xff", "refresh_token": "\xff"}',
            json.dumps(ALL | {"username": "\ud800"}),
            json.dumps(ALL | {"\udfff": ""}),
            json.dumps(ALL | {"extra": float("nan")}),
            json.dumps(ALL | {"extra": float("inf")}),
            json.dumps(ALL).encode("utf-16"),
            json.dumps(ALL).encode("utf-8-sig"),
            "{" + DUPLICATED + '"token": "a", "username": "bob", "refresh_token": "x"}',
            json.dumps(ALL)[:-1] + ', "extra": {"a": 1, "a": 1}}',
            json.dumps(ALL) + json.dumps(ALL),
            "[" * 100_000 + "]" * 100_000,
            '{"token":' * 100_000 + "1" + "}" * 100_000,
            json.dumps(ALL)[:-1] + ', "extra": ' + "[" * 900 + "]" * 900 + "}",
            json.dumps(ALL)[:-1] + ', "extra": ' + "9" * 5_000 + "}",
            json.dumps(ALL | {"extra": "x" * 3_000_000}),
            b"\0" * 3_000_000,
        ],
        ids=lambda body: str(body[:24]),
    )
    def test_json_that_cannot_be_is_malformed(self, path, body, django_assert_num_queries):
        with django_assert_num_queries(0):
            answer = post(path, body)
        assert outcome(answer) == (400, INVALID_REQUEST)
        assert is_not_cached(answer)

    @pytest.mark.standard("rfc6749-3.2-5")
    @pytest.mark.attack(120)
    @pytest.mark.parametrize(
        "body",
        [
            urlencode(ALL) + "&username=bob&token=b&refresh_token=b",
            urlencode(ALL) + "&extra=1&extra=1",
            "&".join(f"a{number}=" for number in range(1_001)),
            urlencode(ALL) + "&extra=" + "x" * 3_000_000,
        ],
        ids=lambda body: body[-24:],
    )
    def test_a_form_that_cannot_be_is_malformed(self, path, body, django_assert_num_queries):
        with django_assert_num_queries(0):
            answer = post(path, body, FORM)
        assert outcome(answer) == (400, INVALID_REQUEST)
        assert is_not_cached(answer)

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
    def test_an_empty_one_lacks_all_parameters(self, path, body, content_type):
        answer = post(path, body, content_type)
        assert outcome(answer) == (400, malformed(*NAMES[path]))
        assert is_not_cached(answer)

    @pytest.mark.standard("rfc6749-10.14-1")
    @pytest.mark.attack(120)
    @pytest.mark.parametrize("value", [None, 1, True, "", ["a.b.c"], {"a": "b"}, "a\0b"])
    def test_parameters_that_cannot_be_are_named(self, path, value, django_assert_num_queries):
        with django_assert_num_queries(0):
            answer = post(path, dict.fromkeys(ALL, value))
        assert outcome(answer) == (400, malformed(*NAMES[path]))

    @pytest.mark.attack(119)
    @pytest.mark.parametrize(
        "content_type",
        [
            *("text/plain", "text/html", "application/xml", "application/octet-stream"),
            *("application/jsonp", "application/jwt", "multipart/form-data"),
            *("json", "", ";", "\xe9"),
        ],
    )
    def test_another_content_type_is_415(self, path, content_type, django_assert_num_queries):
        with django_assert_num_queries(0):
            answer = post(path, json.dumps(ALL), content_type)
        assert answer.status_code == 415
        assert answer.json().keys() == {"detail"}
        assert is_not_cached(answer)

    def test_multipart_is_415(self, path):
        answer = Client().post(f"/auth/{path}", ALL)
        assert answer.status_code == 415
        assert is_not_cached(answer)

    @pytest.mark.parametrize("attribute", ["POST", "body"])
    def test_a_middleware_that_reads_the_body_changes_nothing(self, path, settings, attribute):
        settings.MIDDLEWARE = [f"{__name__}.reads_{attribute.lower()}"]
        assert Client().post(f"/auth/{path}", ALL).status_code == 415
        answer = post(path, urlencode(ALL) + "&username=bob&token=b&refresh_token=b", FORM)
        assert outcome(answer) == (400, INVALID_REQUEST)
        assert post(path, "", FORM).json() == malformed(*NAMES[path])
        assert post(path, "[]").json() == INVALID_REQUEST


def reads_post(get_response):
    def middleware(request: HttpRequest):
        len(request.POST)
        return get_response(request)

    return middleware


def reads_body(get_response):
    def middleware(request: HttpRequest):
        len(request.body)
        return get_response(request)

    return middleware


@EACH
class TestMethod:
    @pytest.mark.standard("rfc6749-3.2-2")
    @pytest.mark.attack(119)
    @pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "PATCH", "DELETE", "TRACE", "BREW"])
    def test_only_post_is_allowed(self, path, method, django_assert_num_queries):
        with django_assert_num_queries(0):
            answer = call(method, f"/auth/{path}?username=alice&password=correct+horse&token=x")
        assert answer.status_code == 405
        assert answer.headers["Allow"] == "POST, OPTIONS"
        assert is_not_cached(answer)

    def test_options_say_so(self, path, django_assert_num_queries):
        with django_assert_num_queries(0):
            answer = call("OPTIONS", f"/auth/{path}")
        assert answer.status_code == 200
        assert answer.headers["Allow"] == "POST, OPTIONS"
        assert answer.json()["parses"] == [JSON, FORM]
        assert answer.json()["renders"] == [JSON]

    @pytest.mark.standard("rfc6749-2.3.1-3")
    def test_parameters_in_the_query_do_not_count(self, path):
        answer = post(f"{path}?{urlencode(ALL)}", {})
        assert outcome(answer) == (400, malformed(*NAMES[path]))


@EACH
class TestAnswer:
    @pytest.mark.parametrize(
        "accept", ["text/html", "*/*", "application/xml", "text/html;q=1, */*;q=0", "nonsense", ""]
    )
    def test_it_is_json_whatever_the_client_accepts(self, path, accept):
        answer = post(path, {}, Accept=accept)
        assert answer.headers["Content-Type"] == JSON
        assert outcome(answer) == (400, malformed(*NAMES[path]))

    def test_a_format_in_the_query_changes_nothing(self, path):
        answer = post(f"{path}?format=html", {})
        assert outcome(answer) == (400, malformed(*NAMES[path]))

    def test_an_access_token_is_not_looked_at(self, path, django_assert_num_queries):
        with django_assert_num_queries(0):
            answer = post(path, {}, Authorization="Bearer garbage")
        assert answer.status_code == 400

    def test_the_defaults_of_the_project_do_not_count(self, path, settings):
        settings.REST_FRAMEWORK = {
            "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAdminUser"],
            "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.StaticHTMLRenderer"],
            "DEFAULT_PARSER_CLASSES": [],
        }
        assert outcome(post(path, {})) == (400, malformed(*NAMES[path]))


@pytest.mark.standard("rfc6749-5.1-1", "rfc6749-5.1-4")
@pytest.mark.attack(116)
def test_all_good_answers_are_json_and_not_cached(alice):
    tokens = sign_in()
    access, refresh = tokens["access_token"], tokens["refresh_token"]
    for path, body in (
        ("token/", ALL),
        ("token/", {"grant_type": "refresh_token", "refresh_token": refresh}),
        ("token/refresh/", {"refresh_token": refresh}),
        ("token/verify/", {"token": access}),
        ("token/verify/", {"token": "garbage"}),
        ("token/revoke/", {"token": "garbage"}),
        ("token/revoke/", {"token": refresh}),
    ):
        answer = post(path, body, Accept="text/html")
        assert answer.status_code == 200
        assert answer.headers["Content-Type"] == JSON
        assert is_not_cached(answer)


@pytest.mark.standard("rfc6749-5.1-4")
@pytest.mark.attack(116)
def test_sessions_are_not_cached(alice):
    for answer in (
        get("/auth/sessions/"),
        get("/auth/sessions/", sign_in()["access_token"]),
        call("DELETE", "/auth/sessions/?keep=current", sign_in()["access_token"]),
    ):
        assert is_not_cached(answer)


@pytest.mark.standard("rfc6749-5.2-4")
def test_the_description_is_in_the_language_of_the_client(alice, settings):
    settings.MIDDLEWARE = ["django.middleware.locale.LocaleMiddleware"]
    answer = post("token/", ALL | {"password": "wrong"}, **{"Accept-Language": "ko"})
    assert answer.status_code == 400
    assert answer.json()["error"] == "invalid_grant"
    assert not answer.json()["error_description"].isascii()
    answer = post("token/", ALL | {"password": "wrong"}, **{"Accept-Language": "en"})
    assert outcome(answer) == (400, INVALID_GRANT)
