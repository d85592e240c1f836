"""``REFRESH_RETRY``: a client retries after the grace period because it never got the response."""

from __future__ import annotations

from datetime import timedelta

import pytest

from django_tokenauth import services, signals
from django_tokenauth.conf.settings import load
from django_tokenauth.errors import InvalidGrant, InvalidScope
from django_tokenauth.models import RevokedReason, Session
from django_tokenauth.services import refresh
from django_tokenauth.sessions.log_ids import log_id
from django_tokenauth.tokens.refresh import refresh_tokens
from tests.support.client import log_messages
from tests.support.clock import NOW, after
from tests.support.signal_capture import received


@pytest.fixture
def retrying(settings):
    settings.TOKENAUTH = {"REFRESH_RETRY": True}


@pytest.fixture
def held(retrying, alice):
    """Return the refresh token of a client that never received its successor."""
    return services.sign_in(alice, now=NOW).refresh_token


@pytest.fixture
def lost(held):
    """Return the successor, which was issued one minute after the sign-in and lost."""
    return refresh(held, now=after(minutes=1)).refresh_token


def row():
    return Session.objects.get()


def read(token):
    return refresh_tokens(load()).decode(token, now=after(hours=1).timestamp())


def is_reuse(token, **later):
    """Return whether a refresh with *token* revokes the active session as reuse."""
    assert row().revoked_at is None
    with pytest.raises(InvalidGrant):
        refresh(token, now=after(**later))
    return row().revoked_reason == RevokedReason.REUSED


class TestDefault:
    def test_refresh_retry_is_off_by_default(self):
        assert load().refresh_retry is False

    @pytest.mark.parametrize("values", [{}, {"REFRESH_RETRY": False}], ids=["unset", "false"])
    def test_predecessor_used_after_grace_with_retry_off_is_reuse(self, alice, settings, values):
        settings.TOKENAUTH = values
        held = services.sign_in(alice, now=NOW).refresh_token
        refresh(held, now=after(minutes=1))
        assert is_reuse(held, minutes=1, seconds=11)


class TestOwner:
    def test_retry_after_the_grace_rotates_the_session(self, held, lost):
        new = refresh(held, now=after(hours=1))
        assert read(new.refresh_token).generation == row().generation == 3
        assert new.refresh_token not in (held, lost)
        assert row().revoked_at is None
        assert refresh(new.refresh_token, now=after(hours=2)).session.generation == 4

    def test_retry_extends_idle_expiry_like_any_refresh(self, held, lost):
        new = refresh(held, now=after(hours=1))
        assert row().refreshed_at == after(hours=1)
        assert row().idle_expires_at == after(days=14, hours=1)
        assert read(new.refresh_token).expires_at == after(days=14, hours=1).timestamp()

    def test_retry_returns_a_valid_access_token(self, held, lost):
        new = refresh(held, now=after(hours=1))
        claims = services.authenticate_access_token(new.access_token, now=after(hours=1))
        assert services.get_user(claims).username == "alice"

    def test_refresh_within_grace_is_not_a_retry(self, held, lost):
        assert refresh(held, now=after(minutes=1, seconds=10)).refresh_token == lost
        assert row().generation == 2

    def test_second_retry_within_grace_returns_the_same_token(self, held, lost):
        new = refresh(held, now=after(hours=1))
        repeated = refresh(held, now=after(hours=1, seconds=10))
        assert repeated.refresh_token == new.refresh_token
        assert row().generation == 3

    def test_retry_is_available_again_after_a_received_response(self, held, lost):
        for hour in range(1, 6):
            arrived = refresh(held, now=after(hours=hour)).refresh_token
            held = refresh(arrived, now=after(hours=hour, minutes=1)).refresh_token
            refresh(held, now=after(hours=hour, minutes=2))
        assert row().revoked_at is None
        assert row().generation == 2 + 3 * 5

    def test_retry_with_an_expired_token_is_rejected(self, held, lost):
        with pytest.raises(InvalidGrant):
            refresh(held, now=after(days=14))
        assert row().revoked_at is None

    def test_retry_does_not_extend_session_past_absolute_expiry(self, alice, settings):
        settings.TOKENAUTH = {"REFRESH_RETRY": True, "SESSION_LIFETIME": timedelta(hours=2)}
        held = services.sign_in(alice, now=NOW).refresh_token
        refresh(held, now=after(minutes=1))
        refresh(held, now=after(hours=1))
        assert row().absolute_expires_at == row().idle_expires_at == after(hours=2)

    def test_retry_with_invalid_scope_leaves_the_session_unchanged(self, held, lost):
        with pytest.raises(InvalidScope):
            refresh(held, scope=["unknown"], now=after(hours=1))
        assert (row().generation, row().retried) == (2, False)
        assert refresh(held, now=after(hours=1)).session.generation == 3

    def test_retry_takes_two_statements(self, held, lost, django_assert_num_queries):
        with django_assert_num_queries(2):
            refresh(held, now=after(hours=1))

    def test_retry_sends_refreshed_signal_and_is_logged(self, alice, held, lost, caplog):
        caplog.set_level("INFO", "django_tokenauth")
        with (
            received(signals.refreshed) as refreshed,
            received(signals.refresh_token_reused) as reused,
        ):
            refresh(held, now=after(hours=1))
        session = row()
        assert (len(refreshed), len(reused)) == (1, 0)
        accepted = "the previous refresh token was accepted after the grace period"
        assert log_messages(caplog) == [f"session {log_id(session.pk)}: {accepted}"]

    def test_retry_after_a_sign_out_is_rejected(self, held, lost):
        services.revoke_token(lost, now=after(minutes=2))
        with pytest.raises(InvalidGrant):
            refresh(held, now=after(hours=1))
        assert row().revoked_reason == RevokedReason.SIGNED_OUT


