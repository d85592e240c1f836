"""The HTTP surface: the place of a token, scopes, and the content of responses."""

from __future__ import annotations

from http import HTTPStatus

import pytest

from tests.campaigns.attacks.endpoints import EACH_ENDPOINT
from tests.campaigns.attacks.forging import access_forger
from tests.support.client import (
    ALL_PARAMETERS,
    BARE,
    BASIC,
    FORM,
    INVALID_ACCESS_TOKEN,
    INVALID_SCOPE,
    INVALID_TOKEN,
    REQUIRED_PARAMETERS,
    SESSION_ENDED,
    malformed,
)
from tests.support.sample_keys import private_jwk, private_key

ABSENT = {"detail": "Authentication credentials were not provided."}
PROTECTED_PATHS = (
    *("/who/", "/who/stateless/", "/notes/"),
    *("/auth/sessions/", "/auth/token/forward-auth/"),
)
SCOPES = {"SCOPES": ["notes:read", "notes:write", "notes:readall"]}


def assert_without_credentials(server, response):
    """Assert 401 with a challenge without an error, and no query."""
    assert (response.status, response.json()) == (401, ABSENT)
    assert response.challenge == BARE
    assert server.activity.statements == []


@pytest.mark.standard("rfc9700-4.3.2-1")
@pytest.mark.attack(104)
def test_token_in_query_form_or_cookie_is_ignored(alice, server):
    token = server.sign_in()["access_token"]
    server.assert_accepts(token)
    form = f"access_token={token}"
    for path in PROTECTED_PATHS:
        for query in (form, f"token={token}", f"Authorization=Bearer%20{token}"):
            assert_without_credentials(server, server.get(f"{path}?{query}"))
        for name in ("access_token", "Authorization", "sessionid", "jwt"):
            cookie = f"Cookie: {name}={token}"
            assert_without_credentials(server, server.get(path, None, cookie))
    length = f"Content-Length: {len(form)}"
    for start in ("POST /notes/ HTTP/1.1", "DELETE /auth/sessions/ HTTP/1.1"):
        response = server.send(start, f"Content-Type: {FORM}", length, body=form)
        assert_without_credentials(server, response)


@EACH_ENDPOINT
@pytest.mark.attack(104)
def test_token_endpoints_ignore_query_parameters(offline_server, path):
    query = "&".join(f"{name}={value}" for name, value in ALL_PARAMETERS.items()).replace(" ", "+")
    response = offline_server.post(f"{path}?{query}", {})
    assert (response.status, response.json()) == (400, malformed(*REQUIRED_PARAMETERS[path]))
    assert offline_server.activity.statements == []


@pytest.mark.standard("rfc6749-7.2-1")
@pytest.mark.attack(112, 108)
def test_challenge_without_bearer_token_contains_no_error(offline_server):
    for path in PROTECTED_PATHS:
        for lines in ([], ["Authorization: Basic YTpi"], ["Authorization: Token abc"]):
            assert_without_credentials(offline_server, offline_server.get(path, None, *lines))


@pytest.mark.attack(113)
def test_challenge_contains_no_data_of_the_request(alice, server, settings):
    settings.TOKENAUTH = SCOPES
    injection = b'x", error="none", scope="admin'
    for token in (
        injection,
        b"\xff" + injection,
        b"x\r\n Set-Cookie: a=b",
        b"%0d%0aSet-Cookie:a=b",
    ):
        server.assert_rejects(token)
    challenges = {"token/introspect/": f"{BASIC}, {BARE}", "token/verify/": INVALID_TOKEN}
    for path in REQUIRED_PARAMETERS:
        response = server.post(
            path, {**ALL_PARAMETERS, 'a", error="none': 1, "username": '"\r\nSet-Cookie: a'}
        )
        assert "Set-Cookie" not in response.headers
        assert response.challenge == challenges.get(path)
        assert b"none" not in response.body
    token = server.sign_in(scope="notes:write")["access_token"]
    response = server.get('/notes/?scope="admin', token, 'X-Scope: "admin')
    assert (response.status, response.challenge) == (403, insufficient_scope("notes:read"))


