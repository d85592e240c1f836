"""The throttle of wrong client secrets, over HTTP."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
import time_machine

from django_tokenauth.conf.settings import load
from tests.support.client import INVALID_CLIENT, TOO_MANY_REQUESTS, logged, outcome, post, sign_in
from tests.support.confidential_clients import SECRETS, basic, listed

START = "2030-01-01T12:00:00Z"
LIMIT = 5
VALID = SECRETS["reports"]


@pytest.fixture(autouse=True)
def clock(settings):
    settings.TOKENAUTH = {
        "CLIENTS": {**listed(), "closed": None},
        "SIGN_IN_RATE_USER": "1/hour",
        "SIGN_IN_RATE_IP": f"{LIMIT}/min",
    }
    with time_machine.travel(START, tick=False) as clock:
        yield clock


def ask(client_id="reports", secret=VALID, **headers):
    """Introspect a string that is not a token: 200 if the client is authenticated."""
    headers["Authorization"] = basic(client_id, secret)
    return post("token/introspect/", {"token": "x"}, **headers)


def statuses(*secrets, client_id="reports", **headers):
    return [ask(client_id, secret, **headers).status_code for secret in secrets]


@pytest.mark.attack(126)
class TestClientThrottle:
    @pytest.mark.promise(17)
    @pytest.mark.standard("rfc6749-2.3.1-5")
    def test_wrong_secrets_beyond_the_limit_answer_429(self, clock, caplog):
        assert statuses(*["wrong"] * LIMIT) == [401] * LIMIT
        clock.shift(10.5)
        answer = ask(secret="wrong")
        assert outcome(answer) == (429, TOO_MANY_REQUESTS)
        assert answer.headers["Retry-After"] == "50"
        assert answer.headers["Cache-Control"] == "no-store"
        assert logged(caplog, "WARNING") == ["client throttled"]

    def test_wrong_secrets_after_the_window_answer_401(self, clock):
        statuses(*["wrong"] * 9)
        clock.shift(60)
        assert statuses("wrong") == [401]

    @pytest.mark.promise(17)
    @pytest.mark.standard("rfc6749-2.3.1-5")
    @pytest.mark.parametrize("wrong", [0, LIMIT, 4 * LIMIT])
    def test_valid_secret_is_never_refused(self, wrong):
        """All servers of a network may have one address, and all clients behind a proxy."""
        statuses(*["wrong"] * wrong)
        assert statuses(*[VALID] * 9) == [200] * 9

    def test_valid_secret_is_not_counted(self):
        assert statuses(*[VALID] * 9, *["wrong"] * LIMIT) == [200] * 9 + [401] * LIMIT

    def test_valid_secret_forgives_no_wrong_one(self):
        assert statuses(*["wrong", VALID] * LIMIT) == [401, 200] * LIMIT
        assert statuses("wrong") == [429]

    def test_request_without_a_secret_is_not_counted(self):
        assert statuses(*[""] * 9, *["wrong"] * LIMIT) == [401] * (9 + LIMIT)

    @pytest.mark.parametrize("client_id", ["billing", "closed", "nobody"])
    def test_wrong_secrets_of_all_clients_share_the_count(self, client_id):
        """A 429 then does not tell which clients are listed."""
        assert statuses(*["wrong"] * 3) == [401] * 3
        assert statuses(*["wrong"] * 3, client_id=client_id) == [401, 401, 429]

    def test_pair_with_two_readings_is_counted_once(self):
        assert statuses(*["wr+ng"] * (LIMIT + 1)) == [401] * LIMIT + [429]

    def test_rate_of_user_names_does_not_apply(self):
        assert statuses("wrong", "wrong") == [401, 401]

    def test_another_address_is_not_throttled(self, settings):
        settings.REST_FRAMEWORK = {"NUM_PROXIES": 1}
        here, there = {"X-Forwarded-For": "192.0.2.1"}, {"X-Forwarded-For": "198.51.100.7"}
        assert statuses(*["wrong"] * LIMIT, "wrong", **here)[-1] == 429
        assert statuses("wrong", **there) == [401]

    def test_parallel_wrong_secrets_do_not_exceed_the_limit(self):
        load()
        together = Barrier(12, timeout=30)

        def one(number):
            together.wait()
            return ask(secret=f"wrong {number}").status_code

        with ThreadPoolExecutor(12) as crowd:
            found = sorted(crowd.map(one, range(12)))
        assert found == [401] * LIMIT + [429] * (12 - LIMIT)

    def test_throttle_with_a_failed_cache_answers_401(self, settings):
        settings.CACHES = {"default": {"BACKEND": "tests.support.broken.DownCache"}}
        assert [outcome(ask(secret="wrong")) for _ in range(9)] == [(401, INVALID_CLIENT)] * 9
        assert statuses(VALID) == [200]

    @pytest.mark.django_db
    def test_client_and_user_of_one_name_are_counted_apart(self, alice, settings):
        settings.TOKENAUTH = {**settings.TOKENAUTH, "CLIENTS": listed(alice="secret")}
        assert statuses(*["wrong"] * (LIMIT + 1), client_id="alice")[-1] == 429
        assert sign_in()


def test_valid_secret_does_not_use_the_cache(settings, caplog):
    settings.CACHES = {"default": {"BACKEND": "tests.support.broken.DownCache"}}
    assert statuses(VALID, "wrong") == [200, 401]
    assert len(logged(caplog, "ERROR")) == 1
