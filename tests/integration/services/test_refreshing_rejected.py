"""Whom a refresh refuses: sessions that ended, users who changed, tokens that name another."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from django.contrib.auth.hashers import make_password

from django_tokenauth import services
from django_tokenauth.conf.settings import load
from django_tokenauth.errors import InvalidGrant
from django_tokenauth.models import Session
from django_tokenauth.services import refresh
from django_tokenauth.tokens.claims import Claims
from django_tokenauth.tokens.refresh import refresh_tokens
from tests.support.clock import NOW, after

pytestmark = pytest.mark.django_db


@pytest.fixture
def pair(alice):
    return services.sign_in(alice, client_id="a phone", now=NOW)


@pytest.fixture
def refused(caplog):
    """Refreshes, is refused, and gives the reason that the log has."""
    caplog.set_level("INFO", logger="django_tokenauth")

    def refused(token, **arguments):
        caplog.clear()
        with pytest.raises(InvalidGrant):
            refresh(token, **arguments)
        [record] = caplog.records
        return record.message.removeprefix("refresh refused: ")

    return refused


def forged(token, **changes):
    """The token with other claims, under our own signature."""
    tokens = refresh_tokens(load())
    return tokens.encode(replace(tokens.decode(token, now=NOW.timestamp()), **changes))


class TestTheToken:
    @pytest.mark.standard("rfc6749-6-3")
    @pytest.mark.parametrize("token", ["", "a.b.c", "\ud800", "x" * 10_000])
    def test_what_is_no_token_is_refused_without_a_statement(
        self, refused, token, django_assert_num_queries
    ):
        with django_assert_num_queries(0):
            assert refused(token, now=NOW) == "malformed"

    @pytest.mark.attack(99)
    def test_an_access_token_is_refused(self, pair, refused):
        assert refused(pair.access_token, now=NOW) == "typ"

    @pytest.mark.standard("rfc6749-6-3")
    def test_one_that_another_secret_signed_is_refused(self, pair, refused, settings):
        settings.SECRET_KEY = "another secret key, which is longer than 32 bytes"
        assert refused(pair.refresh_token, now=NOW) == "key"


class TestTheSession:
    def test_one_that_is_gone_is_refused(self, pair, refused):
        Session.objects.all().delete()
        assert refused(pair.refresh_token, now=after(minutes=1)) == "revoked"

    @pytest.mark.standard("rfc6749-6-3")
    def test_one_that_was_revoked_is_refused(self, pair, refused):
        services.revoke_token(pair.refresh_token, now=after(minutes=1))
        assert refused(pair.refresh_token, now=after(minutes=1)) == "revoked"

    @pytest.mark.attack(140)
    def test_it_ends_when_it_is_not_used_for_a_fortnight(self, pair, refused):
        last = after(days=14) - timedelta(seconds=1)
        assert refused(pair.refresh_token, now=after(days=14)) == "expired"
        assert refresh(pair.refresh_token, now=last).session.generation == 2

    @pytest.mark.attack(140)
    def test_the_row_counts_where_it_ends_before_its_token(self, pair, refused):
        Session.objects.update(idle_expires_at=after(days=1, milliseconds=900))
        assert refused(pair.refresh_token, now=after(days=1, milliseconds=100)) == "expired"
        assert refresh(pair.refresh_token, now=after(days=1, microseconds=-1)).session

    @pytest.mark.attack(140)
    def test_no_rotation_leads_beyond_its_absolute_end(self, pair, refused):
        current = pair
        for day in range(10, 90, 10):
            current = refresh(current.refresh_token, now=after(days=day))
            session = Session.objects.get()
            assert session.absolute_expires_at == after(days=90)
            assert session.idle_expires_at == min(after(days=day + 14), after(days=90))
        now = after(days=90, seconds=-1)
        current = refresh(current.refresh_token, now=now)
        claims = refresh_tokens(load()).decode(current.refresh_token, now=now.timestamp())
        assert claims.expires_at == after(days=90).timestamp()
        assert current.expires_in == 1
        assert refused(current.refresh_token, now=after(days=90)) == "expired"

    def test_an_absolute_end_within_a_second_is_cut_to_whole_seconds(self, alice, refused):
        pair = services.sign_in(alice, now=after(milliseconds=500))
        Session.objects.update(idle_expires_at=after(days=90, milliseconds=500))
        token = forged(
            pair.refresh_token,
            issued_at=int(after(days=80).timestamp()),
            expires_at=int(after(days=90, seconds=1).timestamp()),
        )
        assert refused(token, now=after(days=90, milliseconds=100)) == "expired"
        assert refresh(token, now=after(days=90, milliseconds=-100)).expires_in == 1

    def test_a_session_lifetime_below_that_of_a_refresh_token_bounds_it(self, alice, settings):
        settings.TOKENAUTH = {"SESSION_LIFETIME": timedelta(days=1)}
        pair = services.sign_in(alice, now=NOW)
        assert pair.session.idle_expires_at == pair.session.absolute_expires_at == after(days=1)
        claims = refresh_tokens(load()).decode(pair.refresh_token, now=NOW.timestamp())
        assert claims.expires_at == after(days=1).timestamp()

    def test_the_access_token_of_a_grace_does_not_outlive_it_either(self, alice, settings):
        settings.TOKENAUTH = {"REFRESH_TOKEN_LIFETIME": timedelta(seconds=301)}
        pair = services.sign_in(alice, now=NOW)
        refresh(pair.refresh_token, now=after(seconds=1))
        again = refresh(pair.refresh_token, now=after(seconds=11))
        claims: Claims = services.authenticate_access_token(
            again.access_token, now=after(seconds=11)
        )
        assert claims.expires_at == after(seconds=302).timestamp()


class TestShorterLifetimes:
    """A deployment that shortens a lifetime signs nobody out."""

    @pytest.fixture(autouse=True)
    def _shorter(self, pair, settings):
        settings.TOKENAUTH = {"REFRESH_TOKEN_LIFETIME": timedelta(days=7)}

    def test_a_token_of_before_is_good_and_its_successor_is_shorter(self, pair):
        assert refresh(pair.refresh_token, now=after(days=1)).session.idle_expires_at == after(
            days=8
        )

    def test_a_token_that_is_given_again_is_good(self, pair, settings):
        settings.TOKENAUTH = {}
        current = refresh(pair.refresh_token, now=after(days=1))
        settings.TOKENAUTH = {"REFRESH_TOKEN_LIFETIME": timedelta(days=7)}
        again = refresh(pair.refresh_token, now=after(days=1, seconds=5))
        assert again.refresh_token == current.refresh_token
        assert refresh(again.refresh_token, now=after(days=2)).session.generation == 3


class TestTheClient:
    def test_another_client_is_refused_and_the_owner_goes_on(self, pair, refused):
        now = after(minutes=1)
        assert refused(pair.refresh_token, client_id="a browser", now=now) == "claims"
        assert refresh(pair.refresh_token, client_id="a phone", now=now).session.generation == 2

    def test_a_client_need_not_say_who_it_is(self, pair):
        assert refresh(pair.refresh_token, now=after(minutes=1)).session.generation == 2


class TestTheUser:
    @pytest.fixture(autouse=True)
    def _now(self, time_machine):
        time_machine.move_to(after(minutes=1), tick=False)

    @pytest.mark.standard("rfc6749-6-3")
    def test_one_who_is_deactivated_is_refused(self, alice, pair, refused):
        alice.is_active = False
        alice.save()
        assert refused(pair.refresh_token) == "revoked"

    @pytest.mark.attack(94)
    def test_one_who_is_deactivated_without_a_signal_is_refused_too(self, alice, pair, refused):
        type(alice).objects.update(is_active=False)
        assert refused(pair.refresh_token) == "user"

    def test_one_who_is_deleted_is_refused(self, alice, pair, refused):
        alice.delete()
        assert refused(pair.refresh_token) == "revoked"

    def test_a_session_that_lost_its_user_otherwise_is_refused(self, pair, refused):
        Session.objects.update(user=None)
        assert refused(pair.refresh_token) == "user"

    def test_one_with_a_new_password_is_refused(self, alice, pair, refused):
        alice.set_password("another")
        alice.save()
        assert refused(pair.refresh_token) == "revoked"

    @pytest.mark.attack(95)
    def test_one_with_a_new_password_without_a_signal_is_refused_too(self, alice, pair, refused):
        type(alice).objects.update(password=make_password("another"))
        assert refused(pair.refresh_token) == "revoked"

    def test_one_whose_password_was_made_unusable_is_refused(self, alice, pair, refused):
        alice.set_unusable_password()
        alice.save()
        assert refused(pair.refresh_token) == "revoked"

    @pytest.mark.attack(93)
    def test_one_who_is_not_the_subject_is_refused(self, bob, pair, refused):
        token = forged(pair.refresh_token, subject=str(bob.pk))
        assert refused(token) == "user"

    @pytest.mark.attack(90)
    def test_a_subject_that_means_the_same_number_is_refused(self, alice, pair, refused):
        assert refused(forged(pair.refresh_token, subject=f"0{alice.pk}")) == "user"

    def test_whoever_is_refused_keeps_the_session_as_it_was(self, bob, pair, refused):
        before = Session.objects.values().get()
        refused(forged(pair.refresh_token, subject=str(bob.pk)))
        refused(pair.refresh_token, client_id="a browser")
        assert Session.objects.values().get() == before


class TestSecretKeys:
    """``SECRET_KEY`` is rotated: the old one becomes a fallback, and is removed later."""

    OLD = "the secret key of the tests, longer than 32 bytes"
    NEW = "a new secret key, which is longer than 32 bytes too"

    @pytest.mark.attack(171)
    def test_sessions_of_the_old_key_go_on(self, pair, settings):
        settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = self.NEW, [self.OLD]
        assert refresh(pair.refresh_token, now=after(days=1)).session.generation == 2

    @pytest.mark.attack(171)
    def test_a_session_that_was_refreshed_meanwhile_outlives_the_removal(self, pair, settings):
        settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = self.NEW, [self.OLD]
        current = refresh(pair.refresh_token, now=after(days=1))
        settings.SECRET_KEY_FALLBACKS = []
        assert refresh(current.refresh_token, now=after(days=2)).session.generation == 3

    def test_another_session_does_not(self, pair, settings, refused):
        settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = self.NEW, []
        assert refused(pair.refresh_token, now=after(days=1)) == "key"

    @pytest.mark.attack(171)
    def test_the_grace_reaches_over_the_change(self, pair, settings):
        refresh(pair.refresh_token, now=after(days=1))
        settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = self.NEW, [self.OLD]
        again = refresh(pair.refresh_token, now=after(days=1, seconds=5))
        assert again.session.generation == 2
        assert refresh(again.refresh_token, now=after(days=2)).session.generation == 3
