"""Request bodies with a wrong type, too deep, too long, or with extra members."""

from __future__ import annotations

import json
from http import HTTPStatus

import pytest

from tests.campaigns.attacks.endpoints import EACH_ENDPOINT
from tests.campaigns.attacks.forging import access_forger
from tests.support.client import (
    ALL_PARAMETERS,
    FORM,
    INVALID_REQUEST,
    INVALID_SCOPE,
    JSON,
    MEMBERS,
    PASSWORDS,
    malformed_in,
    unreadable,
)


@EACH_ENDPOINT
@pytest.mark.attack(119)
def test_token_endpoint_accepts_only_post_with_json_or_form(offline_server, path):
    query = "username=alice&password=correct+horse&token=a.b.c&refresh_token=a.b.c"
    for method in ("GET", "HEAD", "PUT", "PATCH", "DELETE", "TRACE", "BREW"):
        response = offline_server.send(f"{method} /auth/{path}?{query} HTTP/1.1")
        assert response.status == 405
        # A status of 200 for OPTIONS would look like a valid token at token/verify/.
        methods = "POST" if path == "token/verify/" else "POST, OPTIONS"
        assert response.headers["Allow"] == methods
        assert offline_server.activity.statements == []
    for content_type in ("text/plain", "application/xml", "application/jwt", "text/json", "x", ";"):
        response = offline_server.post(path, ALL_PARAMETERS, content_type=content_type)
        assert response.status == HTTPStatus.UNSUPPORTED_MEDIA_TYPE
        assert offline_server.activity.statements == []


UNCLOSED = json.dumps(ALL_PARAMETERS)[:-1]
#: Bodies that are not a JSON object, or an ambiguous one.
BODIES = [
    *(b"null", b"17", b"[]", b"true", b'"text"', b"{", b" ", b"\0", b"\xff", b"{}{}", b"{'a': 1}"),
    *(
        b'{"username": "\xff"}',
        json.dumps(ALL_PARAMETERS).encode("utf-16"),
        json.dumps(ALL_PARAMETERS).encode("utf-32"),
    ),
    json.dumps(ALL_PARAMETERS).encode("utf-8-sig"),
    json.dumps(ALL_PARAMETERS | {"x": "\ud800"}),
    json.dumps(ALL_PARAMETERS | {"\udfff": 1}),
    *(f'{UNCLOSED}, "x": {x}}}' for x in ("NaN", "Infinity", "-Infinity", "1e400", "9" * 5000)),
    *(f'{UNCLOSED}, "{name}": "x"}}' for name in ALL_PARAMETERS),
    f'{UNCLOSED}, "x": {{"a": 1, "a": 1}}}}',
    f'{UNCLOSED}, "x": {"[" * 900}{"]" * 900}}}',
    json.dumps(ALL_PARAMETERS) + "x",
    # Deep enough that REST framework's parser fails, but within the size limit ...
    "[" * 32_768,
    "[" * 16_000 + "]" * 16_000,
    '{"a":' * 5_000 + "1" + "}" * 5_000,
    f'{UNCLOSED}, "x": {"[" * 16_000}{"]" * 16_000}}}',
    # ... and deeper.
    "[" * 100_000,
    "[" * 100_000 + "]" * 100_000,
    '{"a":' * 100_000 + "1" + "}" * 100_000,
    f'{UNCLOSED}, "x": {"[" * 100_000}{"]" * 100_000}}}',
    # Three megabytes of different content.
    b"[" * 3_000_000,
    b"\0" * 3_000_000,
    json.dumps(ALL_PARAMETERS | {"x": "x" * 3_000_000}),
    json.dumps(ALL_PARAMETERS | {"password": "x" * 3_000_000}),
    json.dumps(ALL_PARAMETERS) + " " * 3_000_000,
]


@EACH_ENDPOINT
@pytest.mark.attack(111, 120)
def test_invalid_or_large_json_body_is_rejected_without_query(offline_server, path):
    for body in BODIES:
        response = offline_server.post(path, body)
        assert (response.status, response.json()) == (400, unreadable(body)), body[:80]
        assert offline_server.activity.statements == []


@EACH_ENDPOINT
@pytest.mark.attack(120)
def test_malformed_form_body_is_rejected_without_query(offline_server, path):
    valid = "username=alice&password=x&token=a&refresh_token=a"
    for body in (
        f"{valid}&username=bob&token=b&refresh_token=b",
        f"{valid}&password=",
        f"{valid}&x=%FF&x=%FF",
        "&" * 32_769,
        f"{valid}&x={'x' * 3_000_000}",
        b"\0" * 3_000_000,
    ):
        response = offline_server.post(path, body, content_type=FORM)
        assert (response.status, response.json()) == (400, unreadable(body, FORM)), body[:80]
        assert offline_server.activity.statements == []
    many_names = "&".join(f"a{number}=" for number in range(1_001))
    response = offline_server.post(path, many_names, content_type=FORM)
    assert (response.status, response.json()) == (400, INVALID_REQUEST)
    assert offline_server.activity.statements == []


