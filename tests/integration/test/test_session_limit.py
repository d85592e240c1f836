"""The helpers evict no session of the user, so the clients of a test stay signed in."""

from __future__ import annotations

import pytest

from django_tokenauth import services
from django_tokenauth.signals import session_revoked
from django_tokenauth.test import (
    TokenClient,
    assert_needs_scope,
    expired_token,
    other_issuers_token,
    revoked_token,
    tampered_token,
)
from tests.support.signal_capture import received

pytestmark = pytest.mark.django_db
LIMITED = {"SCOPES": ["notes:read", "notes:write"], "MAX_SESSIONS_PER_USER": 1}


@pytest.fixture
def client(alice, settings):
    settings.TOKENAUTH = LIMITED
    client = TokenClient()
    client.sign_in(alice)
    return client


def test_client_stays_signed_in_after_assert_needs_scope(client, alice):
    assert_needs_scope(client, alice, "get", "/notes/", scope="notes:read")
    assert client.get("/notes/").status_code == 200


def test_assert_needs_scope_leaves_no_active_session(client, alice):
    before = list(services.list_sessions(alice))
    assert_needs_scope(client, alice, "get", "/notes/", scope="notes:read")
    with pytest.raises(AssertionError):
        assert_needs_scope(client, alice, "get", "/who/", scope="notes:read")
    assert list(services.list_sessions(alice)) == before


@pytest.mark.parametrize("make", [expired_token, other_issuers_token, tampered_token])
def test_client_stays_signed_in_after_a_token_to_reject(client, alice, make, settings):
    with received(session_revoked) as revoked:
        make(alice)
    assert client.get("/notes/").status_code == 200
    assert (revoked, settings.TOKENAUTH) == ([], LIMITED)


def test_client_stays_signed_in_after_a_revoked_token(client, alice):
    revoked_token(alice)
    assert client.get("/notes/").status_code == 200
    assert client.get("/who/stateless/").status_code == 200


def test_sign_in_of_another_client_evicts_as_in_production(client, alice):
    TokenClient().sign_in(alice)
    assert client.get("/notes/").status_code == 401
