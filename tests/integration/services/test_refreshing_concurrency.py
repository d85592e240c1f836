"""Concurrent refreshes, and rows that lost rotations in a failover."""

from __future__ import annotations

from dataclasses import replace

import pytest

from django_tokenauth import services, signals
from django_tokenauth.conf.settings import load
from django_tokenauth.errors import InvalidGrant, ServiceUnavailable
from django_tokenauth.models import RevokedReason, Session
from django_tokenauth.services import refresh
from django_tokenauth.sessions.log_ids import log_id
from django_tokenauth.tokens.refresh import refresh_tokens
from tests.support.clock import NOW, after
from tests.support.signal_capture import received

pytestmark = pytest.mark.django_db


@pytest.fixture
def pair(alice):
    return services.sign_in(alice, now=NOW)


def row(pair):
    return Session.objects.get(pk=pair.session.pk)


def read(token, now):
    return refresh_tokens(load()).decode(token, now=now.timestamp())


def rotate_times(pair, times):
    """Return the refresh token of *pair* and those of *times* rotations, one per minute."""
    tokens = [pair.refresh_token]
    for number in range(1, times + 1):
        tokens.append(refresh(tokens[-1], now=after(minutes=number)).refresh_token)
    return tokens


class TestLostRotations:
    """A failover of the database may lose the last rotations."""

    @pytest.mark.parametrize("lost", [1, 3])
    def test_refresh_after_failover_accepts_token_newer_than_row(self, pair, lost):
        tokens = rotate_times(pair, 3)
        Session.objects.update(generation=4 - lost, refreshed_at=after(minutes=3 - lost))
        now = after(hours=1)
        new = refresh(tokens[-1], now=now)
        assert read(new.refresh_token, now).generation == row(pair).generation == 5

    @pytest.mark.attack(198)
    @pytest.mark.parametrize(("ahead", "accepted"), [(100, True), (101, False), (2**62, False)])
    def test_refresh_token_over_100_generations_ahead_is_rejected(
        self, alice, pair, ahead, accepted, caplog
    ):
        """With SECRET_KEY, an attacker can make any generation of a session whose id is known."""
        claims = replace(read(pair.refresh_token, NOW), generation=1 + ahead)
        token = refresh_tokens(load()).encode(claims)
        if accepted:
            assert refresh(token, now=after(minutes=1)).session.generation == 2 + ahead
            return
        caplog.set_level("INFO", logger="django_tokenauth")
        before = Session.objects.values().get()
        with received(signals.refresh_token_reused) as reused, pytest.raises(InvalidGrant):
            refresh(token, now=after(minutes=1))
        assert Session.objects.values().get() == before
        assert reused == []
        warning, reason = caplog.messages
        assert warning == (
            f"refresh token is {ahead} generations ahead of session {log_id(pair.session.pk)} of "
            f"user {alice.pk}: an attacker knows its key, or an old database was restored"
        )
        assert reason == "refresh rejected: generation"
        assert refresh(pair.refresh_token, now=after(minutes=2)).session.generation == 2

    @pytest.mark.attack(134)
    def test_predecessor_used_after_failover_and_refresh_is_reuse(self, pair):
        tokens = rotate_times(pair, 3)
        Session.objects.update(generation=3)
        refresh(tokens[-1], now=after(hours=1))
        with pytest.raises(InvalidGrant):
            refresh(tokens[-2], now=after(hours=1))
        assert row(pair).revoked_reason == RevokedReason.REUSED

    def test_refresh_with_repeatedly_lost_writes_is_unavailable(self, pair, settings):
        tokens, attempts = rotate_times(pair, 5), []

        def lose_one(user, session, request):
            attempts.append(session.generation)
            Session.objects.update(generation=session.generation - 1)
            return {}

        settings.TOKENAUTH = {"EXTRA_CLAIMS": lose_one}
        with pytest.raises(ServiceUnavailable):
            refresh(tokens[-1], now=after(hours=1))
        assert attempts == [6, 5, 4]
        settings.TOKENAUTH = {}
        assert refresh(tokens[-1], now=after(hours=1)).session.generation == 7


class TestConcurrentRequests:
    """Other requests run between the SELECT and the UPDATE of a refresh."""

    def run_during_refresh(self, settings, action):
        pending = [action]

        def extra_claims(user, session, request):
            while pending:
                pending.pop()()
            return {}

        settings.TOKENAUTH = {"EXTRA_CLAIMS": extra_claims}

    @pytest.mark.attack(131)
    def test_concurrent_refreshes_return_the_same_refresh_token(self, pair, settings):
        faster = []
        self.run_during_refresh(
            settings, lambda: faster.append(refresh(pair.refresh_token, now=after(minutes=1)))
        )
        slower = refresh(pair.refresh_token, now=after(minutes=1, seconds=1))
        assert slower.refresh_token == faster[0].refresh_token
        assert row(pair).generation == 2

    def test_concurrent_refreshes_send_one_refreshed_signal(self, pair, settings):
        self.run_during_refresh(settings, lambda: refresh(pair.refresh_token, now=after(minutes=1)))
        with received(signals.refreshed) as calls:
            refresh(pair.refresh_token, now=after(minutes=1, seconds=1))
        assert len(calls) == 1

    @pytest.mark.attack(136)
    def test_sign_out_during_a_refresh_rejects_the_refresh(self, pair, settings):
        self.run_during_refresh(
            settings, lambda: services.revoke_token(pair.refresh_token, now=after(minutes=1))
        )
        with pytest.raises(InvalidGrant):
            refresh(pair.refresh_token, now=after(minutes=1))
        assert row(pair).revoked_reason == RevokedReason.SIGNED_OUT
        assert row(pair).generation == 1

    @pytest.mark.attack(137)
    def test_new_password_during_a_refresh_rejects_the_refresh(
        self, alice, pair, settings, time_machine
    ):
        time_machine.move_to(after(minutes=1), tick=False)

        def change_password():
            alice.set_password("another")
            alice.save()

        self.run_during_refresh(settings, change_password)
        with pytest.raises(InvalidGrant):
            refresh(pair.refresh_token)
        assert row(pair).revoked_reason == RevokedReason.USER_CHANGED

    @pytest.mark.attack(95)
    def test_password_rehash_during_a_refresh_keeps_the_session(
        self, alice, pair, settings, time_machine
    ):
        time_machine.move_to(after(minutes=1), tick=False)

        def sign_in_elsewhere():
            settings.PASSWORD_HASHERS = settings.PASSWORD_HASHERS[::-1]
            services.check_password(None, "alice", "correct horse")

        self.run_during_refresh(settings, sign_in_elsewhere)
        current = refresh(pair.refresh_token)
        time_machine.move_to(after(minutes=2), tick=False)
        assert refresh(current.refresh_token).session.generation == 3
