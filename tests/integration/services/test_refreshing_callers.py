"""The grace period applies to the client that rotated.

A rotation stores the address and the user agent of its client.
"""

from __future__ import annotations

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from django_tokenauth import services, signals
from django_tokenauth.errors import InvalidGrant
from django_tokenauth.models import RevokedReason, Session
from django_tokenauth.services import refresh
from tests.support.client import get, sign_in
from tests.support.clock import NOW, after
from tests.support.signal_capture import received

pytestmark = pytest.mark.django_db

OWNER = {"ip": "192.0.2.1", "user_agent": "Phone/1.0"}
NEIGHBOUR = {"ip": "192.0.2.77", "user_agent": "Phone/1.0"}
#: The phone left the WLAN: the same app, another network.
MOVED = {"ip": "198.51.100.1", "user_agent": "Phone/1.0"}
OTHER_AGENT = {"ip": "192.0.2.1", "user_agent": "curl/8.5.0"}
UNKNOWN = {"ip": None, "user_agent": ""}
STRANGERS = [MOVED, OTHER_AGENT, UNKNOWN]


@pytest.fixture
def pair(alice):
    return services.sign_in(alice, now=NOW, **OWNER)


class TestGrace:
    @pytest.mark.promise(8)
    @pytest.mark.parametrize("caller", [OWNER, NEIGHBOUR])
    def test_same_client_within_grace_gets_the_same_refresh_token(self, pair, caller):
        current = refresh(pair.refresh_token, now=after(minutes=1), **OWNER)
        with CaptureQueriesContext(connection) as statements:
            repeated = refresh(pair.refresh_token, now=after(minutes=1, seconds=5), **caller)
        assert repeated.refresh_token == current.refresh_token
        assert len(statements) == 1

    @pytest.mark.promise(7)
    @pytest.mark.attack(197)
    @pytest.mark.parametrize("caller", STRANGERS)
    def test_refresh_in_grace_from_another_network_or_agent_is_reuse(self, pair, caller):
        refresh(pair.refresh_token, now=after(minutes=1), **OWNER)
        with received(signals.refresh_token_reused) as reused, pytest.raises(InvalidGrant):
            refresh(pair.refresh_token, now=after(minutes=1), **caller)
        assert len(reused) == 1
        assert Session.objects.get().revoked_reason == RevokedReason.REUSED

    @pytest.mark.promise(7)
    def test_refresh_after_attacker_refresh_in_grace_revokes_session(self, pair):
        refresh(pair.refresh_token, now=after(minutes=1), **OTHER_AGENT)
        with pytest.raises(InvalidGrant):
            refresh(pair.refresh_token, now=after(minutes=1), **OWNER)
        assert Session.objects.get().revoked_reason == RevokedReason.REUSED

    @pytest.mark.promise(10)
    @pytest.mark.parametrize("caller", STRANGERS)
    def test_retry_in_grace_from_another_network_or_agent_succeeds(self, pair, caller, settings):
        """The response to the first refresh was lost with the network that carried it."""
        settings.TOKENAUTH = {"REFRESH_RETRY": True}
        refresh(pair.refresh_token, now=after(minutes=1), **OWNER)
        retried = refresh(pair.refresh_token, now=after(minutes=1, seconds=3), **caller)
        assert retried.session.generation == 3
        assert Session.objects.get().retried is True

    def test_rotation_from_another_network_succeeds(self, pair):
        """A phone that changes its network between two refreshes notices nothing."""
        moved = refresh(pair.refresh_token, now=after(minutes=1), **MOVED)
        assert refresh(moved.refresh_token, now=after(hours=1), **OWNER).session.generation == 3

    def test_repeat_without_ip_or_user_agent_gets_the_same_token(self, alice):
        pair = services.sign_in(alice, now=NOW)
        current = refresh(pair.refresh_token, now=after(minutes=1))
        repeated = refresh(pair.refresh_token, now=after(minutes=1))
        assert repeated.refresh_token == current.refresh_token


class TestLastSeen:
    def test_sign_in_stores_last_address_and_user_agent(self, pair):
        session = Session.objects.get()
        assert (session.last_ip, session.last_user_agent) == tuple(OWNER.values())

    def test_rotation_stores_last_address_and_agent_in_one_update(self, pair):
        with CaptureQueriesContext(connection) as statements:
            refresh(pair.refresh_token, now=after(minutes=1), **MOVED)
        assert [each["sql"][:6] for each in statements] == ["SELECT", "UPDATE"]
        session = Session.objects.get()
        assert (session.ip, session.user_agent) == tuple(OWNER.values())
        assert (session.last_ip, session.last_user_agent) == tuple(MOVED.values())
        assert session.refreshed_at == after(minutes=1)

    def test_refresh_without_ip_or_user_agent_stores_neither(self, pair):
        refresh(pair.refresh_token, now=after(minutes=1))
        session = Session.objects.get()
        assert (session.last_ip, session.last_user_agent) == (None, "")

    def test_refresh_within_grace_keeps_the_last_address(self, pair):
        refresh(pair.refresh_token, now=after(minutes=1), **OWNER)
        refresh(pair.refresh_token, now=after(minutes=1), **NEIGHBOUR)
        assert Session.objects.get().last_ip == OWNER["ip"]

    @pytest.mark.parametrize("proxies", [None, 1])
    def test_num_proxies_selects_the_address_stored_as_last_ip(self, alice, settings, proxies):
        settings.REST_FRAMEWORK = {**settings.REST_FRAMEWORK, "NUM_PROXIES": proxies}
        tokens = sign_in()
        client = Client(
            REMOTE_ADDR="203.0.113.9",
            headers={"User-Agent": "Phone/2.0", "X-Forwarded-For": "10.9.9.9, 192.0.2.5:4711"},
        )
        body = {"refresh_token": tokens["refresh_token"]}
        response = client.post("/auth/token/refresh/", body, content_type="application/json")
        [session] = get("/auth/sessions/", response.json()["access_token"]).json()
        expected = "192.0.2.5" if proxies else "203.0.113.9"
        assert (session["last_ip"], session["last_user_agent"]) == (expected, "Phone/2.0")


class TestSignal:
    def test_refresh_from_another_network_sends_network_changed(self, pair):
        with received(signals.network_changed) as calls:
            moved = refresh(pair.refresh_token, now=after(minutes=1), **MOVED)
        assert calls == [
            {
                "sender": Session,
                "session": moved.session,
                "user": moved.user,
                "request": None,
                "previous_ip": OWNER["ip"],
            }
        ]
        assert calls[0]["session"].last_ip == MOVED["ip"]

    @pytest.mark.parametrize("caller", [OWNER, NEIGHBOUR, OTHER_AGENT, UNKNOWN])
    def test_refresh_without_network_change_sends_no_network_changed(self, pair, caller):
        with received(signals.network_changed) as calls:
            refresh(pair.refresh_token, now=after(minutes=1), **caller)
        assert calls == []