@EACH_ENDPOINT
@pytest.mark.attack(120)
def test_invalid_multipart_body_is_rejected_without_query(offline_server, path):
    name = 'Content-Disposition: form-data; name="token"; filename="x"'
    part = f"--x\r\n{name}\r\n\r\na.b.c\r\n"
    for body in (f"{part}--x--\r\n", part, "--x", "", part * 30_000, f"--x\r\n{'a' * 100_000}"):
        for kind in ("multipart/form-data; boundary=x", "multipart/form-data", "multipart/mixed"):
            response = offline_server.post(path, body, content_type=kind)
            # The content type of an empty body is ignored.
            unsupported = body and kind == "multipart/mixed"
            assert response.status == (
                HTTPStatus.UNSUPPORTED_MEDIA_TYPE if unsupported else HTTPStatus.BAD_REQUEST
            )
            assert offline_server.activity.statements == []


@EACH_ENDPOINT
@pytest.mark.attack(120)
def test_parameters_of_wrong_type_are_reported_without_query(offline_server, path):
    for value in (None, 1, 1.5, True, [], ["a.b.c"], {}, {"a": "b"}, "a\0b", ""):
        response = offline_server.post(path, dict.fromkeys(ALL_PARAMETERS, value))
        assert (response.status, response.json()) == (400, malformed_in(path, value))
        assert offline_server.activity.statements == []


@pytest.mark.attack(111)
def test_token_over_8_kib_is_rejected(alice, server):
    forger = access_forger(server)
    available = 8192 - len(forger.with_claims(x=""))
    # Base64url encodes 3 bytes as 4 characters.
    forger.assert_accepted(forger.with_claims(x="x" * (available * 3 // 4 - 3)))
    forger.assert_rejected(
        *(forger.with_claims(x="x" * size) for size in (available * 3 // 4 + 3, 20_000))
    )
    forger.assert_rejected_in_body(
        forger.with_claims(x="x" * (available * 3 // 4 + 3)), "x" * 30_000, "." * 30_000
    )


@pytest.mark.attack(120)
def test_session_list_does_not_parse_a_deeply_nested_body(alice, server):
    """The session list keeps REST framework's parser, but does not read a body."""
    deep = "[" * 100_000 + "]" * 100_000
    for accept in ("application/json", "text/html"):
        for method, status in (("GET", 200), ("POST", 405), ("PATCH", 405), ("DELETE", 204)):
            response = server.send(
                f"{method} /auth/sessions/ HTTP/1.1",
                f"Authorization: Bearer {server.sign_in()['access_token']}",
                f"Accept: {accept}",
                f"Content-Type: {JSON}",
                f"Content-Length: {len(deep)}",
                body=deep,
            )
            # The browsable API shows a page instead of 204.
            expected = 200 if (status, accept) == (204, "text/html") else status
            assert response.status == expected


EXTRA_MEMBERS = {
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
def test_unexpected_parameters_grant_no_privileges(alice, bob, server):
    extra = EXTRA_MEMBERS | {"user": bob.pk, "user_id": bob.pk, "sub": str(bob.pk)}
    tokens = server.sign_in(**extra)
    for _ in range(2):
        assert tokens.keys() == MEMBERS
        assert tokens["expires_in"] == 300
        response = server.get("/who/", tokens["access_token"])
        assert response.json() == {"user": "alice", "sub": str(alice.pk)}
        assert server.get("/admin/", tokens["access_token"]).status == HTTPStatus.FOUND
        body = {"refresh_token": tokens["refresh_token"], **extra}
        tokens = server.post("token/refresh/", body).json()
    alice.refresh_from_db()
    assert (alice.is_staff, alice.is_superuser) == (False, False)


@pytest.mark.attack(121)
def test_sign_in_with_unknown_scope_is_rejected(offline_server, settings):
    settings.TOKENAUTH = {"SCOPES": ["notes:read"]}
    for scope in ("admin", "notes:read admin"):
        body = {
            "username": "alice",
            "password": PASSWORDS["alice"],
            "scope": scope,
            **EXTRA_MEMBERS,
        }
        response = offline_server.post("token/", body)
        assert (response.status, response.json()) == (400, INVALID_SCOPE)
