"""API tokens in place of other tokens, other tokens in place of API tokens, and broken ones."""

from __future__ import annotations

import time
from datetime import timedelta

import pytest

from django_tokenauth.api_tokens import formats, services
from django_tokenauth.api_tokens.models import APIToken
from tests.support.api_tokens import NOT_ACCEPTED, SCOPES, UNKNOWN, issue
from tests.support.client import INVALID_ACCESS_TOKEN, INVALID_TOKEN, SESSION_ENDED

BEARER = {"notes:read", "notes:write"}


@pytest.fixture(autouse=True)
def _scopes(settings):
    settings.TOKENAUTH = SCOPES


def queries(server):
    """Return the statements of the last request on users and tokens, without those of a driver."""
    tables = ("auth_user", "tokenauth")
    return [sql for sql in server.activity.statements if any(name in sql for name in tables)]


def assert_rejected(server, token, *, after_queries=0):
    response = server.get("/who/", token)
    assert (response.status, response.challenge) == (401, INVALID_TOKEN)
    assert len(queries(server)) == after_queries
    response = server.post("token/verify/", {"token": token})
    assert (response.status, response.json()) == (401, INVALID_ACCESS_TOKEN)
    assert len(queries(server)) == after_queries


def assert_accepted(server, token):
    assert server.get("/who/", token).json()["user"] == "alice"


@pytest.mark.attack(210)
def test_api_token_is_rejected_as_refresh_token(alice, server):
    token = issue(alice).token
    for body in ({"refresh_token": token}, {"refresh_token": f"{token}.{token}.{token}"}):
        response = server.post("token/refresh/", body)
        assert (response.status, response.json()) == (400, SESSION_ENDED)
        assert queries(server) == []
    assert_accepted(server, token)


@pytest.mark.attack(211)
def test_other_tokens_are_rejected_as_api_tokens(alice, server):
    pair, token = server.sign_in(), issue(alice).token
    for name in ("access_token", "refresh_token"):
        other = pair[name]
        segment = other.split(".")[2][:32].ljust(32, "0")
        start = f"tokenauth_{segment}"
        for forged in (
            f"tokenauth_{other}",
            f"tokenauth{other}",
            f"tokenauth_{other.replace('.', '')}",
            f"{token}.{other}",
            f"{other}.{token}",
            start,
        ):
            assert_rejected(server, forged)
    assert_rejected(server, pair["refresh_token"])
    assert_accepted(server, pair["access_token"])
    assert_accepted(server, token)


@pytest.mark.attack(212)
def test_api_token_is_rejected_by_views_without_a_query(alice, server):
    for token in (issue(alice).token, UNKNOWN):
        response = server.get("/who/stateless/", token)
        assert (response.status, response.challenge) == (401, NOT_ACCEPTED)
        assert queries(server) == []


@pytest.mark.attack(213)
def test_revocation_endpoint_rejects_an_api_token(alice, server):
    token = issue(alice).token
    for sent in (token, UNKNOWN, token[:-1]):
        response = server.post("token/revoke/", {"token": sent})
        assert (response.status, response.json()["error"]) == (400, "unsupported_token_type")
        assert queries(server) == []
    assert_accepted(server, token)


@pytest.mark.attack(214)
def test_broken_api_token_is_rejected_without_a_query(alice, server):
    token = issue(alice).token
    broken = [token[:length] for length in (9, 10, 11, 20, 42, len(token) - 1)]
    broken += [f"{token}0", f"{token}=", token.swapcase(), token.replace("_", "-"), f"{token}%00"]
    broken += [f"{token[:20]}{'0' if token[20] != '0' else '1'}{token[21:]}", token * 200]
    for each in broken:
        assert_rejected(server, each)
    assert_accepted(server, token)


@pytest.mark.attack(215)
def test_hash_from_the_table_is_no_token(alice, server):
    issued = issue(alice)
    services.rotate(alice, issued.api_token.pk)
    row = APIToken.objects.get()
    for stored in (row.digest, row.previous_digest, str(row.pk), row.last_four):
        start = f"tokenauth_{stored[:32].ljust(32, '0')}"
        forged = start + formats._checksum(start)
        # A UUID has hyphens, which the format does not permit.
        expected = 0 if "-" in stored else 1
        assert_rejected(server, forged, after_queries=expected)
        assert_rejected(server, stored)


@pytest.mark.attack(217)
def test_token_loses_the_scopes_that_its_user_loses(alice, server, settings):
    granted = set(BEARER)
    settings.TOKENAUTH = {**SCOPES, "SCOPE_POLICY": lambda user, names, request: granted}
    issued = issue(alice, scope=BEARER)

    def scope(token):
        path = "/auth/token/forward-auth/"
        return set(server.get(path, token).headers["X-Auth-Scope"].split())

    assert scope(issued.token) == BEARER
    granted.remove("notes:write")
    rotated = services.rotate(alice, issued.api_token.pk)
    assert scope(issued.token) == scope(rotated.token) == {"notes:read"}
    granted.add("admin")
    assert scope(rotated.token) == {"notes:read"}


@pytest.mark.attack(218)
@pytest.mark.parametrize("end", ["delete", "deactivate", "update"])
def test_api_token_of_an_ended_user_is_rejected(alice, server, end):
    token = issue(alice).token
    assert_accepted(server, token)
    if end == "delete":
        alice.delete()
    elif end == "deactivate":
        alice.is_active = False
        alice.save()
    else:
        type(alice).objects.update(is_active=False)
    assert_rejected(server, token, after_queries=1)


@pytest.mark.attack(219)
def test_lookup_compares_hashes_of_the_sent_token(alice, server):
    token = issue(alice).token
    for sent in (UNKNOWN, token):
        server.get("/who/", sent)
        [query, *_] = queries(server)
        assert sent not in query
        assert query.startswith("SELECT")
    assert_rejected(server, UNKNOWN, after_queries=1)


@pytest.mark.attack(220)
def test_old_token_is_rejected_after_the_overlap(alice, server, settings):
    issued = issue(alice)
    row = services.rotate(alice, issued.api_token.pk, overlap=timedelta(seconds=1)).api_token
    time.sleep(1)
    response = server.get("/who/", issued.token)
    assert response.status == 401
    assert "expired" in response.challenge
    settings.TOKENAUTH = {}
    rotated = services.rotate(alice, row.pk)
    services.revoke(alice, row.pk)
    for token in (issued.token, rotated.token):
        assert_rejected(server, token, after_queries=1)