def insufficient_scope(scope):
    """Return the challenge of RFC 6750 section 3.1."""
    return (
        'Bearer realm="api", error="insufficient_scope", '
        f'error_description="The access token does not have the required scope.", scope="{scope}"'
    )


def note_statuses(server, token):
    """Return the statuses of a read and of a write."""
    written = server.send("POST /notes/ HTTP/1.1", f"Authorization: Bearer {token}")
    return server.get("/notes/", token).status, written.status


@pytest.mark.standard("rfc6749-7.2-1")
@pytest.mark.attack(114)
def test_missing_scope_response_names_required_scope(alice, server, settings):
    settings.TOKENAUTH = SCOPES
    token = server.sign_in(scope="notes:read")["access_token"]
    assert note_statuses(server, token) == (200, 403)
    response = server.send("POST /notes/ HTTP/1.1", f"Authorization: Bearer {token}")
    assert response.json() == {"detail": "The access token does not have the required scope."}
    assert response.challenge == insufficient_scope("notes:read notes:write")
    assert note_statuses(server, server.sign_in()["access_token"]) == (200, 201)


@pytest.mark.attack(115)
def test_scope_similar_to_the_required_scope_is_rejected(alice, server, settings):
    settings.TOKENAUTH = SCOPES
    forger = access_forger(server)
    for scope in ("notes:readall", "notes:rea", "otes:read", "NOTES:READ", "notes", "*", "notes:*"):
        assert note_statuses(server, forger.with_claims(scope=scope)) == (403, 403)
    for scope in ("notes:read", "notes:read notes:read", "x notes:read"):
        assert note_statuses(server, forger.with_claims(scope=scope)) == (200, 403)


@pytest.mark.attack(115)
def test_malformed_scope_claim_is_rejected(alice, server, settings):
    settings.TOKENAUTH = SCOPES
    forger = access_forger(server)
    shapes = [["notes:read"], {"notes:read": True}, 1, True, None, "", " ", "notes:read "]
    shapes += ["notes:read  notes:write", "notes:read\tnotes:write", "a,b\u00a0c", 'a"b', "a\\b"]
    forger.assert_rejected(*(forger.with_claims(scope=scope) for scope in shapes))


@pytest.mark.attack(115, 121)
def test_refresh_cannot_widen_scope(alice, server, settings):
    settings.TOKENAUTH = SCOPES
    token = server.sign_in(scope="notes:read")["refresh_token"]
    for scope in ("notes:write", "notes:read notes:write", "notes:readall"):
        response = server.post("token/refresh/", {"refresh_token": token, "scope": scope})
        assert (response.status, response.json()) == (400, INVALID_SCOPE)
    response = server.post("token/refresh/", {"refresh_token": token, "scope": ""})
    assert response.json()["scope"] == "notes:read"
    assert note_statuses(server, response.json()["access_token"]) == (200, 403)


@pytest.mark.standard("rfc6749-5.1-4")
@pytest.mark.attack(116)
def test_token_and_session_responses_forbid_caching(alice, server):
    tokens = server.sign_in()
    access, refresh = tokens["access_token"], tokens["refresh_token"]
    server.post("token/refresh/", {"refresh_token": refresh})
    server.post("token/verify/", {"token": access})
    server.get("/auth/sessions/", access)
    server.get("/auth/sessions/")
    server.get("/auth/sessions/", "garbage")
    for path in REQUIRED_PARAMETERS:
        server.post(path, ALL_PARAMETERS | {"password": "wrong"})
        server.post(path, b"[")
        server.post(path, "", content_type="text/plain; x")
        server.send(f"GET /auth/{path} HTTP/1.1")
        server.send(f"OPTIONS /auth/{path} HTTP/1.1")
    server.post("token/revoke/", {"token": access})
    for response in server.responses:
        assert response.headers.get_all("Cache-Control") == ["no-store"]
        assert response.headers.get_all("Pragma") == ["no-cache"]
        assert response.headers["Set-Cookie"] is None
    assert len(server.responses) == 7 + 5 * len(REQUIRED_PARAMETERS)


