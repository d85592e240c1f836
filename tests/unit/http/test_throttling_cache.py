"""The cache of the throttle: each backend of Django, and an unavailable cache."""

from __future__ import annotations

import pytest
import time_machine
from django.core.cache import caches
from django.core.cache.backends.locmem import LocMemCache

from django_tokenauth.conf.settings import load
from django_tokenauth.http.throttling import SignInThrottle
from tests.support.client import log_messages
from tests.support.clock import NOW
from tests.support.sign_in_attempts import CLIENT_IP, HOUR, MINUTE, START, attempt

CACHE_ERROR = "cache error (ConnectionError): sign-ins are not throttled"


class SwitchedCache(LocMemCache):
    """A cache that can become unavailable."""

    down = False

    def incr(self, *args, **kwargs):
        if SwitchedCache.down:
            raise ConnectionError
        return super().incr(*args, **kwargs)


@pytest.fixture
def by_user(settings):
    settings.TOKENAUTH = {"SIGN_IN_RATE_USER": "3/hour", "SIGN_IN_RATE_IP": None}


class TestThrottleCache:
    @pytest.mark.attack(150)
    def test_unavailable_cache_is_logged_and_disables_throttling(self, settings, caplog):
        settings.CACHES = {"default": {"BACKEND": "tests.support.broken.DownCache"}}
        assert [attempt(successful=True) for _ in range(50)] == [None] * 50
        lines = set(log_messages(caplog, "ERROR"))
        assert lines == {CACHE_ERROR}

    def test_throttle_uses_the_throttle_cache_setting(self, settings, tmp_path):
        separate = {
            "BACKEND": "django.core.cache.backends.locmem.LocMemCache",
            "LOCATION": "separate",
        }
        settings.CACHES = {**settings.CACHES, "separate": separate}
        settings.TOKENAUTH = {"SIGN_IN_RATE_USER": "3/hour", "THROTTLE_CACHE": "separate"}
        for _ in range(4):
            attempt()
        caches["default"].clear()
        assert attempt() == HOUR
        caches["separate"].clear()
        assert attempt() is None

    def test_throttle_cache_contains_no_username_or_address(self, by_user, settings, tmp_path):
        settings.CACHES = {
            "default": {
                "BACKEND": "django.core.cache.backends.filebased.FileBasedCache",
                "LOCATION": str(tmp_path),
            }
        }
        attempt("alice")
        stored = b"".join(path.read_bytes() for path in tmp_path.iterdir())
        assert stored
        assert b"alice" not in stored
        assert CLIENT_IP.encode() not in stored

    def test_throttle_count_outlasts_the_default_cache_timeout(self, by_user, settings, tmp_path):
        """In the file and database caches, ``incr`` resets the timeout to the default."""
        settings.CACHES = {
            "default": {
                "BACKEND": "django.core.cache.backends.filebased.FileBasedCache",
                "LOCATION": str(tmp_path),
            }
        }
        with time_machine.travel(NOW, tick=False) as clock:
            for _ in range(3):
                attempt()
            clock.shift(301)
            assert attempt(at=START + 301) == HOUR - 301


@pytest.mark.attack(150)
class TestUnavailableCache:
    @pytest.fixture
    def switched(self, settings, monkeypatch):
        settings.CACHES = {"default": {"BACKEND": f"{__name__}.SwitchedCache"}}
        caches["default"].clear()
        return lambda down: monkeypatch.setattr(SwitchedCache, "down", down)

    @pytest.fixture
    def throttle(self, switched):
        return SignInThrottle(load(), address=CLIENT_IP, username="alice", now=START)

    @pytest.mark.parametrize("successful", [True, False])
    def test_unavailable_cache_is_called_once_per_attempt(self, settings, caplog, successful):
        """Each call of an unavailable cache may block until a timeout."""
        settings.CACHES = {"default": {"BACKEND": "tests.support.broken.DownCache"}}
        assert attempt(successful=successful) is None
        assert log_messages(caplog, "ERROR") == [CACHE_ERROR]

    def test_throttle_release_calls_an_unavailable_cache_once(self, throttle, switched, caplog):
        throttle.acquire()
        switched(True)
        throttle.release()
        throttle.release()
        assert log_messages(caplog, "ERROR") == [
            "cache error (ConnectionError): sign-ins stay counted"
        ]

    def test_throttle_fail_method_calls_an_unavailable_cache_once(self, throttle, switched, caplog):
        throttle.acquire()
        switched(True)
        throttle.fail()
        throttle.fail()
        assert log_messages(caplog, "ERROR") == [CACHE_ERROR]

    def test_throttle_does_not_release_an_uncounted_sign_in(self, by_user, throttle, switched):
        switched(True)
        throttle.acquire()
        switched(False)
        assert [attempt() for _ in range(2)] == [None, None]
        throttle.release()
        assert [attempt() for _ in range(2)] == [None, HOUR]


@pytest.mark.attack(149)
def test_throttled_address_adds_no_usernames_to_the_cache(settings, tmp_path):
    """Otherwise an attacker could evict other counts from a bounded cache."""
    settings.CACHES = {
        "default": {
            "BACKEND": "django.core.cache.backends.filebased.FileBasedCache",
            "LOCATION": str(tmp_path),
        }
    }
    settings.TOKENAUTH = {"SIGN_IN_RATE_IP": "3/min"}
    waits = [attempt(f"user {number}") for number in range(20)]
    assert waits == [None] * 3 + [MINUTE] * 17
    # Attempts and failures of the address, and of each user within the limit.
    assert len(list(tmp_path.iterdir())) == 2 * (1 + 3)
