"""Bodies of another type or shape, too deep, too long, and with more than was asked for."""

from __future__ import annotations

import json
from http import HTTPStatus

import pytest

from tests.campaigns.attacks.endpoints import EACH
from tests.campaigns.attacks.forging import access_forger
from tests.support.client import (
    ALL,
    FORM,
    INVALID_REQUEST,
    INVALID_SCOPE,
    JSON,
    NAMES,
    PASSWORDS,
    malformed,
)


@EACH
@pytest.mark.attack(119)
def test_another_method_or_type_of_content_is_refused(server, path):
    query = "username=alice&password=correct+horse&token=a.b.c&refresh_token=a.b.c"
    for method in ("GET", "HEAD", "PUT", "PATCH", "DELETE", "TRACE", "BREW"):
        answer = server.send(f"{method} /auth/{path}?{query} HTTP/1.1")
        assert (answer.status, answer.headers["Allow"]) == (405, "POST, OPTIONS")
        assert server.seen.statements == []
    for content_type in ("text/plain", "application/xml", "application/jwt", "text/json", "x", ";"):
        answer = server.post(path, ALL, content_type=content_type)
        assert answer.status == HTTPStatus.UNSUPPORTED_MEDIA_TYPE
        assert server.seen.statements == []


WITHOUT_END = json.dumps(ALL)[:-1]
#: Bodies that are no JSON object, or one that two readers could understand in two ways.
BODIES = [
    *(b"null", b"17", b"[]", b"true", b'"text"', b"{", b" ", b"\0", b"\xff", b"{}{}", b"{'a': 1}"),
    *(b'{"username": "\xff"}', json.dumps(ALL).encode("utf-16"), json.dumps(ALL).encode("utf-32")),
    json.dumps(ALL).encode("utf-8-sig"),
    json.dumps(ALL | {"x": "\ud800"}),
    json.dumps(ALL | {"\udfff": 1}),
    *(f'{WITHOUT_END}, "x": {x}}}' for x in ("NaN", "Infinity", "-Infinity", "1e400", "9" * 5000)),
    *(f'{WITHOUT_END}, "{name}": "x"}}' for name in ALL),
    f'{WITHOUT_END}, "x": {{"a": 1, "a": 1}}}}',
    f'{WITHOUT_END}, "x": {"[" * 900}{"]" * 900}}}',
    json.dumps(ALL) + "x",
    # So deep that REST framework's own parser would answer 500, and not too long to be read ...
    "[" * 32_768,
    "[" * 16_000 + "]" * 16_000,
    '{"a":' * 5_000 + "1" + "}" * 5_000,
    f'{WITHOUT_END}, "x": {"[" * 16_000}{"]" * 16_000}}}',
    # ... and deeper.
    "[" * 100_000,
    "[" * 100_000 + "]" * 100_000,
    '{"a":' * 100_000 + "1" + "}" * 100_000,
    f'{WITHOUT_END}, "x": {"[" * 100_000}{"]" * 100_000}}}',
    # Three megabytes, however they begin.
    b"[" * 3_000_000,
    b"\0" * 3_000_000,
    json.dumps(ALL | {"x": "x" * 3_000_000}),
    json.dumps(ALL | {"password": "x" * 3_000_000}),
    json.dumps(ALL) + " " * 3_000_000,
]


@EACH
@pytest.mark.attack(111, 120)
def test_a_body_that_is_no_proper_json_is_refused_before_anything_is_looked_up(server, path):
    for body in BODIES:
        answer = server.post(path, body)
        assert (answer.status, answer.json()) == (400, INVALID_REQUEST), body[:80]
        assert server.seen.statements == []


@EACH
@pytest.mark.attack(120)
def test_a_body_that_is_no_proper_form_is_refused_before_anything_is_looked_up(server, path):
    good = "username=alice&password=x&token=a&refresh_token=a"
    for body in (
        f"{good}&username=bob&token=b&refresh_token=b",
        f"{good}&password=",
        f"{good}&x=%FF&x=%FF",
        "&".join(f"a{number}=" for number in range(1_001)),
        "&" * 32_769,
        f"{good}&x={'x' * 3_000_000}",
        b"\0" * 3_000_000,
    ):
        answer = server.post(path, body, content_type=FORM)
        assert (answer.status, answer.json()) == (400, INVALID_REQUEST), body[:80]
        assert server.seen.statements == []


