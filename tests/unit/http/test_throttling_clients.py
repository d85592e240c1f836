"""Wrong client secrets, counted by IP address."""

from __future__ import annotations

import pytest
import time_machine
from django.core.cache import caches

from django_tokenauth.conf.settings import load
from django_tokenauth.errors import TooManyRequests
from django_tokenauth.http.throttling import ClientThrottle, cache_key
from tests.support.client import log_messages
from tests.support.clock import NOW
from tests.support.sign_in_attempts import CLIENT_IP, HOUR, MINUTE, OTHER_IP, attempt


def failure(address=CLIENT_IP):
    """Count one wrong secret. Return None if it is within the limit, or the seconds to wait."""
    try:
        ClientThrottle(load(), address=address).count_failure()
    except TooManyRequests as error:
        return error.retry_after
    return None


@pytest.fixture(autouse=True)
def clock():
    with time_machine.travel(NOW, tick=False) as clock:
        yield clock


class TestClientThrottle:
    @pytest.fixture(autouse=True)
    def _limits(self, settings):
        settings.TOKENAUTH = {"SIGN_IN_RATE_USER": "1/hour", "SIGN_IN_RATE_IP": "3/min"}

    def test_wrong_client_secrets_above_ip_rate_are_throttled(self, caplog):
        assert [failure() for _ in range(5)] == [None, None, None, MINUTE, MINUTE]
        assert log_messages(caplog, "WARNING") == ["client throttled"] * 2

    def test_count_of_wrong_client_secrets_is_zero_in_next_window(self, clock):
        for _ in range(4):
            failure()
        clock.shift(MINUTE)
        assert failure() is None

    def test_wrong_client_secrets_are_counted_per_address(self):
        for _ in range(4):
            failure()
        assert failure(OTHER_IP) is None

    def test_count_of_wrong_client_secrets_expires_after_its_window(self, clock):
        failure()
        key = f"{cache_key('client', 'address', CLIENT_IP)}.{int(NOW.timestamp()) // MINUTE}"
        clock.shift(MINUTE - 1)
        assert caches["default"].get(key) == 1
        clock.shift(1)
        assert caches["default"].get(key) is None

    def test_wrong_client_secrets_do_not_throttle_sign_ins(self):
        for _ in range(4):
            failure()
        assert [attempt(), attempt()] == [None, HOUR]

    def test_failed_sign_ins_do_not_throttle_client_secrets(self):
        for name in ("a", "b", "c", "d"):
            attempt(name)
        assert failure() is None


def test_wrong_client_secrets_without_ip_rate_are_not_throttled(settings):
    settings.TOKENAUTH = {"SIGN_IN_RATE_USER": "1/hour", "SIGN_IN_RATE_IP": None}
    assert [failure() for _ in range(50)] == [None] * 50


def test_unavailable_cache_disables_client_secret_throttling(settings, caplog):
    settings.CACHES = {"default": {"BACKEND": "tests.support.broken.DownCache"}}
    settings.TOKENAUTH = {"SIGN_IN_RATE_IP": "1/min"}
    assert [failure() for _ in range(3)] == [None] * 3
    assert (
        log_messages(caplog, "ERROR")
        == ["cache error (ConnectionError): clients are not throttled"] * 3
    )
