"""Rejected refreshes: inactive sessions, changed users, and tokens of other users or clients."""

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
from tests.support.unsaved import issue_tokens


@pytest.fixture
def pair(alice):
    return services.sign_in(alice, client_id="a phone", now=NOW)


@pytest.fixture
def rejection_reason(caplog):
    """Return a function that expects a rejected refresh and returns the reason in the log."""
    caplog.set_level("INFO", logger="django_tokenauth")

    def rejection_reason(token, **arguments):
        caplog.clear()
        with pytest.raises(InvalidGrant):
            refresh(token, **arguments)
        [record] = caplog.records
        return record.message.removeprefix("refresh rejected: ")

    return rejection_reason


def forged(token, **changes):
    """Return *token* with changed claims, signed with the server's key."""
    tokens = refresh_tokens(load())
    return tokens.encode(replace(tokens.decode(token, now=NOW.timestamp()), **changes))


class TestToken:
    @pytest.mark.standard("rfc6749-6-3")
    @pytest.mark.parametrize("token", ["", "a.b.c", "\ud800", "x" * 10_000])
    def test_malformed_refresh_token_is_rejected_without_a_query(self, rejection_reason, token):
        assert rejection_reason(token, now=NOW) == "malformed"

    @pytest.mark.attack(99)
    def test_refresh_with_an_access_token_is_rejected(self, rejection_reason):
        assert rejection_reason(issue_tokens(now=NOW).access_token, now=NOW) == "typ"

    @pytest.mark.standard("rfc6749-6-3")
    def test_refresh_token_signed_with_another_secret_is_rejected(self, rejection_reason, settings):
        token = issue_tokens(now=NOW).refresh_token
        settings.SECRET_KEY = "another secret key, which is longer than 32 bytes"
        assert rejection_reason(token, now=NOW) == "key"


class TestSession:
    def test_refresh_of_a_deleted_session_is_rejected(self, pair, rejection_reason):
        Session.objects.all().delete()
        assert rejection_reason(pair.refresh_token, now=after(minutes=1)) == "revoked"

    @pytest.mark.standard("rfc6749-6-3")
    def test_refresh_of_a_revoked_session_is_rejected(self, pair, rejection_reason):
        services.revoke_token(pair.refresh_token, now=after(minutes=1))
        assert rejection_reason(pair.refresh_token, now=after(minutes=1)) == "revoked"

    @pytest.mark.attack(140)
    def test_session_expires_after_14_days_without_a_refresh(self, pair, rejection_reason):
        last = after(days=14) - timedelta(seconds=1)
        assert rejection_reason(pair.refresh_token, now=after(days=14)) == "expired"
        assert refresh(pair.refresh_token, now=last).session.generation == 2

    @pytest.mark.attack(140)
    def test_idle_expiry_of_session_overrides_refresh_token_expiry(self, pair, rejection_reason):
        Session.objects.update(idle_expires_at=after(days=1, milliseconds=900))
        assert (
            rejection_reason(pair.refresh_token, now=after(days=1, milliseconds=100)) == "expired"
        )
        assert refresh(pair.refresh_token, now=after(days=1, microseconds=-1)).session

    def test_refresh_in_grace_of_an_expired_session_is_rejected(self, pair, rejection_reason):
        refresh(pair.refresh_token, now=after(days=1))
        Session.objects.update(idle_expires_at=after(days=1, seconds=5, milliseconds=900))
        now = after(days=1, seconds=5, milliseconds=100)
        assert rejection_reason(pair.refresh_token, now=now) == "expired"

    @pytest.mark.attack(193)
    def test_refresh_of_session_older_than_not_before_is_rejected(
        self, pair, rejection_reason, settings
    ):
        settings.TOKENAUTH = {"NOT_BEFORE": after(seconds=1)}
        assert rejection_reason(pair.refresh_token, now=after(minutes=1)) == "revoked"

    @pytest.mark.attack(140)
    def test_refresh_never_extends_a_session_past_absolute_expiry(self, pair, rejection_reason):
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
        assert rejection_reason(current.refresh_token, now=after(days=90)) == "expired"

    def test_absolute_expiry_is_rounded_down_to_whole_seconds(self, alice, rejection_reason):
        pair = services.sign_in(alice, now=after(milliseconds=500))
        Session.objects.update(idle_expires_at=after(days=90, milliseconds=500))
        token = forged(
            pair.refresh_token,
            issued_at=int(after(days=80).timestamp()),
            expires_at=int(after(days=90, seconds=1).timestamp()),
        )
        assert rejection_reason(token, now=after(days=90, milliseconds=100)) == "expired"
        assert refresh(token, now=after(days=90, milliseconds=-100)).expires_in == 1

    def test_session_lifetime_limits_lifetime_of_refresh_token(self, alice, settings):
        settings.TOKENAUTH = {"SESSION_LIFETIME": timedelta(days=1)}
        pair = services.sign_in(alice, now=NOW)
        assert pair.session.idle_expires_at == pair.session.absolute_expires_at == after(days=1)
        claims = refresh_tokens(load()).decode(pair.refresh_token, now=NOW.timestamp())
        assert claims.expires_at == after(days=1).timestamp()

    def test_session_expiry_limits_access_token_issued_in_grace(self, alice, settings):
        settings.TOKENAUTH = {"REFRESH_TOKEN_LIFETIME": timedelta(seconds=301)}
        pair = services.sign_in(alice, now=NOW)
        refresh(pair.refresh_token, now=after(seconds=1))
        repeated = refresh(pair.refresh_token, now=after(seconds=11))
        claims: Claims = services.authenticate_access_token(
            repeated.access_token, now=after(seconds=11)
        )
        assert claims.expires_at == after(seconds=302).timestamp()


