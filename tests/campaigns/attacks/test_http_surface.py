"""The surface of HTTP: where a token may stand, what a scope allows, and what answers tell."""

from __future__ import annotations

from http import HTTPStatus

import pytest

from tests.campaigns.attacks.endpoints import EACH
from tests.campaigns.attacks.forging import access_forger
from tests.support.client import (
    ALL,
    BARE,
    BASIC,
    FORM,
    INVALID_GRANT,
    INVALID_SCOPE,
    INVALID_TOKEN,
    NAMES,
    malformed,
)
from tests.support.sample_keys import private_jwk, private_key

ABSENT = {"detail": "Authentication credentials were not provided."}
PLACES = ("/who/", "/who/stateless/", "/notes/", "/auth/sessions/")
SCOPES = {"SCOPES": ["notes:read", "notes:write", "notes:readall"]}


def is_without_credentials(server, answer):
    """401 with the challenge that names no error, and nothing was looked up."""
    assert (answer.status, answer.json()) == (401, ABSENT)
    assert answer.challenge == BARE
    assert server.seen.statements == []


@pytest.mark.attack(104)
def test_a_token_in_a_query_a_form_or_a_cookie_is_not_looked_at(alice, server):
    token = server.sign_in()["access_token"]
    server.accepts(token)
    form = f"access_token={token}"
    for path in PLACES:
        for query in (form, f"token={token}", f"Authorization=Bearer%20{token}"):
            is_without_credentials(server, server.get(f"{path}?{query}"))
        for name in ("access_token", "Authorization", "sessionid", "jwt"):
            cookie = f"Cookie: {name}={token}"
            is_without_credentials(server, server.get(path, None, cookie))
    length = f"Content-Length: {len(form)}"
    for start in ("POST /notes/ HTTP/1.1", "DELETE /auth/sessions/ HTTP/1.1"):
        answer = server.send(start, f"Content-Type: {FORM}", length, body=form)
        is_without_credentials(server, answer)


@EACH
@pytest.mark.attack(104)
def test_a_query_gives_the_token_endpoints_nothing(alice, server, path):
    query = "&".join(f"{name}={value}" for name, value in ALL.items()).replace(" ", "+")
    answer = server.post(f"{path}?{query}", {})
    assert (answer.status, answer.json()) == (400, malformed(*NAMES[path]))
    assert server.seen.statements == []


@pytest.mark.standard("rfc6749-7.2-1")
@pytest.mark.attack(112, 108)
def test_who_brings_no_bearer_token_gets_the_challenge_that_names_no_error(server):
    for path in PLACES:
        for lines in ([], ["Authorization: Basic YTpi"], ["Authorization: Token abc"]):
            is_without_credentials(server, server.get(path, None, *lines))


@pytest.mark.attack(113)
def test_nothing_of_a_request_comes_back_in_its_challenge(alice, server, settings):
    settings.TOKENAUTH = SCOPES
    hostile = b'x", error="none", scope="admin'
    for token in (hostile, b"\xff" + hostile, b"x\r\n Set-Cookie: a=b", b"%0d%0aSet-Cookie:a=b"):
        server.refuses(token)
    for path in NAMES:
        answer = server.post(path, {**ALL, 'a", error="none': 1, "username": '"\r\nSet-Cookie: a'})
        assert "Set-Cookie" not in answer.headers
        assert answer.challenge == (f"{BASIC}, {BARE}" if path == "token/introspect/" else None)
        assert b"none" not in answer.body
    token = server.sign_in(scope="notes:write")["access_token"]
    answer = server.get('/notes/?scope="admin', token, 'X-Scope: "admin')
    assert (answer.status, answer.challenge) == (403, needed("notes:read"))


def needed(scope):
    """RFC 6750 section 3.1."""
    return (
        'Bearer realm="api", error="insufficient_scope", '
        f'error_description="The access token does not have the required scope.", scope="{scope}"'
    )


