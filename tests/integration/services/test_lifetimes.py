"""Lifetimes by sign-in: the hook ``LIFETIMES``, the argument, and the refreshes that follow."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.http import HttpRequest

from django_tokenauth import services
from django_tokenauth.conf.settings import load
from django_tokenauth.errors import InvalidGrant
from django_tokenauth.models import Session
from django_tokenauth.services import Lifetimes
from django_tokenauth.tokens.refresh import refresh_tokens
from tests.support.clock import NOW, after

pytestmark = pytest.mark.django_db
BOTH = pytest.mark.parametrize("stateless", [False, True], ids=["session", "stateless"])
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
SHORT = Lifetimes(access=MINUTE, idle=HOUR, absolute=DAY)
REQUEST = HttpRequest()


def lifetimes_of(pair, now):
    """Return the lifetimes that the tokens state at *now*, in seconds."""
    access = services.authenticate_access_token(pair.access_token, now=now)
    refresh = refresh_tokens(load()).decode(pair.refresh_token, now=now.timestamp())
    stated = access.expires_at - access.issued_at, refresh.expires_at - int(now.timestamp())
    assert stated == (pair.expires_in, pair.refresh_token_expires_in)
    return stated


@BOTH
class TestRefreshes:
    @pytest.fixture(autouse=True)
    def _stateless(self, settings, stateless):
        settings.TOKENAUTH = {"STATELESS_REFRESH": stateless}

    def test_tokens_state_the_lifetimes_of_the_sign_in(self, alice):
        pair = services.sign_in(alice, lifetimes=SHORT, now=NOW)
        assert lifetimes_of(pair, NOW) == (60, 3600)

    def test_each_refresh_follows_the_lifetimes_of_the_sign_in(self, alice):
        pair = services.sign_in(alice, lifetimes=SHORT, now=NOW)
        for minutes in (50, 100, 150):
            pair = services.refresh(pair.refresh_token, now=after(minutes=minutes))
            assert lifetimes_of(pair, after(minutes=minutes)) == (60, 3600)

    def test_refresh_after_the_idle_lifetime_is_rejected(self, alice):
        pair = services.sign_in(alice, lifetimes=SHORT, now=NOW)
        with pytest.raises(InvalidGrant):
            services.refresh(pair.refresh_token, now=after(hours=1))

    def test_refresh_never_exceeds_the_absolute_lifetime(self, alice):
        pair = services.sign_in(alice, lifetimes=SHORT, now=NOW)
        for minutes in range(50, 1440, 50):
            pair = services.refresh(pair.refresh_token, now=after(minutes=minutes))
        assert lifetimes_of(pair, after(minutes=1400)) == (60, 2400)
        with pytest.raises(InvalidGrant):
            services.refresh(pair.refresh_token, now=after(days=1))

    def test_longer_lifetimes_than_those_of_the_settings_apply(self, alice):
        long = Lifetimes(idle=200 * DAY, absolute=300 * DAY)
        pair = services.sign_in(alice, lifetimes=long, now=NOW)
        assert lifetimes_of(pair, NOW) == (300, 200 * 86400)
        pair = services.refresh(pair.refresh_token, now=after(days=199))
        assert lifetimes_of(pair, after(days=199)) == (300, 101 * 86400)

    def test_session_without_lifetimes_follows_changed_settings(self, alice, settings, stateless):
        pair = services.sign_in(alice, lifetimes=Lifetimes(), now=NOW)
        settings.TOKENAUTH = {
            "STATELESS_REFRESH": stateless,
            "ACCESS_TOKEN_LIFETIME": 2 * MINUTE,
            "REFRESH_TOKEN_LIFETIME": 3 * DAY,
        }
        pair = services.refresh(pair.refresh_token, now=after(days=1))
        assert lifetimes_of(pair, after(days=1)) == (120, 3 * 86400)

    def test_access_token_is_shortened_to_a_lowered_maximum(self, alice, settings, stateless):
        settings.TOKENAUTH = {
            "STATELESS_REFRESH": stateless,
            "MAX_ACCESS_TOKEN_LIFETIME": HOUR,
        }
        pair = services.sign_in(alice, lifetimes=Lifetimes(access=HOUR), now=NOW)
        assert pair.expires_in == 3600
        settings.TOKENAUTH = {"STATELESS_REFRESH": stateless}
        pair = services.refresh(pair.refresh_token, now=after(days=1))
        assert lifetimes_of(pair, after(days=1))[0] == 300


def test_stateless_session_is_shortened_to_a_lowered_maximum(alice, settings):
    settings.TOKENAUTH = {"STATELESS_REFRESH": True}
    year = Lifetimes(idle=365 * DAY, absolute=365 * DAY)
    pair = services.sign_in(alice, lifetimes=year, now=NOW)
    settings.TOKENAUTH = {"STATELESS_REFRESH": True, "MAX_SESSION_LIFETIME": 100 * DAY}
    new = services.refresh(pair.refresh_token, now=after(days=99))
    assert new.refresh_token_expires_in == 86400
    with pytest.raises(InvalidGrant):
        services.refresh(pair.refresh_token, now=after(days=100))


def test_session_row_stores_its_lifetimes(alice):
    pk = services.sign_in(alice, lifetimes=SHORT, now=NOW).session.pk
    session = Session.objects.get(pk=pk)
    assert (session.access_lifetime, session.idle_lifetime) == (MINUTE, HOUR)
    assert (session.idle_expires_at, session.absolute_expires_at) == (
        after(hours=1),
        after(days=1),
    )


def test_refresh_with_lifetimes_takes_two_statements(alice, django_assert_num_queries):
    pair = services.sign_in(alice, lifetimes=SHORT, data={"a": 1}, now=NOW)
    with django_assert_num_queries(2):
        services.refresh(pair.refresh_token, now=after(minutes=1))


def test_continued_session_keeps_its_idle_lifetime(alice):
    pair = services.sign_in(alice, lifetimes=SHORT, now=NOW)
    request = HttpRequest()
    request.auth = services.authenticate_access_token(pair.access_token, now=NOW)
    alice.set_password("battery staple")
    alice.save()
    services.update_session_auth_hash(request, alice, now=after(minutes=1))
    assert Session.objects.get().idle_expires_at == after(hours=1)


@BOTH
class TestHook:
    @pytest.fixture(autouse=True)
    def calls(self, settings, stateless):
        calls = []

        def choose(*arguments):
            calls.append(arguments)
            return self.result

        self.result = SHORT
        settings.TOKENAUTH = {"LIFETIMES": choose, "STATELESS_REFRESH": stateless}
        return calls

    def test_hook_receives_user_client_and_request_at_sign_in_only(self, alice, calls):
        pair = services.sign_in(alice, client_id="phone", request=REQUEST, now=NOW)
        assert calls == [(alice, "phone", REQUEST)]
        assert lifetimes_of(pair, NOW) == (60, 3600)
        pair = services.refresh(pair.refresh_token, now=after(minutes=1))
        assert lifetimes_of(pair, after(minutes=1)) == (60, 3600)
        assert len(calls) == 1

    def test_hook_receives_the_issuer_as_client_id_without_a_client(self, alice, calls):
        services.sign_in(alice, now=NOW)
        assert calls == [(alice, "django-tokenauth", None)]

    def test_hook_that_returns_none_keeps_the_settings(self, alice):
        self.result = None
        pair = services.sign_in(alice, now=NOW)
        assert lifetimes_of(pair, NOW) == (300, 14 * 86400)

    def test_argument_replaces_the_hook(self, alice, calls):
        pair = services.sign_in(alice, lifetimes=Lifetimes(idle=DAY), now=NOW)
        assert lifetimes_of(pair, NOW) == (300, 86400)
        assert calls == []

    @pytest.mark.parametrize(
        ("result", "error"),
        [
            (
                {"access": HOUR},
                (
                    "LIFETIMES must return an object of django_tokenauth.services.Lifetimes or "
                    "None, not dict."
                ),
            ),
            (
                Lifetimes(absolute=1000 * DAY),
                (
                    "LIFETIMES returned lifetimes that are not permitted: absolute is 1000 days, "
                    "0:00:00, and MAX_SESSION_LIFETIME is 366 days, 0:00:00."
                ),
            ),
        ],
    )
    def test_invalid_result_of_the_hook_stores_no_session(self, alice, result, error):
        self.result = result
        with pytest.raises(ImproperlyConfigured) as caught:
            services.sign_in(alice, now=NOW)
        assert str(caught.value) == error
        assert not Session.objects.exists()

    def test_access_tokens_of_an_hour_are_permitted_with_the_hook(self, alice):
        self.result = Lifetimes(access=HOUR)
        assert services.sign_in(alice, now=NOW).expires_in == 3600


@BOTH
def test_hook_with_a_parameter_fields_receives_the_fields(alice, settings, stateless):
    def choose(user, client_id, request, *, fields):
        return Lifetimes(absolute=DAY, idle=DAY) if not fields.get("remember") else None

    settings.TOKENAUTH = {"LIFETIMES": choose, "STATELESS_REFRESH": stateless}
    assert services.sign_in(alice, now=NOW).refresh_token_expires_in == 86400
    pair = services.sign_in(alice, fields={"remember": True}, now=NOW)
    assert pair.refresh_token_expires_in == 14 * 86400