class TestShorterLifetimes:
    """A deployment that shortens a lifetime revokes no session."""

    @pytest.fixture(autouse=True)
    def _shorter(self, pair, settings):
        settings.TOKENAUTH = {"REFRESH_TOKEN_LIFETIME": timedelta(days=7)}

    def test_shorter_refresh_lifetime_applies_from_next_refresh(self, pair):
        assert refresh(pair.refresh_token, now=after(days=1)).session.idle_expires_at == after(
            days=8
        )

    def test_refresh_in_grace_succeeds_after_lifetime_is_shortened(self, pair, settings):
        settings.TOKENAUTH = {}
        current = refresh(pair.refresh_token, now=after(days=1))
        settings.TOKENAUTH = {"REFRESH_TOKEN_LIFETIME": timedelta(days=7)}
        repeated = refresh(pair.refresh_token, now=after(days=1, seconds=5))
        assert repeated.refresh_token == current.refresh_token
        assert refresh(repeated.refresh_token, now=after(days=2)).session.generation == 3


class TestClient:
    def test_rejected_refresh_by_another_client_keeps_the_session(self, pair, rejection_reason):
        now = after(minutes=1)
        assert rejection_reason(pair.refresh_token, client_id="a browser", now=now) == "claims"
        assert refresh(pair.refresh_token, client_id="a phone", now=now).session.generation == 2

    def test_refresh_without_client_id_succeeds(self, pair):
        assert refresh(pair.refresh_token, now=after(minutes=1)).session.generation == 2


