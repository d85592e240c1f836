"""Throttles that start empty: other entries of the cache stay, and threads share the counters."""

from __future__ import annotations

from threading import Thread

import pytest
from django.core.cache import caches

from django_tokenauth import services
from django_tokenauth.authentication import StatelessJWTAuthentication
from django_tokenauth.errors import InvalidToken
from django_tokenauth.http.counters import Counters
from django_tokenauth.test import TokenClient, empty_throttles, forget_revoked_sessions

LIMITED = {"SIGN_IN_RATE_USER": "2/hour", "SIGN_IN_DELAY_USER": None}
LOCMEM = {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}
pytestmark = pytest.mark.django_db


def wrong_passwords(number):
    """Sign in *number* times with a wrong password. Return the status codes."""
    body = {"username": "alice", "password": "wrong"}
    return [TokenClient().post("/auth/token/", body).status_code for _ in range(number)]


@pytest.fixture(autouse=True)
def _limited(settings):
    settings.TOKENAUTH = LIMITED


class TestEmptyThrottles:
    def test_block_counts_failures_from_zero(self, alice):
        assert wrong_passwords(3) == [400, 400, 429]
        for _ in range(2):
            with empty_throttles():
                assert wrong_passwords(3) == [400, 400, 429]
        assert wrong_passwords(1) == [429]

    def test_decorated_function_counts_failures_from_zero(self, alice):
        assert wrong_passwords(3) == [400, 400, 429]
        assert empty_throttles()(wrong_passwords)(3) == [400, 400, 429]

    def test_nested_block_restores_the_outer_counters(self, alice):
        with empty_throttles():
            wrong_passwords(2)
            with empty_throttles():
                assert wrong_passwords(1) == [400]
            with pytest.raises(ZeroDivisionError), empty_throttles():
                raise ZeroDivisionError
            assert wrong_passwords(1) == [429]

    def test_other_entries_of_the_cache_stay(self, alice):
        caches["default"].set("key_of_the_project", 1)
        with empty_throttles():
            wrong_passwords(1)
            assert caches["default"].get("key_of_the_project") == 1
        assert caches["default"].get("key_of_the_project") == 1

    def test_counters_of_another_cache_start_empty(self, alice, settings):
        settings.CACHES = {"default": LOCMEM, "throttle": {**LOCMEM, "LOCATION": "throttle"}}
        settings.TOKENAUTH = {**LIMITED, "THROTTLE_CACHE": "throttle"}
        caches["throttle"].clear()
        assert wrong_passwords(3) == [400, 400, 429]
        with empty_throttles():
            assert wrong_passwords(3) == [400, 400, 429]

    def test_wrong_client_secrets_are_counted_from_zero(self, alice, settings):
        settings.TOKENAUTH = {
            "SIGN_IN_RATE_IP": "2/hour",
            "CLIENTS": {"reports": f"sha256${'0' * 64}"},
        }
        body = {"token": "x", "client_id": "reports", "client_secret": "wrong"}

        def statuses():
            client = TokenClient()
            return [client.post("/auth/token/revoke/", body).status_code for _ in range(3)]

        assert statuses()[-1] == 429
        with empty_throttles():
            assert statuses() == [401, 401, 429]

    def test_account_delay_starts_without_failures(self, settings):
        key = "django_tokenauth.account.x"
        counters = Counters("default", "sign-in")
        assert counters.increment(key, 60) == 1
        with empty_throttles():
            assert counters.read(key) == 0
            assert counters.start(key, 5, 60)
            assert counters.read(key) == 5
            assert counters.decrement(key, 2) == 3
            assert counters.delete(key)
        assert counters.read(key) == 1

    def test_thread_of_a_server_uses_the_same_counters(self):
        counted = []
        with empty_throttles():
            counters = Counters("default", "sign-in")
            counters.increment("x", 60)
            thread = Thread(target=lambda: counted.append(counters.read("x")))
            thread.start()
            thread.join()
        assert counted == [1]


def test_forgotten_snapshot_is_read_again(alice):
    pair = services.sign_in(alice)
    claims = services.authenticate_access_token(pair.access_token)
    authentication = StatelessJWTAuthentication()
    authentication.get_user(claims)
    services.sign_out(alice, pair.session.pk)
    # The snapshot is read again after ten seconds.
    authentication.get_user(claims)
    forget_revoked_sessions()
    with pytest.raises(InvalidToken):
        authentication.get_user(claims)
