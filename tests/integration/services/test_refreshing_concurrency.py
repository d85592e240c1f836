"""A refresh that is not alone: a row that lost rotations, and others who are faster."""

from __future__ import annotations

import pytest

from django_tokenauth import services, signals
from django_tokenauth.conf.settings import load
from django_tokenauth.errors import InvalidGrant, ServiceUnavailable
from django_tokenauth.models import RevokedReason, Session
from django_tokenauth.services import refresh
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


def rotated(pair, times):
    """The refresh tokens of so many rotations, a minute apart, the first one's in front."""
    tokens = [pair.refresh_token]
    for number in range(1, times + 1):
        tokens.append(refresh(tokens[-1], now=after(minutes=number)).refresh_token)
    return tokens


class TestLostRotations:
    """A database that failed over may have lost the last rotations."""

    @pytest.mark.parametrize("lost", [1, 3])
    def test_a_token_that_is_ahead_of_its_row_goes_on(self, pair, lost):
        tokens = rotated(pair, 3)
        Session.objects.update(generation=4 - lost, refreshed_at=after(minutes=3 - lost))
        now = after(hours=1)
        new = refresh(tokens[-1], now=now)
        assert read(new.refresh_token, now).generation == row(pair).generation == 5

    @pytest.mark.attack(134)
    def test_its_predecessor_is_old_afterwards(self, pair):
        tokens = rotated(pair, 3)
        Session.objects.update(generation=3)
        refresh(tokens[-1], now=after(hours=1))
        with pytest.raises(InvalidGrant):
            refresh(tokens[-2], now=after(hours=1))
        assert row(pair).revoked_reason == RevokedReason.REUSED

    def test_a_database_that_loses_them_all_the_time_is_given_up(self, pair, settings):
        tokens = rotated(pair, 5)

        def lose_one(user, session, request):
            Session.objects.update(generation=session.generation - 1)
            return {}

        settings.TOKENAUTH = {"EXTRA_CLAIMS": lose_one}
        with pytest.raises(ServiceUnavailable):
            refresh(tokens[-1], now=after(hours=1))
        settings.TOKENAUTH = {}
        assert refresh(tokens[-1], now=after(hours=1)).session.generation == 7


class TestMeanwhile:
    """What happens between the reading and the writing of one refresh."""

    def meanwhile(self, settings, act):
        acts = [act]

        def extra_claims(user, session, request):
            while acts:
                acts.pop()()
            return {}

        settings.TOKENAUTH = {"EXTRA_CLAIMS": extra_claims}

    @pytest.mark.attack(131)
    def test_somebody_faster_leaves_the_other_with_the_same_token(self, pair, settings):
        faster = []
        self.meanwhile(
            settings, lambda: faster.append(refresh(pair.refresh_token, now=after(minutes=1)))
        )
        slower = refresh(pair.refresh_token, now=after(minutes=1, seconds=1))
        assert slower.refresh_token == faster[0].refresh_token
        assert row(pair).generation == 2

    def test_the_slower_one_is_not_told(self, pair, settings):
        self.meanwhile(settings, lambda: refresh(pair.refresh_token, now=after(minutes=1)))
        with received(signals.refreshed) as calls:
            refresh(pair.refresh_token, now=after(minutes=1, seconds=1))
        assert len(calls) == 1

    @pytest.mark.attack(136)
    def test_a_sign_out_wins(self, pair, settings):
        self.meanwhile(
            settings, lambda: services.revoke_token(pair.refresh_token, now=after(minutes=1))
        )
        with pytest.raises(InvalidGrant):
            refresh(pair.refresh_token, now=after(minutes=1))
        assert row(pair).revoked_reason == RevokedReason.SIGNED_OUT
        assert row(pair).generation == 1

    @pytest.mark.attack(137)
    def test_a_new_password_wins(self, alice, pair, settings, time_machine):
        time_machine.move_to(after(minutes=1), tick=False)

        def change():
            alice.set_password("another")
            alice.save()

        self.meanwhile(settings, change)
        with pytest.raises(InvalidGrant):
            refresh(pair.refresh_token)
        assert row(pair).revoked_reason == RevokedReason.USER_CHANGED

    @pytest.mark.attack(95)
    def test_a_rehash_of_the_password_keeps_the_session(self, alice, pair, settings, time_machine):
        time_machine.move_to(after(minutes=1), tick=False)

        def sign_in_elsewhere():
            settings.PASSWORD_HASHERS = settings.PASSWORD_HASHERS[::-1]
            services.check_password(None, "alice", "correct horse")

        self.meanwhile(settings, sign_in_elsewhere)
        current = refresh(pair.refresh_token)
        time_machine.move_to(after(minutes=2), tick=False)
        assert refresh(current.refresh_token).session.generation == 3
