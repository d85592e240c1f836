"""``REFRESH_RETRY``: the answer to a refresh that was lost for longer than the grace."""

from __future__ import annotations

from datetime import timedelta

import pytest

from django_tokenauth import services, signals
from django_tokenauth.conf.settings import load
from django_tokenauth.errors import InvalidGrant, InvalidScope
from django_tokenauth.models import RevokedReason, Session
from django_tokenauth.services import refresh
from django_tokenauth.tokens.refresh import refresh_tokens
from tests.support.client import logged
from tests.support.clock import NOW, after
from tests.support.signal_capture import received

pytestmark = pytest.mark.django_db


@pytest.fixture
def retrying(settings):
    settings.TOKENAUTH = {"REFRESH_RETRY": True}


@pytest.fixture
def held(retrying, alice):
    """The token that a client holds, whose successor was made and never arrived."""
    return services.sign_in(alice, now=NOW).refresh_token


@pytest.fixture
def lost(held):
    """The successor. It was given out a minute after the sign-in."""
    return refresh(held, now=after(minutes=1)).refresh_token


def row():
    return Session.objects.get()


def read(token):
    return refresh_tokens(load()).decode(token, now=after(hours=1).timestamp())


def is_reuse(token, **later):
    """Whether the token ends the session, which was alive."""
    assert row().revoked_at is None
    with pytest.raises(InvalidGrant):
        refresh(token, now=after(**later))
    return row().revoked_reason == RevokedReason.REUSED


class TestOff:
    def test_it_is_off_unless_it_is_set(self):
        assert load().refresh_retry is False

    @pytest.mark.parametrize("given", [{}, {"REFRESH_RETRY": False}], ids=["not set", "false"])
    def test_a_lost_answer_ends_the_session_after_the_grace(self, alice, settings, given):
        settings.TOKENAUTH = given
        held = services.sign_in(alice, now=NOW).refresh_token
        refresh(held, now=after(minutes=1))
        assert is_reuse(held, minutes=1, seconds=11)


class TestTheOwner:
    def test_goes_on_after_the_grace(self, held, lost):
        new = refresh(held, now=after(hours=1))
        assert read(new.refresh_token).generation == row().generation == 3
        assert new.refresh_token not in (held, lost)
        assert row().revoked_at is None
        assert refresh(new.refresh_token, now=after(hours=2)).session.generation == 4

    def test_goes_on_with_a_token_that_lives_as_long_as_after_any_refresh(self, held, lost):
        new = refresh(held, now=after(hours=1))
        assert row().refreshed_at == after(hours=1)
        assert row().idle_expires_at == after(days=14, hours=1)
        assert read(new.refresh_token).expires_at == after(days=14, hours=1).timestamp()

    def test_gets_an_access_token_too(self, held, lost):
        new = refresh(held, now=after(hours=1))
        claims = services.authenticate_access_token(new.access_token, now=after(hours=1))
        assert services.get_user(claims).username == "alice"

    def test_gets_the_current_token_within_the_grace_as_without_the_setting(self, held, lost):
        assert refresh(held, now=after(minutes=1, seconds=10)).refresh_token == lost
        assert row().generation == 2

    def test_gets_the_same_token_in_both_tabs_that_try_again(self, held, lost):
        new = refresh(held, now=after(hours=1))
        again = refresh(held, now=after(hours=1, seconds=10))
        assert again.refresh_token == new.refresh_token
        assert row().generation == 3

    def test_can_lose_an_answer_again_after_one_that_arrived(self, held, lost):
        for hour in range(1, 6):
            arrived = refresh(held, now=after(hours=hour)).refresh_token
            held = refresh(arrived, now=after(hours=hour, minutes=1)).refresh_token
            refresh(held, now=after(hours=hour, minutes=2))
        assert row().revoked_at is None
        assert row().generation == 2 + 3 * 5

    def test_cannot_go_on_for_longer_than_the_token_itself_is_good(self, held, lost):
        with pytest.raises(InvalidGrant):
            refresh(held, now=after(days=14))
        assert row().revoked_at is None

    def test_cannot_go_on_past_the_absolute_end(self, alice, settings):
        settings.TOKENAUTH = {"REFRESH_RETRY": True, "SESSION_LIFETIME": timedelta(hours=2)}
        held = services.sign_in(alice, now=NOW).refresh_token
        refresh(held, now=after(minutes=1))
        refresh(held, now=after(hours=1))
        assert row().absolute_expires_at == row().idle_expires_at == after(hours=2)

    def test_loses_nothing_by_asking_for_a_wrong_scope(self, held, lost):
        with pytest.raises(InvalidScope):
            refresh(held, scope=["unknown"], now=after(hours=1))
        assert (row().generation, row().retried) == (2, False)
        assert refresh(held, now=after(hours=1)).session.generation == 3

    def test_takes_two_statements(self, held, lost, django_assert_num_queries):
        with django_assert_num_queries(2):
            refresh(held, now=after(hours=1))

    def test_is_told_of_as_any_refresh_and_logged(self, alice, held, lost, caplog):
        caplog.set_level("INFO", "django_tokenauth")
        with (
            received(signals.refreshed) as refreshed,
            received(signals.refresh_token_reused) as reused,
        ):
            refresh(held, now=after(hours=1))
        session = row()
        assert (len(refreshed), len(reused)) == (1, 0)
        assert logged(caplog) == [
            f"session {session.pk}: the previous refresh token was accepted after the grace"
        ]

    def test_is_signed_out_by_a_sign_out_all_the_same(self, held, lost):
        services.revoke_token(lost, now=after(minutes=2))
        with pytest.raises(InvalidGrant):
            refresh(held, now=after(hours=1))
        assert row().revoked_reason == RevokedReason.SIGNED_OUT


