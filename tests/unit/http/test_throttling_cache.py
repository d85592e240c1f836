"""The cache that counts failed sign-ins: any of Django's, and one that does not answer."""

from __future__ import annotations

import pytest
import time_machine
from django.core.cache import caches
from django.core.cache.backends.locmem import LocMemCache

from django_tokenauth.conf.settings import load
from django_tokenauth.http.throttling import SignInThrottle
from tests.support.client import logged
from tests.support.clock import NOW
from tests.support.sign_in_attempts import HERE, HOUR, MINUTE, START, attempt

NO_ANSWER = "cache error (ConnectionError): sign-ins are not throttled"


class SwitchedCache(LocMemCache):
    """A cache whose server is restarted in the middle."""

    down = False

    def incr(self, *args, **kwargs):
        if SwitchedCache.down:
            raise ConnectionError
        return super().incr(*args, **kwargs)


@pytest.fixture
def by_user(settings):
    settings.TOKENAUTH = {"SIGN_IN_RATE_USER": "3/hour", "SIGN_IN_RATE_IP": None}


class TestCache:
    @pytest.mark.attack(150)
    def test_one_that_is_down_keeps_nobody_out(self, settings, caplog):
        settings.CACHES = {"default": {"BACKEND": "tests.support.broken.DownCache"}}
        assert [attempt(good=True) for _ in range(50)] == [None] * 50
        lines = set(logged(caplog, "ERROR"))
        assert lines == {"cache error (ConnectionError): sign-ins are not throttled"}

    def test_the_one_of_the_settings_counts(self, settings, tmp_path):
        own = {"BACKEND": "django.core.cache.backends.locmem.LocMemCache", "LOCATION": "own"}
        settings.CACHES = {**settings.CACHES, "own": own}
        settings.TOKENAUTH = {"SIGN_IN_RATE_USER": "3/hour", "THROTTLE_CACHE": "own"}
        for _ in range(4):
            attempt()
        caches["default"].clear()
        assert attempt() == HOUR
        caches["own"].clear()
        assert attempt() is None

    def test_neither_names_nor_addresses_are_stored(self, by_user, settings, tmp_path):
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
        assert HERE.encode() not in stored

    def test_a_count_lasts_as_long_as_its_window(self, by_user, settings, tmp_path):
        """Also where ``incr`` sets the time to live anew, to the default of the cache: so do the
        caches in files and in the database."""
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
class TestDown:
    @pytest.fixture
    def switched(self, settings, monkeypatch):
        settings.CACHES = {"default": {"BACKEND": f"{__name__}.SwitchedCache"}}
        caches["default"].clear()
        return lambda down: monkeypatch.setattr(SwitchedCache, "down", down)

    @pytest.fixture
    def throttle(self, switched):
        return SignInThrottle(load(), address=HERE, username="alice", now=START)

    @pytest.mark.parametrize("good", [True, False])
    def test_it_is_asked_once_and_not_for_each_count(self, settings, caplog, good):
        """Each question may be a wait."""
        settings.CACHES = {"default": {"BACKEND": "tests.support.broken.DownCache"}}
        assert attempt(good=good) is None
        assert logged(caplog, "ERROR") == [NO_ANSWER]

    def test_when_a_place_is_given_back_it_is_asked_once_more(self, throttle, switched, caplog):
        throttle.acquire()
        switched(True)
        throttle.release()
        throttle.release()
        assert logged(caplog, "ERROR") == [NO_ANSWER]

    def test_a_place_that_it_did_not_give_is_not_given_back(self, by_user, throttle, switched):
        switched(True)
        throttle.acquire()
        switched(False)
        assert [attempt() for _ in range(2)] == [None, None]
        throttle.release()
        assert [attempt() for _ in range(2)] == [None, HOUR]


@pytest.mark.attack(149)
def test_names_that_an_address_has_no_place_for_do_not_fill_the_cache(settings, tmp_path):
    """Otherwise a guesser could push counts out of a cache that has room for so many only."""
    settings.CACHES = {
        "default": {
            "BACKEND": "django.core.cache.backends.filebased.FileBasedCache",
            "LOCATION": str(tmp_path),
        }
    }
    settings.TOKENAUTH = {"SIGN_IN_RATE_IP": "3/min"}
    waits = [attempt(f"person {number}") for number in range(20)]
    assert waits == [None] * 3 + [MINUTE] * 17
    assert len(list(tmp_path.iterdir())) == 1 + 3
