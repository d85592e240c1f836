"""Counters in a cache that fails in one operation, or returns something else than a count."""

from __future__ import annotations

import pytest
import time_machine
from django.core.cache import caches
from django.core.cache.backends.locmem import LocMemCache

from django_tokenauth.http.counters import Counters
from tests.support.client import log_messages
from tests.support.clock import NOW


class PartlyBrokenCache(LocMemCache):
    """A cache of which one operation raises an error or returns *junk*."""

    broken = ""
    junk: object = None

    def _result(self, name, *arguments, **options):
        if self.broken != name:
            return getattr(super(), name)(*arguments, **options)
        if self.junk is None:
            raise ConnectionError("password of the cache")
        return self.junk

    def incr(self, *arguments, **options):
        return self._result("incr", *arguments, **options)

    def decr(self, *arguments, **options):
        return self._result("decr", *arguments, **options)

    def touch(self, *arguments, **options):
        return self._result("touch", *arguments, **options)

    def get(self, *arguments, **options):
        return self._result("get", *arguments, **options)

    def add(self, *arguments, **options):
        return self._result("add", *arguments, **options)

    def delete(self, *arguments, **options):
        return self._result("delete", *arguments, **options)


@pytest.fixture
def broken(settings, monkeypatch):
    """Return a function that breaks one operation of the cache."""
    settings.CACHES = {"default": {"BACKEND": f"{__name__}.PartlyBrokenCache"}}
    caches["default"].clear()

    def broken(name, junk=None):
        monkeypatch.setattr(PartlyBrokenCache, "broken", name)
        monkeypatch.setattr(PartlyBrokenCache, "junk", junk)

    return broken


@pytest.fixture
def counters(broken):
    return Counters("default", "sign-in")


@pytest.mark.attack(150)
class TestCounters:
    def test_counter_counts_up_and_down_from_zero(self, counters):
        assert counters.read("a") == 0
        assert [counters.increment("a", 60), counters.increment("a", 60)] == [1, 2]
        assert counters.decrement("a") == counters.read("a") == 1
        assert counters.read("b") == 0

    @pytest.mark.parametrize("junk", ["5", 1.5, [], b"5", {}, True])
    @pytest.mark.parametrize("name", ["incr", "decr", "get"])
    def test_invalid_cache_result_is_logged_as_an_error(self, counters, broken, name, junk, caplog):
        operations = {
            "incr": lambda: counters.increment("a", 60),
            "get": lambda: counters.read("a"),
        }
        broken(name, junk)
        assert operations.get(name, lambda: counters.decrement("a"))() is None
        [line] = log_messages(caplog, "ERROR")
        assert line.startswith(f"cache error ({type(junk).__name__} instead of int): sign-ins")

    def test_counter_increments_if_the_timeout_cannot_be_set(self, counters, broken, caplog):
        broken("touch")
        assert [counters.increment("a", 60) for _ in range(3)] == [1, 2, 3]
        assert set(log_messages(caplog, "ERROR")) == {
            "cache error (ConnectionError): sign-ins can expire early"
        }

    def test_decrement_of_a_missing_counter_is_logged_as_an_error(self, counters, caplog):
        assert counters.decrement("a") is None
        assert log_messages(caplog, "ERROR") == ["cache error (ValueError): sign-ins stay counted"]

    @pytest.mark.parametrize("junk", [0, -5])
    def test_counter_value_below_one_is_logged_as_an_error(self, counters, broken, junk, caplog):
        broken("incr", junk)
        assert counters.increment("a", 60) is None
        assert log_messages(caplog, "ERROR") == [
            "cache error (ValueError): sign-ins are not throttled"
        ]

    def test_cache_operation_that_returns_none_is_logged(self, counters, monkeypatch, caplog):
        monkeypatch.setattr(LocMemCache, "decr", lambda cache, key, delta: None)
        assert counters.decrement("a") is None
        assert log_messages(caplog, "ERROR") == ["cache error (no result): sign-ins stay counted"]

    def test_counter_can_be_started_and_deleted_only_once(self, counters):
        counters.start("a", 5, 60)
        counters.start("a", 6, 60)
        assert counters.read("a") == 5
        assert [counters.delete("a"), counters.delete("a")] == [True, False]

    def test_counter_expires_after_its_timeout(self, counters):
        with time_machine.travel(NOW, tick=False) as clock:
            counters.increment("a", 60)
            counters.start("b", 5, 60)
            clock.shift(59)
            assert [counters.read("a"), counters.read("b")] == [1, 5]
            clock.shift(1)
            assert [counters.read("a"), counters.read("b")] == [0, 0]

    def test_counter_start_returns_false_only_after_a_cache_error(self, counters, broken):
        assert [counters.start("a", 5, 60), counters.start("a", 6, 60)] == [True, True]
        broken("add")
        assert counters.start("b", 5, 60) is False

    def test_failed_deletion_of_a_counter_is_logged(self, counters, broken, caplog):
        broken("delete")
        assert counters.delete("a") is True
        assert log_messages(caplog, "ERROR") == [
            "cache error (ConnectionError): sign-ins stay counted"
        ]
