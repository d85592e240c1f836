"""The throttle of failed sign-ins over HTTP: responses, addresses and parallel guesses."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
import time_machine
from django.contrib.auth.hashers import MD5PasswordHasher
from django.db import connection
from django.test import Client

from tests.support.client import (
    TOO_MANY_REQUESTS,
    WRONG_PASSWORD,
    log_messages,
    post,
    sign_in,
    status_and_json,
)
from tests.support.clock import NOW

NOON = "2030-01-01T12:00:00Z"
ALICE = {"username": "alice", "password": "correct horse"}
WRONG = {"username": "alice", "password": "wrong"}
REDIS = pytest.param("redis", marks=pytest.mark.redis)


class CountingHasher(MD5PasswordHasher):
    algorithm = "counting"
    hashed = []

    def encode(self, password, salt):
        self.hashed.append(password)
        return super().encode(password, salt)


def statuses(*bodies, **headers):
    return [post("token/", body, **headers).status_code for body in bodies]


@pytest.fixture(params=["default", REDIS])
def limits(request, settings):
    """Allow three failures per user and address and five per address, in each cache."""
    settings.TOKENAUTH = {
        "SIGN_IN_RATE_USER": "3/hour",
        "SIGN_IN_RATE_IP": "5/min",
        "THROTTLE_CACHE": request.param,
    }
    with time_machine.travel(NOON, tick=False) as clock:
        yield clock


@pytest.mark.django_db
class TestResponse:
    @pytest.mark.standard("rfc6749-5.2-1")
    def test_throttled_sign_in_returns_429_with_retry_after(self, alice, limits, caplog):
        assert statuses(*[WRONG] * 3) == [400] * 3
        limits.shift(10.5)
        response = post("token/", WRONG)
        assert status_and_json(response) == (429, TOO_MANY_REQUESTS)
        assert response.headers["Retry-After"] == "3590"
        assert response.headers["Cache-Control"] == "no-store"
        assert response.headers["Pragma"] == "no-cache"
        assert log_messages(caplog, "WARNING") == ["sign-in throttled"]

    def test_correct_password_over_the_sign_in_limit_returns_429(self, alice, limits):
        """Another response would reveal that the password is correct."""
        statuses(*[WRONG] * 3)
        assert statuses(ALICE) == [429]

    def test_sign_in_after_the_retry_after_time_succeeds(self, alice, limits):
        statuses(*[WRONG] * 3)
        wait = int(post("token/", ALICE).headers["Retry-After"])
        limits.shift(wait - 1)
        assert statuses(ALICE) == [429]
        limits.shift(1)
        assert statuses(ALICE, *[WRONG] * 3, ALICE) == [200, 400, 400, 400, 429]

    def test_sign_in_throttle_does_not_count_successful_sign_ins(self, alice, limits):
        assert statuses(*[ALICE] * 20) == [200] * 20

    def test_sign_ins_of_two_users_share_the_limit_of_the_address(self, alice, bob, limits):
        statuses(*[WRONG] * 4)
        bob_wrong = {"username": "bob", "password": "wrong"}
        assert statuses(bob_wrong, bob_wrong, bob_wrong) == [400, 400, 429]
        assert post("token/", bob_wrong).headers["Retry-After"] == "60"

    @pytest.mark.attack(151)
    def test_sign_in_from_another_address_is_not_throttled(self, alice, limits):
        statuses(*[WRONG] * 4)
        other_client = Client(REMOTE_ADDR="198.51.100.9")
        response = other_client.post("/auth/token/", ALICE, content_type="application/json")
        assert response.status_code == 200
        response = other_client.post("/auth/token/", WRONG, content_type="application/json")
        assert status_and_json(response) == (400, WRONG_PASSWORD)

    @pytest.mark.attack(148, 149)
    @pytest.mark.parametrize("names", [("Alice", "aLICE", "ALICE", "\uff41lice")])
    def test_sign_in_throttle_counts_username_spellings_together(self, alice, limits, names):
        assert statuses(*[{**WRONG, "username": name} for name in names]) == [400, 400, 400, 429]

    def test_unknown_username_is_throttled_like_a_known_username(self, alice, limits):
        """Another response would reveal which usernames exist."""
        unknown = {"username": "nobody", "password": "x"}
        assert statuses(*[unknown] * 4) == [400, 400, 400, 429]

    def test_throttle_counts_sign_ins_with_and_without_grant_type(self, alice, limits):
        body = {**WRONG, "grant_type": "password"}
        assert statuses(body, WRONG, body, WRONG) == [400, 400, 400, 429]

    @pytest.mark.attack(151)
    def test_refresh_verify_and_revoke_are_not_throttled(self, alice, limits):
        tokens = sign_in()
        statuses(*[WRONG] * 4)
        response = post("token/refresh/", {"refresh_token": tokens["refresh_token"]})
        assert response.status_code == 200
        assert post("token/verify/", {"token": tokens["access_token"]}).status_code == 200
        assert post("token/revoke/", {"token": tokens["refresh_token"]}).status_code == 200

    def test_throttle_does_not_count_malformed_sign_ins(self, alice, limits):
        assert statuses(*[{"username": "alice"}] * 9) == [400] * 9
        assert statuses(ALICE) == [200]

    def test_throttle_does_not_count_sign_ins_with_invalid_scope(self, alice, limits):
        assert statuses(*[{**ALICE, "scope": "admin"}] * 9) == [400] * 9
        assert statuses(ALICE) == [200]


@pytest.mark.django_db
class TestForwarded:
    @pytest.mark.attack(149)
    def test_throttle_ignores_forwarded_for_without_a_proxy(self, alice, limits):
        codes = []
        for number in range(4):
            codes += statuses(WRONG, **{"X-Forwarded-For": f"198.51.100.{number}"})
        assert codes == [400, 400, 400, 429]

    @pytest.mark.attack(149)
    def test_throttle_behind_a_proxy_counts_clients_separately(self, alice, limits, settings):
        settings.REST_FRAMEWORK = {**settings.REST_FRAMEWORK, "NUM_PROXIES": 1}
        first_client, second_client = (
            {"X-Forwarded-For": "x, 198.51.100.1"},
            {"X-Forwarded-For": "198.51.100.2"},
        )
        assert statuses(*[WRONG] * 4, **first_client) == [400, 400, 400, 429]
        assert statuses(ALICE, **second_client) == [200]

    @pytest.mark.standard("rfc9700-4.13-1")
    @pytest.mark.attack(149)
    def test_throttle_behind_a_proxy_ignores_forged_forwarded_for(self, alice, limits, settings):
        settings.REST_FRAMEWORK = {**settings.REST_FRAMEWORK, "NUM_PROXIES": 1}
        codes = []
        for number in range(4):
            forged = {"X-Forwarded-For": f"203.0.113.{number}, 198.51.100.1"}
            codes += statuses(WRONG, **forged)
        assert codes == [400, 400, 400, 429]


@pytest.mark.promise(19)
@pytest.mark.attack(150)
@pytest.mark.django_db
@pytest.mark.parametrize(
    "cache",
    [
        {"BACKEND": "tests.support.broken.DownCache"},
        pytest.param(
            {
                "BACKEND": "django.core.cache.backends.redis.RedisCache",
                "LOCATION": "redis://127.0.0.1:1/0",
            },
            marks=pytest.mark.redis,
        ),
    ],
)
def test_sign_in_with_a_failed_cache_is_not_throttled(alice, settings, caplog, cache):
    settings.CACHES = {**settings.CACHES, "down": cache}
    settings.TOKENAUTH = {"SIGN_IN_RATE_USER": "3/hour", "THROTTLE_CACHE": "down"}
    assert statuses(ALICE, *[WRONG] * 5, ALICE) == [200, *[400] * 5, 200]
    [line] = set(log_messages(caplog, "ERROR"))
    assert line == "cache error (ConnectionError): sign-ins are not throttled"
    assert "password of the cache" not in caplog.text


@pytest.mark.attack(149)
@pytest.mark.parametrize("cache", ["default", REDIS])
@pytest.mark.django_db(transaction=True)
def test_parallel_password_guesses_do_not_exceed_the_limit(django_user_model, settings, cache):
    settings.PASSWORD_HASHERS = [f"{__name__}.CountingHasher"]
    settings.TOKENAUTH = {
        "SIGN_IN_RATE_USER": "5/day",
        "SIGN_IN_RATE_IP": None,
        "THROTTLE_CACHE": cache,
    }
    django_user_model.objects.create_user("alice", password="correct horse")
    CountingHasher.hashed.clear()
    number_of_guesses = 16
    start = Barrier(number_of_guesses)

    def guess(number):
        start.wait()
        try:
            body = {"username": "alice", "password": f"guess {number}"}
            return post("token/", body).status_code
        finally:
            connection.close()

    # Not across midnight, when the window of the throttle restarts.
    with time_machine.travel(NOW), ThreadPoolExecutor(number_of_guesses) as threads:
        codes = sorted(threads.map(guess, range(number_of_guesses)))
    assert codes == [400] * 5 + [429] * 11
    assert len(CountingHasher.hashed) == 5
