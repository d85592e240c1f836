"""``ATOMIC_REQUESTS``: every request is a transaction, and an error rolls it back."""

from __future__ import annotations

import pytest
from django.db import connection

from django_tokenauth import signals
from django_tokenauth.models import RevokedReason, Session
from tests.support.client import call, get, post
from tests.support.client import sign_in as signed_in
from tests.support.signal_capture import received

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def _atomic_requests(monkeypatch):
    monkeypatch.setitem(connection.settings_dict, "ATOMIC_REQUESTS", True)


@pytest.fixture
def in_transaction():
    """Whether each revocation was told of inside of a transaction."""
    told = []

    def receive(**keywords):
        told.append(connection.in_atomic_block)

    signals.session_revoked.connect(receive)
    yield told
    signals.session_revoked.disconnect(receive)


def refresh(token):
    return post("token/refresh/", {"refresh_token": token})


@pytest.mark.usefixtures("alice")
class TestTokenEndpoints:
    def test_a_reuse_ends_the_session_although_it_is_an_error(self, in_transaction):
        oldest = signed_in()["refresh_token"]
        newest = refresh(refresh(oldest).json()["refresh_token"]).json()["refresh_token"]
        assert refresh(oldest).status_code == 400
        assert Session.objects.get().revoked_reason == RevokedReason.REUSED
        assert refresh(newest).status_code == 400
        assert in_transaction == [False]

    def test_so_it_does_at_the_endpoint_for_all_grants(self, in_transaction):
        oldest = signed_in()["refresh_token"]
        refresh(refresh(oldest).json()["refresh_token"])
        grant = {"grant_type": "refresh_token", "refresh_token": oldest}
        assert post("token/", grant).status_code == 400
        assert Session.objects.get().revoked_reason == RevokedReason.REUSED
        assert in_transaction == [False]

    def test_a_sign_out_by_token_is_done(self, in_transaction):
        tokens = signed_in()
        assert post("token/revoke/", {"token": tokens["access_token"]}).status_code == 200
        assert Session.objects.get().revoked_reason == RevokedReason.SIGNED_OUT
        assert in_transaction == [False]

    def test_tokens_can_be_verified(self):
        answer = post("token/verify/", {"token": signed_in()["access_token"]})
        assert (answer.status_code, answer.json()["active"]) == (200, True)


@pytest.mark.usefixtures("alice")
class TestSessions:
    def test_a_sign_out_is_a_transaction_like_any_other_request(self, in_transaction):
        tokens = signed_in()
        with received(signals.session_revoked) as calls:
            assert call("DELETE", "/auth/sessions/", tokens["access_token"]).status_code == 204
        assert Session.objects.get().revoked_reason == RevokedReason.SIGNED_OUT
        assert len(calls) == 1
        assert in_transaction == [True]

    def test_the_api_asks_inside_of_it(self):
        tokens = signed_in()
        assert get("/who/", tokens["access_token"]).status_code == 200
        assert get("/auth/sessions/", tokens["access_token"]).status_code == 200