@EACH
@pytest.mark.attack(120)
def test_a_form_of_several_parts_is_not_read_whole_or_broken(server, path):
    name = 'Content-Disposition: form-data; name="token"; filename="x"'
    part = f"--x\r\n{name}\r\n\r\na.b.c\r\n"
    for body in (f"{part}--x--\r\n", part, "--x", "", part * 30_000, f"--x\r\n{'a' * 100_000}"):
        for kind in ("multipart/form-data; boundary=x", "multipart/form-data", "multipart/mixed"):
            answer = server.post(path, body, content_type=kind)
            assert answer.status == HTTPStatus.UNSUPPORTED_MEDIA_TYPE
            assert server.seen.statements == []


@EACH
@pytest.mark.attack(120)
def test_parameters_of_another_shape_are_named_and_not_looked_up(server, path):
    for value in (None, 1, 1.5, True, [], ["a.b.c"], {}, {"a": "b"}, "a\0b", ""):
        answer = server.post(path, dict.fromkeys(ALL, value))
        assert (answer.status, answer.json()) == (400, malformed(*NAMES[path]))
        assert server.seen.statements == []


@pytest.mark.attack(111)
def test_a_token_longer_than_eight_kibibytes_is_not_looked_at(alice, server):
    forger = access_forger(server)
    room = 8192 - len(forger.with_claims(x=""))
    # Four characters carry three bytes.
    forger.accepted(forger.with_claims(x="x" * (room * 3 // 4 - 3)))
    forger.refused(*(forger.with_claims(x="x" * size) for size in (room * 3 // 4 + 3, 20_000)))
    forger.refused_in_a_body(
        forger.with_claims(x="x" * (room * 3 // 4 + 3)), "x" * 30_000, "." * 30_000
    )


@pytest.mark.attack(120)
def test_a_deep_body_is_not_read_where_none_is_wanted(alice, server):
    """The views of sessions are REST framework's but for that, and so is their parser."""
    deep = "[" * 100_000 + "]" * 100_000
    for accept in ("application/json", "text/html"):
        for method, status in (("GET", 200), ("POST", 405), ("PATCH", 405), ("DELETE", 204)):
            answer = server.send(
                f"{method} /auth/sessions/ HTTP/1.1",
                f"Authorization: Bearer {server.sign_in()['access_token']}",
                f"Accept: {accept}",
                f"Content-Type: {JSON}",
                f"Content-Length: {len(deep)}",
                body=deep,
            )
            # A page for people has something to show instead of 204.
            expected = 200 if (status, accept) == (204, "text/html") else status
            assert answer.status == expected


MORE = {
    "is_staff": True,
    "is_superuser": True,
    "is_active": True,
    "user": 2,
    "user_id": 2,
    "sub": "2",
    "sid": "0f8fad5b-d9cb-469f-a165-70867728950e",
    "gen": 9,
    "generation": 9,
    "exp": 9_999_999_999,
    "expires_in": 999_999,
    "absolute_expires_at": "2999-01-01",
    "auth_time": 1,
    "amr": ["mfa"],
    "scope_limited": False,
    "claims": {"sub": "2"},
}


@pytest.mark.attack(121)
def test_what_is_added_to_a_body_makes_nobody_more_than_they_are(alice, bob, server):
    more = MORE | {"user": bob.pk, "user_id": bob.pk, "sub": str(bob.pk)}
    tokens = server.sign_in(**more)
    for _ in range(2):
        assert tokens.keys() == {"access_token", "refresh_token", "token_type", "expires_in"}
        assert tokens["expires_in"] == 300
        answer = server.get("/who/", tokens["access_token"])
        assert answer.json() == {"user": "alice", "sub": str(alice.pk)}
        assert server.get("/admin/", tokens["access_token"]).status == HTTPStatus.FOUND
        body = {"refresh_token": tokens["refresh_token"], **more}
        tokens = server.post("token/refresh/", body).json()
    alice.refresh_from_db()
    assert (alice.is_staff, alice.is_superuser) == (False, False)


@pytest.mark.attack(121)
def test_a_scope_that_the_user_may_not_have_is_refused(alice, server, settings):
    settings.TOKENAUTH = {"SCOPES": ["notes:read"]}
    for scope in ("admin", "notes:read admin"):
        body = {"username": "alice", "password": PASSWORDS["alice"], "scope": scope, **MORE}
        answer = server.post("token/", body)
        assert (answer.status, answer.json()) == (400, INVALID_SCOPE)
