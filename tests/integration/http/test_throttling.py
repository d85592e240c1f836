"""Failed sign-ins over HTTP: what the client is told, and what a crowd of guesses gets."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
import time_machine
from django.contrib.auth.hashers import MD5PasswordHasher
from django.db import connection
from django.test import Client

from tests.support.client import INVALID_GRANT, TOO_MANY_REQUESTS, logged, outcome, post, sign_in
from tests.support.clock import NOW

START = "2030-01-01T12:00:00Z"
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
    """Three failures for a user at an address and five for an address, in either cache."""
    settings.TOKENAUTH = {
        "SIGN_IN_RATE_USER": "3/hour",
        "SIGN_IN_RATE_IP": "5/min",
        "THROTTLE_CACHE": request.param,
    }
    with time_machine.travel(START, tick=False) as clock:
        yield clock


@pytest.mark.django_db
class TestAnswer:
    @pytest.mark.standard("rfc6749-5.2-1")
    def test_it_says_when_to_come_back(self, alice, limits, caplog):
        assert statuses(*[WRONG] * 3) == [400] * 3
        limits.shift(10.5)
        answer = post("token/", WRONG)
        assert outcome(answer) == (429, TOO_MANY_REQUESTS)
        assert answer.headers["Retry-After"] == "3590"
        assert answer.headers["Cache-Control"] == "no-store"
        assert answer.headers["Pragma"] == "no-cache"
        assert logged(caplog, "WARNING") == ["sign-in throttled"]

    def test_the_right_password_is_refused_too(self, alice, limits):
        """Otherwise the answer would tell the guesser that it is right."""
        statuses(*[WRONG] * 3)
        assert statuses(ALICE) == [429]

    def test_after_the_wait_it_goes_on(self, alice, limits):
        statuses(*[WRONG] * 3)
        wait = int(post("token/", ALICE).headers["Retry-After"])
        limits.shift(wait - 1)
        assert statuses(ALICE) == [429]
        limits.shift(1)
        assert statuses(ALICE, *[WRONG] * 3, ALICE) == [200, 400, 400, 400, 429]

    def test_who_knows_the_password_is_never_throttled(self, alice, limits):
        assert statuses(*[ALICE] * 20) == [200] * 20

    def test_another_user_may_try_until_the_limit_of_the_address(self, alice, bob, limits):
        statuses(*[WRONG] * 4)
        theirs = {"username": "bob", "password": "wrong"}
        assert statuses(theirs, theirs, theirs) == [400, 400, 429]
        assert post("token/", theirs).headers["Retry-After"] == "60"

    @pytest.mark.attack(151)
    def test_another_address_is_not_locked_out(self, alice, limits):
        statuses(*[WRONG] * 4)
        elsewhere = Client(REMOTE_ADDR="198.51.100.9")
        assert elsewhere.post("/auth/token/", ALICE, content_type="application/json").json()
        answer = elsewhere.post("/auth/token/", WRONG, content_type="application/json")
        assert outcome(answer) == (400, INVALID_GRANT)

    @pytest.mark.attack(148, 149)
    @pytest.mark.parametrize("names", [("Alice", "aLICE", "ALICE", "\uff41lice")])
    def test_another_spelling_of_the_name_is_no_way_around(self, alice, limits, names):
        assert statuses(*[{**WRONG, "username": name} for name in names]) == [400, 400, 400, 429]

    def test_nobody_is_somebody(self, alice, limits):
        """An unknown name is throttled like a known one."""
        nobody = {"username": "nobody", "password": "x"}
        assert statuses(*[nobody] * 4) == [400, 400, 400, 429]

    def test_the_grant_of_the_token_endpoint_counts_too(self, alice, limits):
        body = {**WRONG, "grant_type": "password"}
        assert statuses(body, WRONG, body, WRONG) == [400, 400, 400, 429]

    @pytest.mark.attack(151)
    def test_a_refresh_and_its_companions_are_not_throttled(self, alice, limits):
        tokens = sign_in()
        statuses(*[WRONG] * 4)
        answer = post("token/refresh/", {"refresh_token": tokens["refresh_token"]})
        assert answer.status_code == 200
        for path in ("token/verify/", "token/revoke/"):
            assert post(path, {"token": tokens["access_token"]}).status_code == 200

    def test_what_is_malformed_does_not_count(self, alice, limits):
        assert statuses(*[{"username": "alice"}] * 9) == [400] * 9
        assert statuses(ALICE) == [200]

    def test_a_scope_that_is_refused_is_no_failed_guess(self, alice, limits):
        assert statuses(*[{**ALICE, "scope": "admin"}] * 9) == [400] * 9
        assert statuses(ALICE) == [200]


@pytest.mark.django_db
class TestForwarded:
    @pytest.mark.attack(149)
    def test_a_forged_header_is_no_way_around(self, alice, limits):
        codes = []
        for number in range(4):
            codes += statuses(WRONG, **{"X-Forwarded-For": f"198.51.100.{number}"})
        assert codes == [400, 400, 400, 429]

    @pytest.mark.attack(149)
    def test_behind_a_proxy_each_client_has_a_count(self, alice, limits, settings):
        settings.REST_FRAMEWORK = {**settings.REST_FRAMEWORK, "NUM_PROXIES": 1}
        here, there = {"X-Forwarded-For": "x, 198.51.100.1"}, {"X-Forwarded-For": "198.51.100.2"}
        assert statuses(*[WRONG] * 4, **here) == [400, 400, 400, 429]
        assert statuses(ALICE, **there) == [200]

    @pytest.mark.attack(149)
    def test_behind_a_proxy_a_forged_header_is_no_way_around(self, alice, limits, settings):
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
def test_with_a_cache_that_is_down_people_sign_in(alice, settings, caplog, cache):
    settings.CACHES = {**settings.CACHES, "down": cache}
    settings.TOKENAUTH = {"SIGN_IN_RATE_USER": "3/hour", "THROTTLE_CACHE": "down"}
    assert statuses(ALICE, *[WRONG] * 5, ALICE) == [200, *[400] * 5, 200]
    [line] = set(logged(caplog, "ERROR"))
    assert line == "cache error (ConnectionError): sign-ins are not throttled"
    assert "password of the cache" not in caplog.text


@pytest.mark.attack(149)
@pytest.mark.parametrize("cache", ["default", REDIS])
@pytest.mark.django_db(transaction=True)
def test_a_crowd_of_guesses_gets_no_further_than_one_after_the_other(
    django_user_model, settings, cache
):
    settings.PASSWORD_HASHERS = [f"{__name__}.CountingHasher"]
    settings.TOKENAUTH = {
        "SIGN_IN_RATE_USER": "5/day",
        "SIGN_IN_RATE_IP": None,
        "THROTTLE_CACHE": cache,
    }
    django_user_model.objects.create_user("alice", password="correct horse")
    CountingHasher.hashed.clear()
    crowd = 16
    start = Barrier(crowd)

    def guess(number):
        start.wait()
        try:
            body = {"username": "alice", "password": f"guess {number}"}
            return post("token/", body).status_code
        finally:
            connection.close()

    # Not over midnight, when the count starts anew.
    with time_machine.travel(NOW), ThreadPoolExecutor(crowd) as threads:
        codes = sorted(threads.map(guess, range(crowd)))
    assert codes == [400] * 5 + [429] * 11
    assert len(CountingHasher.hashed) == 5
