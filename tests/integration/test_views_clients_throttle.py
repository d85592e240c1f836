"""The throttle of wrong client secrets, over HTTP."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
import time_machine

from django_tokenauth.conf.settings import load
from tests.support.client import (
    INVALID_CLIENT,
    TOO_MANY_REQUESTS,
    log_messages,
    post,
    sign_in,
    status_and_json,
)
from tests.support.confidential_clients import SECRETS, basic, clients_setting

START = "2030-01-01T12:00:00Z"
LIMIT = 5
VALID = SECRETS["reports"]


@pytest.fixture(autouse=True)
def clock(settings):
    settings.TOKENAUTH = {
        "CLIENTS": {**clients_setting(), "closed": None},
        "SIGN_IN_RATE_USER": "1/hour",
        "SIGN_IN_RATE_IP": f"{LIMIT}/min",
    }
    with time_machine.travel(START, tick=False) as clock:
        yield clock


def introspect_as(client_id="reports", secret=VALID, **headers):
    """Introspect a string that is not a token: 200 if the client is authenticated."""
    headers["Authorization"] = basic(client_id, secret)
    return post("token/introspect/", {"token": "x"}, **headers)


def statuses(*secrets, client_id="reports", **headers):
    return [introspect_as(client_id, secret, **headers).status_code for secret in secrets]


@pytest.mark.attack(126)
class TestClientThrottle:
    @pytest.mark.promise(17)
    @pytest.mark.standard("rfc6749-2.3.1-5")
    def test_wrong_client_secrets_over_the_limit_return_429(self, clock, caplog):
        assert statuses(*["wrong"] * LIMIT) == [401] * LIMIT
        clock.shift(10.5)
        response = introspect_as(secret="wrong")
        assert status_and_json(response) == (429, TOO_MANY_REQUESTS)
        assert response.headers["Retry-After"] == "50"
        assert response.headers["Cache-Control"] == "no-store"
        assert log_messages(caplog, "WARNING") == ["client throttled"]

    def test_wrong_client_secret_after_the_window_returns_401(self, clock):
        statuses(*["wrong"] * 9)
        clock.shift(60)
        assert statuses("wrong") == [401]

    @pytest.mark.promise(17)
    @pytest.mark.standard("rfc6749-2.3.1-5")
    @pytest.mark.parametrize("count", [0, LIMIT, 4 * LIMIT])
    def test_valid_client_secret_is_never_throttled(self, count):
        """Clients of one network or proxy share an address, so they must not block each other."""
        statuses(*["wrong"] * count)
        assert statuses(*[VALID] * 9) == [200] * 9

    def test_throttle_does_not_count_valid_client_secrets(self):
        assert statuses(*[VALID] * 9, *["wrong"] * LIMIT) == [200] * 9 + [401] * LIMIT

    def test_valid_client_secret_does_not_reset_the_throttle(self):
        assert statuses(*["wrong", VALID] * LIMIT) == [401, 200] * LIMIT
        assert statuses("wrong") == [429]

    def test_throttle_ignores_requests_without_a_client_secret(self):
        assert statuses(*[""] * 9, *["wrong"] * LIMIT) == [401] * (9 + LIMIT)

    @pytest.mark.parametrize("client_id", ["billing", "closed", "nobody"])
    def test_wrong_secrets_of_all_clients_share_one_limit(self, client_id):
        """A 429 must not reveal which clients are in ``CLIENTS``."""
        assert statuses(*["wrong"] * 3) == [401] * 3
        assert statuses(*["wrong"] * 3, client_id=client_id) == [401, 401, 429]

    def test_client_secret_decodable_in_two_ways_is_counted_once(self):
        assert statuses(*["wr+ng"] * (LIMIT + 1)) == [401] * LIMIT + [429]

    def test_client_throttle_ignores_sign_in_rate_user(self):
        assert statuses("wrong", "wrong") == [401, 401]

    def test_client_at_another_address_is_not_throttled(self, settings):
        settings.REST_FRAMEWORK = {"NUM_PROXIES": 1}
        first_client, second_client = (
            {"X-Forwarded-For": "192.0.2.1"},
            {"X-Forwarded-For": "198.51.100.7"},
        )
        assert statuses(*["wrong"] * LIMIT, "wrong", **first_client)[-1] == 429
        assert statuses("wrong", **second_client) == [401]

    def test_parallel_wrong_client_secrets_do_not_exceed_the_limit(self):
        load()
        together = Barrier(12, timeout=30)

        def send(number):
            together.wait()
            return introspect_as(secret=f"wrong {number}").status_code

        with ThreadPoolExecutor(12) as workers:
            codes = sorted(workers.map(send, range(12)))
        assert codes == [401] * LIMIT + [429] * (12 - LIMIT)

    def test_wrong_client_secret_with_a_failed_cache_returns_401(self, settings):
        settings.CACHES = {"default": {"BACKEND": "tests.support.broken.DownCache"}}
        assert [status_and_json(introspect_as(secret="wrong")) for _ in range(9)] == [
            (401, INVALID_CLIENT)
        ] * 9
        assert statuses(VALID) == [200]

    @pytest.mark.django_db
    def test_client_and_user_of_the_same_name_have_separate_limits(self, alice, settings):
        settings.TOKENAUTH = {**settings.TOKENAUTH, "CLIENTS": clients_setting(alice="secret")}
        assert statuses(*["wrong"] * (LIMIT + 1), client_id="alice")[-1] == 429
        assert sign_in()


def test_valid_client_secret_does_not_use_the_cache(settings, caplog):
    settings.CACHES = {"default": {"BACKEND": "tests.support.broken.DownCache"}}
    assert statuses(VALID, "wrong") == [200, 401]
    assert len(log_messages(caplog, "ERROR")) == 1
