"""``ATOMIC_REQUESTS``: each request runs in a transaction that an error rolls back."""

from __future__ import annotations

import pytest
from django.db import connection

from django_tokenauth import signals
from django_tokenauth.models import RevokedReason, Session
from tests.support.client import call, get, post, sign_in
from tests.support.signal_capture import received

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def _atomic_requests(monkeypatch):
    monkeypatch.setitem(connection.settings_dict, "ATOMIC_REQUESTS", True)


@pytest.fixture
def in_transaction():
    """Collect for each ``session_revoked`` signal whether it was sent inside a transaction."""
    states = []

    def receive(**keywords):
        states.append(connection.in_atomic_block)

    signals.session_revoked.connect(receive)
    yield states
    signals.session_revoked.disconnect(receive)


def refresh(token):
    return post("token/refresh/", {"refresh_token": token})


@pytest.mark.usefixtures("alice")
class TestTokenEndpoints:
    def test_reuse_commits_the_revocation_although_request_fails(self, in_transaction):
        oldest = sign_in()["refresh_token"]
        newest = refresh(refresh(oldest).json()["refresh_token"]).json()["refresh_token"]
        assert refresh(oldest).status_code == 400
        assert Session.objects.get().revoked_reason == RevokedReason.REUSED
        assert refresh(newest).status_code == 400
        assert in_transaction == [False]

    def test_reuse_with_refresh_token_grant_commits_the_revocation(self, in_transaction):
        oldest = sign_in()["refresh_token"]
        refresh(refresh(oldest).json()["refresh_token"])
        grant = {"grant_type": "refresh_token", "refresh_token": oldest}
        assert post("token/", grant).status_code == 400
        assert Session.objects.get().revoked_reason == RevokedReason.REUSED
        assert in_transaction == [False]

    def test_revoke_endpoint_runs_outside_the_request_transaction(self, in_transaction):
        tokens = sign_in()
        assert post("token/revoke/", {"token": tokens["refresh_token"]}).status_code == 200
        assert Session.objects.get().revoked_reason == RevokedReason.SIGNED_OUT
        assert in_transaction == [False]

    def test_verify_endpoint_returns_200_with_atomic_requests(self):
        response = post("token/verify/", {"token": sign_in()["access_token"]})
        assert (response.status_code, response.json()["active"]) == (200, True)


@pytest.mark.usefixtures("alice")
class TestSessions:
    def test_session_endpoint_runs_outside_the_request_transaction(self, in_transaction):
        tokens = sign_in()
        with received(signals.session_revoked) as calls:
            assert call("DELETE", "/auth/sessions/", tokens["access_token"]).status_code == 204
        assert Session.objects.get().revoked_reason == RevokedReason.SIGNED_OUT
        assert len(calls) == 1
        assert in_transaction == [False]

    def test_authentication_succeeds_in_the_request_transaction(self):
        tokens = sign_in()
        assert get("/who/", tokens["access_token"]).status_code == 200
        assert get("/auth/sessions/", tokens["access_token"]).status_code == 200