@pytest.mark.standard("rfc7517-9.2-1")
@pytest.mark.attack(117)
@pytest.mark.parametrize("algorithm", ["ES256", "EdDSA"])
def test_responses_contain_no_private_key(alice, server, settings, algorithm):
    key = private_jwk(private_key(algorithm))
    settings.TOKENAUTH = {"ALGORITHM": algorithm, "SIGNING_KEY": key}
    tokens = server.sign_in()
    server.assert_accepts(tokens["access_token"])
    server.post("token/refresh/", {"refresh_token": tokens["refresh_token"]})
    server.post("token/verify/", {"token": tokens["access_token"]})
    server.get("/auth/sessions/", tokens["access_token"])
    server.assert_rejects(f"{tokens['access_token']}=")
    for path in (*REQUIRED_PARAMETERS, "jwks/", ".well-known/jwks.json"):
        server.send(f"OPTIONS /auth/{path} HTTP/1.1")
        server.send(f"GET /auth/{path} HTTP/1.1")
        server.send(f"GET /{path} HTTP/1.1")
    for response in server.responses:
        assert key["d"] not in response.body.decode() + str(response.headers)


@pytest.mark.attack(127)
def test_user_cannot_list_or_revoke_session_of_another_user(alice, bob, server):
    """``token/verify/`` shows the holder of a token only its state and remaining lifetime."""
    own, other = server.sign_in(), server.sign_in("bob")
    response = server.post("token/verify/", {"token": other["access_token"]})
    assert response.json().keys() == {"active", "expires_in"}
    bearer = f"Authorization: Bearer {own['access_token']}"
    # The bearer token does not replace the token in the body.
    assert server.post("token/verify/", {"token": "x"}, bearer).json() == INVALID_ACCESS_TOKEN
    assert server.post("token/revoke/", {"token": "x"}, bearer).json() == {}
    server.assert_accepts(own["access_token"])
    # The session id of another user cannot be used to list or revoke the session.
    [session] = server.get("/auth/sessions/", other["access_token"]).json()
    response = server.send(f"DELETE /auth/sessions/{session['id']}/ HTTP/1.1", bearer)
    assert response.status == HTTPStatus.NOT_FOUND
    assert server.post("token/revoke/", {"token": session["id"]}).json() == {}
    [listed] = server.get("/auth/sessions/", own["access_token"]).json()
    assert listed["id"] != session["id"]
    server.assert_accepts(other["access_token"])


@pytest.mark.attack(128)
def test_revoke_returns_200_for_unknown_and_revoked_tokens(alice, server):
    tokens = server.sign_in()
    unknown = ["garbage", "a.b.c", f"{tokens['refresh_token']}=", "x" * 9_000, "\u00e9", "."]
    for token in unknown:
        response = server.post("token/revoke/", {"token": token})
        assert (response.status, response.json()) == (200, {})
        assert server.activity.statements == []
    server.assert_accepts(tokens["access_token"])
    responses = [server.post("token/revoke/", {"token": tokens["refresh_token"]}) for _ in range(2)]
    assert [(response.status, response.json()) for response in responses] == [(200, {})] * 2


@pytest.mark.attack(129)
@pytest.mark.parametrize("kind", ["refresh_token", "access_token"])
def test_tokens_of_a_revoked_session_are_rejected_at_once(alice, server, kind, settings):
    settings.TOKENAUTH = {"REVOKE_BY_ACCESS_TOKEN": ["django-tokenauth"]}
    tokens, other = server.sign_in(), server.sign_in()
    newer = server.post("token/refresh/", {"refresh_token": tokens["refresh_token"]}).json()
    server.assert_accepts(newer["access_token"])
    server.post("token/revoke/", {"token": tokens[kind]})
    for token in (tokens["access_token"], newer["access_token"]):
        response = server.get("/who/", token)
        assert (response.status, response.challenge) == (401, INVALID_TOKEN)
        response = server.post("token/verify/", {"token": token})
        assert (response.status, response.json()) == (401, INVALID_ACCESS_TOKEN)
    response = server.post("token/refresh/", {"refresh_token": newer["refresh_token"]})
    assert (response.status, response.json()) == (400, SESSION_ENDED)
    server.assert_accepts(other["access_token"])
