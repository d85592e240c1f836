"""Programs that check the status alone: only a valid token gets a status below 400."""

from __future__ import annotations

import time

import pytest

from tests.campaigns.attacks.forging import access_forger
from tests.support.client import EXPIRED_TOKEN, INVALID_TOKEN

FORWARD_AUTH = "/auth/token/forward-auth/"


def verify(server, token):
    return server.post("token/verify/", {"token": token})


def forward_auth(server, token):
    return server.get(FORWARD_AUTH, token)


def view(server, token):
    return server.get("/who/", token)


def rejected(server):
    """Return tokens that are not valid, by the reason."""
    tokens, revoked = server.sign_in(), server.sign_in()
    server.post("token/revoke/", {"token": revoked["refresh_token"]})
    forger, now = access_forger(server), int(time.time())
    return {
        "junk": "junk",
        "malformed": "a.b.c",
        "refresh token": tokens["refresh_token"],
        "signed out": revoked["access_token"],
        "changed": tokens["access_token"][:-4] + "AAAA",
        "expired": forger.with_claims(iat=now - 400, exp=now - 100),
        "other audience": forger.with_claims(aud="other"),
        "other issuer": forger.with_claims(iss="other"),
        "other user": forger.with_claims(sub="0"),
        "other kind": forger.with_header(typ="JWT"),
    }


@pytest.mark.attack(180)
@pytest.mark.promise(26)
@pytest.mark.parametrize("route", [verify, forward_auth, view])
def test_status_code_alone_distinguishes_valid_tokens(alice, server, route):
    for reason, token in rejected(server).items():
        response = route(server, token)
        challenge = EXPIRED_TOKEN if reason == "expired" else INVALID_TOKEN
        assert (response.status, response.challenge) == (401, challenge), reason
    assert route(server, server.sign_in()["access_token"]).status in (200, 204)


@pytest.mark.attack(180)
def test_introspection_returns_200_for_invalid_tokens(alice, server, settings):
    """RFC 7662 section 2.2 requires it, so the documentation warns gateways."""
    settings.TOKENAUTH = {"SCOPES": ["introspect"]}
    caller = server.sign_in(scope="introspect")["access_token"]
    for reason, token in rejected(server).items():
        body = {"token": token}
        response = server.post("token/introspect/", body, f"Authorization: Bearer {caller}")
        assert (response.status, response.json()) == (200, {"active": False}), reason
