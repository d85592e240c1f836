"""Tokens of a server for several services: swapped, widened and malformed audiences."""

from __future__ import annotations

import pytest

from django_tokenauth.models import Session

NOTES, REPORTS = "https://notes.example.com", "https://reports.example.com"
AUDIENCES = {NOTES: ["notes:read", "notes:write"], REPORTS: ["reports:read", "notes:read"]}
SERVER = {"SCOPES": ["notes:read", "notes:write", "reports:read"], "AUDIENCES": AUDIENCES}
MALFORMED = [
    *(f"{NOTES}#", f"{NOTES}#fragment", "notes", "/notes", "//notes.example.com", "self", "*"),
    *(f"{NOTES}/", f"{NOTES}.", NOTES.upper(), f"{NOTES} {REPORTS}", f"{NOTES}\0", "a" * 9000),
    *(7, True, None, [], [NOTES], [NOTES, REPORTS], {}, {NOTES: REPORTS}),
]


@pytest.fixture(autouse=True)
def _audiences(settings):
    settings.TOKENAUTH = SERVER


@pytest.mark.attack(206)
def test_token_is_rejected_by_all_services_but_its_own(alice, server, settings):
    """A service passes a token that it received on to another service of the same issuer."""
    token = server.sign_in(resource=NOTES)["access_token"]
    own = {"token": token, "resource": NOTES}
    # The server verifies and caches the token for its own service first.
    assert server.post("token/verify/", own).json()["active"] is True
    server.assert_rejects(token)
    for other in ({}, {"resource": REPORTS}, {"audience": REPORTS}):
        assert server.post("token/verify/", {"token": token, **other}).status == 401
    for audience, accepts in ((REPORTS, server.assert_rejects), (NOTES, server.assert_accepts)):
        settings.TOKENAUTH = {"AUDIENCE": audience}
        accepts(token)


@pytest.mark.attack(207)
@pytest.mark.attack(208)
@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"resource": REPORTS}, "invalid_target"),
        ({"audience": "django-tokenauth"}, "invalid_target"),
        ({"resource": NOTES, "scope": "notes:write"}, "invalid_scope"),
        ({"resource": NOTES, "scope": "reports:read"}, "invalid_scope"),
        ({"scope": "notes:read notes:write"}, "invalid_scope"),
    ],
)
def test_refresh_never_gets_more_than_the_sign_in_granted(alice, server, changes, error):
    token = server.sign_in(resource=NOTES, scope="notes:read")["refresh_token"]
    response = server.post("token/refresh/", {"refresh_token": token, **changes})
    assert (response.status, response.json()["error"]) == (400, error)
    assert Session.objects.get().generation == 1
    assert server.refresh(token)


@pytest.mark.attack(209)
@pytest.mark.parametrize("name", ["resource", "audience"])
@pytest.mark.parametrize("value", MALFORMED, ids=lambda value: str(value)[:40])
def test_malformed_audience_gets_invalid_target_without_a_query(db, server, name, value):
    requests = {
        "token/": {"username": "alice", "password": "wrong"},
        "token/refresh/": {"refresh_token": "a.b.c"},
        "token/verify/": {"token": "a.b.c"},
    }
    for path, body in requests.items():
        response = server.post(path, {**body, name: value})
        assert (response.status, response.json()["error"]) == (400, "invalid_target"), path
        assert server.activity.statements == []