class TestAttacker:
    def test_use_of_the_lost_token_after_a_retry_is_reuse(self, held, lost):
        refresh(held, now=after(hours=1))
        assert is_reuse(lost, hours=2)

    def test_use_of_the_lost_token_in_the_grace_of_a_retry_is_reuse(self, held, lost):
        refresh(held, now=after(hours=1))
        assert is_reuse(lost, hours=1, seconds=1)

    @pytest.mark.promise(10)
    def test_use_of_a_stolen_token_after_a_retry_revokes_the_session(self, held, lost):
        # The attacker refreshed first, so the owner's refresh counts as a retry.
        stolen, owner = lost, refresh(held, now=after(hours=1)).refresh_token
        assert is_reuse(stolen, hours=2)
        with pytest.raises(InvalidGrant):
            refresh(owner, now=after(hours=2))

    def test_owner_refresh_after_attacker_retry_revokes_the_session(self, held, lost):
        refresh(held, now=after(hours=1))
        # The owner received the response and uses its token.
        assert is_reuse(lost, hours=1, minutes=5)

    @pytest.mark.promise(10)
    def test_second_retry_after_the_grace_is_reuse(self, held, lost):
        refresh(held, now=after(hours=1))
        assert is_reuse(held, hours=2)

    def test_retry_after_the_successor_was_used_is_reuse(self, held, lost):
        refresh(lost, now=after(minutes=2))
        assert is_reuse(held, hours=1)

    def test_retry_within_the_grace_of_the_next_refresh_is_reuse(self, held, lost):
        refresh(lost, now=after(minutes=2))
        assert is_reuse(held, minutes=2, seconds=1)

    @pytest.mark.parametrize("age", range(2, 8))
    def test_retry_with_token_older_than_predecessor_is_reuse(self, held, lost, age):
        tokens = [held, lost]
        for number in range(2, 9):
            tokens.append(refresh(tokens[-1], now=after(minutes=number)).refresh_token)
        assert is_reuse(tokens[-1 - age], hours=1)

    def test_use_of_a_token_older_than_the_retried_token_is_reuse(self, alice, retrying):
        oldest = services.sign_in(alice, now=NOW).refresh_token
        held = refresh(oldest, now=after(minutes=1)).refresh_token
        refresh(held, now=after(minutes=2))
        refresh(held, now=after(hours=1))
        assert is_reuse(oldest, hours=1, seconds=1)


class TestRow:
    def test_session_stores_whether_the_last_refresh_was_a_retry(self, held, lost):
        assert row().retried is False
        new = refresh(held, now=after(hours=1))
        assert (row().retried, new.session.retried) == (True, True)
        refresh(new.refresh_token, now=after(hours=2))
        assert row().retried is False

    def test_retry_turned_off_keeps_the_grace_of_the_last_retry(self, held, lost, settings):
        new = refresh(held, now=after(hours=1)).refresh_token
        settings.TOKENAUTH = {}
        assert refresh(held, now=after(hours=1, seconds=1)).refresh_token == new
        assert is_reuse(lost, hours=1, seconds=2)

    def test_refresh_after_a_failover_that_lost_a_retry_succeeds(self, held, lost):
        new = refresh(held, now=after(hours=1)).refresh_token
        # A failover of the database lost the retry.
        Session.objects.update(generation=2, retried=False, refreshed_at=after(minutes=1))
        assert refresh(new, now=after(hours=2)).session.generation == 4
        assert is_reuse(lost, hours=2, seconds=1)