def to_notes(server, token):
    """The statuses of reading and of writing."""
    written = server.send("POST /notes/ HTTP/1.1", f"Authorization: Bearer {token}")
    return server.get("/notes/", token).status, written.status


@pytest.mark.standard("rfc6749-7.2-1")
@pytest.mark.attack(114)
def test_a_token_without_the_scope_is_told_which_one_is_missing(alice, server, settings):
    settings.TOKENAUTH = SCOPES
    token = server.sign_in(scope="notes:read")["access_token"]
    assert to_notes(server, token) == (200, 403)
    answer = server.send("POST /notes/ HTTP/1.1", f"Authorization: Bearer {token}")
    assert answer.json() == {"detail": "The access token does not have the required scope."}
    assert answer.challenge == needed("notes:read notes:write")
    assert to_notes(server, server.sign_in()["access_token"]) == (200, 201)


@pytest.mark.attack(115)
def test_a_scope_is_compared_name_by_name(alice, server, settings):
    settings.TOKENAUTH = SCOPES
    forger = access_forger(server)
    for scope in ("notes:readall", "notes:rea", "otes:read", "NOTES:READ", "notes", "*", "notes:*"):
        assert to_notes(server, forger.with_claims(scope=scope)) == (403, 403)
    for scope in ("notes:read", "notes:read notes:read", "x notes:read"):
        assert to_notes(server, forger.with_claims(scope=scope)) == (200, 403)


@pytest.mark.attack(115)
def test_a_scope_of_another_shape_makes_a_token_bad(alice, server, settings):
    settings.TOKENAUTH = SCOPES
    forger = access_forger(server)
    shapes = [["notes:read"], {"notes:read": True}, 1, True, None, "", " ", "notes:read "]
    shapes += ["notes:read  notes:write", "notes:read\tnotes:write", "a,b\u00a0c", 'a"b', "a\\b"]
    forger.refused(*(forger.with_claims(scope=scope) for scope in shapes))


@pytest.mark.attack(115, 121)
def test_a_refresh_does_not_widen_the_scope(alice, server, settings):
    settings.TOKENAUTH = SCOPES
    token = server.sign_in(scope="notes:read")["refresh_token"]
    for scope in ("notes:write", "notes:read notes:write", "notes:readall"):
        answer = server.post("token/refresh/", {"refresh_token": token, "scope": scope})
        assert (answer.status, answer.json()) == (400, INVALID_SCOPE)
    answer = server.post("token/refresh/", {"refresh_token": token, "scope": ""})
    assert answer.json()["scope"] == "notes:read"
    assert to_notes(server, answer.json()["access_token"]) == (200, 403)


@pytest.mark.standard("rfc6749-5.1-4")
@pytest.mark.attack(116)
def test_no_cache_keeps_an_answer_of_the_app_whatever_it_is(alice, server):
    tokens = server.sign_in()
    access, refresh = tokens["access_token"], tokens["refresh_token"]
    server.post("token/refresh/", {"refresh_token": refresh})
    server.post("token/verify/", {"token": access})
    server.get("/auth/sessions/", access)
    server.get("/auth/sessions/")
    server.get("/auth/sessions/", "garbage")
    for path in NAMES:
        server.post(path, ALL | {"password": "wrong"})
        server.post(path, b"[")
        server.post(path, "", content_type="text/plain; x")
        server.send(f"GET /auth/{path} HTTP/1.1")
        server.send(f"OPTIONS /auth/{path} HTTP/1.1")
    server.post("token/revoke/", {"token": access})
    for answer in server.answers:
        assert answer.headers.get_all("Cache-Control") == ["no-store"]
        assert answer.headers.get_all("Pragma") == ["no-cache"]
        assert answer.headers["Set-Cookie"] is None
    assert len(server.answers) == 7 + 5 * len(NAMES)


