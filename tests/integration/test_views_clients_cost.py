"""What it costs to be a client, and to guess its secret."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
import time_machine
from django.contrib.auth.hashers import MD5PasswordHasher, make_password
from django.core.cache.backends.locmem import LocMemCache

from django_tokenauth.conf.settings import load
from django_tokenauth.services.clients import known_clients
from tests.support.client import INVALID_CLIENT, TOO_MANY_REQUESTS, logged, outcome, post, sign_in
from tests.support.confidential_clients import SECRETS, CountingHasher, basic, listed

START = "2030-01-01T12:00:00Z"
INACTIVE = {"active": False}


@pytest.fixture
def hashed(settings):
    settings.PASSWORD_HASHERS = ["tests.support.confidential_clients.CountingHasher"]
    settings.TOKENAUTH = {"CLIENTS": listed()}
    CountingHasher.hashed.clear()
    return CountingHasher.hashed


@pytest.fixture
def limits(settings):
    settings.TOKENAUTH = {
        "CLIENTS": listed(),
        "SIGN_IN_RATE_USER": "3/hour",
        "SIGN_IN_RATE_IP": "5/min",
    }
    with time_machine.travel(START, tick=False) as clock:
        yield clock


def ask(client_id="reports", secret=None, **headers):
    """A question about a token that is none; the answer says whether the client may ask."""
    headers["Authorization"] = basic(client_id, secret)
    return post("token/introspect/", {"token": "x"}, **headers)


def statuses(*secrets, client_id="reports"):
    return [ask(client_id, secret).status_code for secret in secrets]


class TestHashes:
    def test_a_client_that_was_seen_costs_none(self, hashed):
        assert [outcome(ask()) for _ in range(5)] == [(200, INACTIVE)] * 5
        assert hashed == [SECRETS["reports"]]

    def test_every_guess_costs_one(self, hashed):
        assert statuses(None, "wrong", "wrong") == [200, 401, 401]
        assert hashed == [SECRETS["reports"], "wrong", "wrong"]

    def test_a_guess_that_can_be_read_in_two_ways_costs_two(self, hashed):
        assert outcome(ask(secret="wr+ng")) == (401, INVALID_CLIENT)
        assert hashed == ["wr ng", "wr+ng"]

    def test_a_client_that_has_no_secret_costs_none(self, hashed, settings):
        """Who it is anybody can find out: brought without a secret, another one is a label."""
        settings.TOKENAUTH = {"CLIENTS": {**listed(), "closed": make_password(None)}}
        hashed.clear()
        for client_id in ("nobody", "closed"):
            for secret in ("wrong", "wr+ng"):
                assert outcome(ask(client_id, secret)) == (401, INVALID_CLIENT)
        assert hashed == []

    def test_nobody_waits_for_guesses_at_another_client(self, hashed):
        turn = known_clients(load()).turns["reports"]
        with ThreadPoolExecutor(4) as crowd, turn:
            held_up = crowd.submit(ask, secret="wrong")
            asked = [crowd.submit(ask, name) for name in ("billing", "nobody")]
            assert [one.result(timeout=60).status_code for one in asked] == [200, 401]
            assert not held_up.done()
        assert held_up.result(timeout=60).status_code == 401

    def test_the_cache_of_the_throttle_is_not_asked_in_the_turn(self, hashed, settings):
        """A slow one would hold up all requests of the client."""
        settings.CACHES = {"default": {"BACKEND": f"{__name__}.WatchingCache"}}
        WatchingCache.turns.clear()
        assert statuses("wrong", None) == [401, 200]
        assert set(WatchingCache.turns) == {("begin", False), ("count", False)}

    def test_the_secret_that_is_remembered_is_found_in_either_reading(self, hashed, settings):
        settings.TOKENAUTH = {"CLIENTS": listed(reports="a+b")}
        hashed.clear()
        assert statuses(*["a+b"] * 3, *["a%2Bb"] * 3) == [200] * 6
        assert hashed == ["a b", "a+b"]

    def test_who_brings_no_secret_costs_none(self, hashed):
        assert outcome(ask(secret="")) == (401, INVALID_CLIENT)
        assert hashed == []

    def test_a_crowd_of_a_client_that_was_not_seen_costs_one(self, hashed, settings):
        """Nor are they taken for guesses while the first of them is being checked."""
        settings.TOKENAUTH = {**settings.TOKENAUTH, "SIGN_IN_RATE_USER": "1/hour"}
        settings.CACHES = {"default": {"BACKEND": f"{__name__}.WatchingCache"}}
        # Else some of them may read the settings at the same moment, each for itself.
        turn = known_clients(load()).turns["reports"]
        WatchingCache.turns.clear()
        with ThreadPoolExecutor(8) as crowd:
            with turn:
                found = [crowd.submit(ask) for _ in range(8)]
                # Each of them asks for two counts, and has found then that nothing is remembered.
                wait_until(lambda: WatchingCache.turns.count(("begin", True)) == 16)
            assert [one.result(timeout=60).status_code for one in found] == [200] * 8
        assert hashed == [SECRETS["reports"]]


def wait_until(condition):
    end = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.01)


class WatchingCache(LocMemCache):
    """Notes at each count that begins, or goes on, whether somebody has the turn."""

    turns: list[tuple[str, bool]] = []

    def __init__(self, name, params):
        super().__init__("watching", params)

    def note(self, question):
        self.turns.append((question, known_clients(load()).turns["reports"].locked()))

    def add(self, *args, **options):
        self.note("begin")
        return super().add(*args, **options)

    def incr(self, *args, **options):
        # One more, or one less.
        self.note("count")
        return super().incr(*args, **options)


class FailingHasher(MD5PasswordHasher):
    algorithm = "failing"

    def verify(self, password, encoded):
        raise RuntimeError("broken")


@pytest.mark.attack(126)
class TestThrottle:
    def test_guesses_are_throttled(self, limits, caplog):
        assert statuses(*["wrong"] * 3) == [401] * 3
        limits.shift(10.5)
        answer = ask(secret="wrong")
        assert outcome(answer) == (429, TOO_MANY_REQUESTS)
        assert answer.headers["Retry-After"] == "1"
        assert answer.headers["Cache-Control"] == "no-store"
        assert logged(caplog, "WARNING") == ["client throttled"]

    def test_beyond_the_limit_a_process_checks_one_a_second(self, limits, hashed, settings):
        settings.TOKENAUTH = {"CLIENTS": listed(), "SIGN_IN_RATE_USER": "3/hour"}
        statuses(*["wrong"] * 3)
        hashed.clear()
        for number in range(1, 4):
            assert statuses("wrong", "wrong", None) == [429] * 3
            limits.shift(0.9)
            assert statuses("wrong") == [429]
            assert hashed == ["wrong"] * number
            limits.shift(0.1)

    @pytest.mark.parametrize("guesses", [3, 4, 9])
    def test_the_right_secret_gets_through_whoever_guessed_from_there(self, limits, guesses):
        """All servers of a network may have one address, and all clients behind a proxy."""
        statuses(*["wrong"] * guesses)
        limits.shift(1)
        assert statuses(None, None) == [200, 200]

    def test_it_is_not_counted_then_and_gives_nobody_a_guess(self, limits, settings):
        statuses(*["wrong"] * 3)
        for _ in range(3):
            settings.TOKENAUTH = {**settings.TOKENAUTH}
            assert statuses(None, "wrong") == [200, 429]

    def test_a_crowd_of_guesses_gets_no_further(self, limits, hashed, settings):
        settings.TOKENAUTH = {"CLIENTS": listed(), "SIGN_IN_RATE_USER": "3/hour"}
        hashed.clear()
        assert "reports" in known_clients(load())
        together = Barrier(12, timeout=30)

        def one(number):
            together.wait()
            return ask(secret=f"wrong {number}").status_code

        with ThreadPoolExecutor(12) as crowd:
            found = sorted(crowd.map(one, range(12)))
        assert found == [401] * 3 + [429] * 9
        assert len(hashed) == 4

    def test_a_client_that_was_seen_is_not_held_up_by_who_guesses(self, limits):
        assert statuses(None, *["wrong"] * 4, None) == [200, 401, 401, 401, 429, 200]

    def test_an_address_has_a_limit_whoever_is_tried(self, limits, settings):
        names = ("a", "b", "c", "d", "e", "f")
        settings.TOKENAUTH = {**settings.TOKENAUTH, "CLIENTS": listed(**dict.fromkeys(names, "x"))}
        found = [ask(name, "wrong").status_code for name in names]
        assert found == [401] * 5 + [429]

    def test_who_has_guesses_left_does_not_share_the_pause_of_others(self, limits, settings):
        settings.REST_FRAMEWORK = {"NUM_PROXIES": 1}
        assert statuses(*["wrong"] * 4) == [401] * 3 + [429]
        elsewhere = {"X-Forwarded-For": "198.51.100.7"}
        assert [ask(secret=secret, **elsewhere).status_code for secret in ("wrong", None)] == [
            401,
            200,
        ]

    def test_who_is_right_or_says_nothing_is_not_counted(self, limits, settings):
        for _ in range(4):
            # Forgotten, so that it is checked again.
            settings.TOKENAUTH = {**settings.TOKENAUTH}
            assert statuses(None, "") == [200, 401]

    def test_a_fault_is_no_guess(self, limits, settings):
        settings.PASSWORD_HASHERS = [f"{__name__}.FailingHasher"]
        settings.TOKENAUTH = {**settings.TOKENAUTH, "CLIENTS": listed()}
        assert statuses(*[None] * 5) == [500] * 5

    @pytest.mark.django_db
    def test_users_and_clients_of_one_name_are_counted_apart(self, limits, alice, settings):
        settings.TOKENAUTH = {**settings.TOKENAUTH, "CLIENTS": listed(alice="secret")}
        assert statuses(*["wrong"] * 4, client_id="alice") == [401, 401, 401, 429]
        assert sign_in()