class TestTheThief:
    def test_who_holds_the_lost_answer_is_found(self, held, lost):
        refresh(held, now=after(hours=1))
        assert is_reuse(lost, hours=2)

    def test_who_holds_the_lost_answer_is_found_within_the_grace_of_the_retry(self, held, lost):
        refresh(held, now=after(hours=1))
        assert is_reuse(lost, hours=1, seconds=1)

    @pytest.mark.promise(10)
    def test_who_was_faster_than_the_owner_is_found_when_both_go_on(self, held, lost):
        # The thief refreshed, the owner is taken for somebody who lost the answer.
        stolen, owner = lost, refresh(held, now=after(hours=1)).refresh_token
        assert is_reuse(stolen, hours=2)
        with pytest.raises(InvalidGrant):
            refresh(owner, now=after(hours=2))

    def test_who_copied_a_spent_token_is_found_when_the_owner_goes_on(self, held, lost):
        refresh(held, now=after(hours=1))
        # The owner did get the answer, and presents it.
        assert is_reuse(lost, hours=1, minutes=5)

    @pytest.mark.promise(10)
    def test_cannot_take_turns_with_the_owner(self, held, lost):
        refresh(held, now=after(hours=1))
        assert is_reuse(held, hours=2)

    def test_cannot_come_back_with_a_predecessor_whose_successor_was_presented(self, held, lost):
        refresh(lost, now=after(minutes=2))
        assert is_reuse(held, hours=1)

    def test_cannot_come_back_with_a_predecessor_in_the_grace_of_what_followed(self, held, lost):
        refresh(lost, now=after(minutes=2))
        assert is_reuse(held, minutes=2, seconds=1)

    @pytest.mark.parametrize("age", range(2, 8))
    def test_cannot_come_back_with_anything_older(self, held, lost, age):
        tokens = [held, lost]
        for number in range(2, 9):
            tokens.append(refresh(tokens[-1], now=after(minutes=number)).refresh_token)
        assert is_reuse(tokens[-1 - age], hours=1)

    def test_cannot_come_back_with_what_was_older_than_the_retry(self, alice, retrying):
        oldest = services.sign_in(alice, now=NOW).refresh_token
        held = refresh(oldest, now=after(minutes=1)).refresh_token
        refresh(held, now=after(minutes=2))
        refresh(held, now=after(hours=1))
        assert is_reuse(oldest, hours=1, seconds=1)


class TestTheRow:
    def test_says_whether_the_last_refresh_was_a_retry(self, held, lost):
        assert row().retried is False
        new = refresh(held, now=after(hours=1))
        assert (row().retried, new.session.retried) == (True, True)
        refresh(new.refresh_token, now=after(hours=2))
        assert row().retried is False

    def test_keeps_its_meaning_when_the_setting_is_taken_away(self, held, lost, settings):
        new = refresh(held, now=after(hours=1)).refresh_token
        settings.TOKENAUTH = {}
        assert refresh(held, now=after(hours=1, seconds=1)).refresh_token == new
        assert is_reuse(lost, hours=1, seconds=2)

    def test_can_be_behind_the_token_after_a_retry(self, held, lost):
        new = refresh(held, now=after(hours=1)).refresh_token
        # A database that failed over and lost the retry.
        Session.objects.update(generation=2, retried=False, refreshed_at=after(minutes=1))
        assert refresh(new, now=after(hours=2)).session.generation == 4
        assert is_reuse(lost, hours=2, seconds=1)