@pytest.mark.standard("rfc7517-9.2-1")
@pytest.mark.attack(117)
@pytest.mark.parametrize("algorithm", ["ES256", "EdDSA"])
def test_no_answer_shows_a_private_key(alice, server, settings, algorithm):
    key = private_jwk(private_key(algorithm))
    settings.TOKENAUTH = {"ALGORITHM": algorithm, "SIGNING_KEY": key}
    tokens = server.sign_in()
    server.accepts(tokens["access_token"])
    server.post("token/refresh/", {"refresh_token": tokens["refresh_token"]})
    server.post("token/verify/", {"token": tokens["access_token"]})
    server.get("/auth/sessions/", tokens["access_token"])
    server.refuses(f"{tokens['access_token']}=")
    for path in (*NAMES, "jwks/", ".well-known/jwks.json"):
        server.send(f"OPTIONS /auth/{path} HTTP/1.1")
        server.send(f"GET /auth/{path} HTTP/1.1")
        server.send(f"GET /{path} HTTP/1.1")
    for answer in server.answers:
        assert key["d"] not in answer.body.decode() + str(answer.headers)


@pytest.mark.attack(127)
def test_the_token_of_another_tells_its_holder_no_more_than_it_does_itself(alice, bob, server):
    """Who holds a token may ask about it and end its session, and nothing else of its user."""
    mine, other = server.sign_in(), server.sign_in("bob")
    answer = server.post("token/verify/", {"token": other["access_token"]})
    assert answer.json().keys() == {"active", "expires_in"}
    bearer = f"Authorization: Bearer {mine['access_token']}"
    # What signs the request is not what it is about.
    assert server.post("token/verify/", {"token": "x"}, bearer).json() == {"active": False}
    assert server.post("token/revoke/", {"token": "x"}, bearer).json() == {}
    server.accepts(mine["access_token"])
    # The id of another's session gives nothing: not to see it and not to end it.
    [session] = server.get("/auth/sessions/", other["access_token"]).json()
    answer = server.send(f"DELETE /auth/sessions/{session['id']}/ HTTP/1.1", bearer)
    assert answer.status == HTTPStatus.NOT_FOUND
    assert server.post("token/revoke/", {"token": session["id"]}).json() == {}
    [listed] = server.get("/auth/sessions/", mine["access_token"]).json()
    assert listed["id"] != session["id"]
    server.accepts(other["access_token"])


@pytest.mark.attack(128)
def test_whatever_is_revoked_the_answer_is_the_same(alice, server):
    tokens = server.sign_in()
    strangers = ["garbage", "a.b.c", f"{tokens['refresh_token']}=", "x" * 9_000, "\u00e9", "."]
    for token in strangers:
        answer = server.post("token/revoke/", {"token": token})
        assert (answer.status, answer.json()) == (200, {})
        assert server.seen.statements == []
    server.accepts(tokens["access_token"])
    answers = [server.post("token/revoke/", {"token": tokens["refresh_token"]}) for _ in range(2)]
    assert [(answer.status, answer.json()) for answer in answers] == [(200, {})] * 2


@pytest.mark.attack(129)
@pytest.mark.parametrize("which", ["refresh_token", "access_token"])
def test_the_access_token_of_a_revoked_session_is_dead_at_the_next_request(alice, server, which):
    tokens, other = server.sign_in(), server.sign_in()
    newer = server.post("token/refresh/", {"refresh_token": tokens["refresh_token"]}).json()
    server.accepts(newer["access_token"])
    server.post("token/revoke/", {"token": tokens[which]})
    for token in (tokens["access_token"], newer["access_token"]):
        answer = server.get("/who/", token)
        assert (answer.status, answer.challenge) == (401, INVALID_TOKEN)
        assert server.post("token/verify/", {"token": token}).json() == {"active": False}
    answer = server.post("token/refresh/", {"refresh_token": newer["refresh_token"]})
    assert (answer.status, answer.json()) == (400, INVALID_GRANT)
    server.accepts(other["access_token"])