class TestUser:
    @pytest.fixture(autouse=True)
    def _now(self, time_machine):
        time_machine.move_to(after(minutes=1), tick=False)

    @pytest.mark.standard("rfc6749-6-3")
    def test_refresh_of_deactivated_user_is_rejected(self, alice, pair, rejection_reason):
        alice.is_active = False
        alice.save()
        assert rejection_reason(pair.refresh_token) == "revoked"

    @pytest.mark.attack(94)
    def test_refresh_of_user_deactivated_by_update_is_rejected(self, alice, pair, rejection_reason):
        type(alice).objects.update(is_active=False)
        assert rejection_reason(pair.refresh_token) == "user"

    def test_refresh_of_deleted_user_is_rejected(self, alice, pair, rejection_reason):
        alice.delete()
        assert rejection_reason(pair.refresh_token) == "revoked"

    def test_refresh_of_session_without_user_is_rejected(self, pair, rejection_reason):
        Session.objects.update(user=None)
        assert rejection_reason(pair.refresh_token) == "user"

    def test_refresh_after_password_change_is_rejected(self, alice, pair, rejection_reason):
        alice.set_password("another")
        alice.save()
        assert rejection_reason(pair.refresh_token) == "revoked"

    @pytest.mark.attack(95)
    def test_refresh_after_password_change_by_update_is_rejected(
        self, alice, pair, rejection_reason
    ):
        type(alice).objects.update(password=make_password("another"))
        assert rejection_reason(pair.refresh_token) == "revoked"

    def test_refresh_after_password_became_unusable_is_rejected(
        self, alice, pair, rejection_reason
    ):
        alice.set_unusable_password()
        alice.save()
        assert rejection_reason(pair.refresh_token) == "revoked"

    @pytest.mark.attack(93)
    def test_refresh_with_the_subject_of_another_user_is_rejected(
        self, bob, pair, rejection_reason
    ):
        token = forged(pair.refresh_token, subject=str(bob.pk))
        assert rejection_reason(token) == "user"

    @pytest.mark.attack(90)
    def test_refresh_with_subject_in_another_spelling_is_rejected(
        self, alice, pair, rejection_reason
    ):
        assert rejection_reason(forged(pair.refresh_token, subject=f"0{alice.pk}")) == "user"

    def test_rejected_refresh_leaves_the_session_unchanged(self, bob, pair, rejection_reason):
        before = Session.objects.values().get()
        rejection_reason(forged(pair.refresh_token, subject=str(bob.pk)))
        rejection_reason(pair.refresh_token, client_id="a browser")
        assert Session.objects.values().get() == before


class TestSecretKeys:
    """A new ``SECRET_KEY`` keeps sessions as long as the old key is a fallback."""

    OLD = "the secret key of the tests, longer than 32 bytes"
    NEW = "a new secret key, which is longer than 32 bytes too"

    @pytest.mark.attack(171)
    def test_refresh_token_of_a_fallback_secret_key_is_accepted(self, pair, settings):
        settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = self.NEW, [self.OLD]
        assert refresh(pair.refresh_token, now=after(days=1)).session.generation == 2

    @pytest.mark.attack(171)
    def test_session_refreshed_before_old_key_removal_stays_active(self, pair, settings):
        settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = self.NEW, [self.OLD]
        current = refresh(pair.refresh_token, now=after(days=1))
        settings.SECRET_KEY_FALLBACKS = []
        assert refresh(current.refresh_token, now=after(days=2)).session.generation == 3

    def test_refresh_token_of_a_removed_secret_key_is_rejected(self, settings, rejection_reason):
        token = issue_tokens(now=NOW).refresh_token
        settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = self.NEW, []
        assert rejection_reason(token, now=after(days=1)) == "key"

    @pytest.mark.attack(171)
    def test_change_to_refresh_secret_key_keeps_the_sessions(
        self, pair, settings, rejection_reason
    ):
        settings.TOKENAUTH = {
            "REFRESH_SECRET_KEY": self.NEW,
            "REFRESH_SECRET_KEY_FALLBACKS": [self.OLD],
        }
        current = refresh(pair.refresh_token, now=after(days=1))
        settings.TOKENAUTH = {"REFRESH_SECRET_KEY": self.NEW}
        assert rejection_reason(pair.refresh_token, now=after(days=1)) == "key"
        assert refresh(current.refresh_token, now=after(days=2)).session.generation == 3

    def test_refresh_secret_key_rejects_tokens_signed_by_secret_key(
        self, settings, rejection_reason
    ):
        made_with_secret_key = issue_tokens(now=NOW).refresh_token
        settings.TOKENAUTH = {"REFRESH_SECRET_KEY": self.NEW}
        assert rejection_reason(made_with_secret_key, now=after(days=1)) == "key"

    @pytest.mark.attack(171)
    def test_refresh_within_grace_succeeds_after_secret_key_change(self, pair, settings):
        refresh(pair.refresh_token, now=after(days=1))
        settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = self.NEW, [self.OLD]
        repeated = refresh(pair.refresh_token, now=after(days=1, seconds=5))
        assert repeated.session.generation == 2
        assert refresh(repeated.refresh_token, now=after(days=2)).session.generation == 3
