"""The delay of one sign-in attempt: its counters and its reserved attempts."""

from __future__ import annotations

from datetime import timedelta

import pytest
import time_machine
from django.core.cache import caches
from django.core.cache.backends.locmem import LocMemCache

from django_tokenauth.errors import InvalidGrant, TooManyRequests
from django_tokenauth.http.account_delay import FREE_FAILURES, AccountDelay
from tests.support.clock import NOW
from tests.support.raw_tokens import read_settings

HOME, OFFICE = "192.0.2.1", "192.0.2.2"
LONGEST, HOUR = 60, 3600
SETTINGS = read_settings(SIGN_IN_DELAY_USER=timedelta(seconds=LONGEST))


def delay_of(username="alice", address=HOME):
    return AccountDelay(SETTINGS, address=address, username=username, known_addresses=lambda: ())


def fail(times, username="alice"):
    for _ in range(times):
        with pytest.raises(InvalidGrant), delay_of(username).counting():
            raise InvalidGrant


def succeed(username="alice"):
    with delay_of(username).counting():
        pass


def check(username="alice", address=HOME):
    """Return the seconds that this attempt must wait, or None."""
    try:
        delay_of(username, address).check()
    except TooManyRequests as error:
        return error.retry_after
    return None


@pytest.fixture(autouse=True)
def clock():
    caches["default"].clear()
    with time_machine.travel(NOW, tick=False) as clock:
        yield clock


@pytest.mark.attack(149, 151)
class TestAccountDelay:
    def test_sign_in_delay_starts_after_the_free_failures(self):
        fail(FREE_FAILURES)
        assert check() is None
        fail(1)
        assert check() == 2

    def test_reserved_attempt_is_valid_for_only_one_username(self, clock):
        fail(FREE_FAILURES + 1)
        fail(FREE_FAILURES + 1, "bob")
        assert check() == 2
        clock.shift(2)
        assert check("bob") == 2
        assert check() is None

    def test_reserved_attempt_is_valid_for_only_one_network(self, clock):
        fail(FREE_FAILURES + 1)
        assert check() == 2
        clock.shift(2)
        assert check(address=OFFICE) == 2
        assert check() is None

    @pytest.mark.parametrize(("late", "wait"), [(0, None), (1, 2)])
    def test_reserved_attempt_expires_an_hour_after_the_delay(self, clock, late, wait):
        fail(FREE_FAILURES + 1)
        assert check() == 2
        clock.shift(2 + HOUR - 1 + late)
        assert check() == wait

    def test_sign_in_is_delayed_if_its_reserved_attempt_is_used(self, clock, monkeypatch):
        fail(FREE_FAILURES + 1)
        assert check() == 2
        clock.shift(2)
        # Another client of the network has deleted the reserved attempt after it was read.
        monkeypatch.setattr(LocMemCache, "delete", lambda *arguments: False)
        monkeypatch.setattr(LocMemCache, "add", lambda *arguments: True)
        assert check() == 2

    def test_successful_sign_in_subtracts_username_failures_once(self):
        fail(FREE_FAILURES + 1)
        succeed()
        fail(FREE_FAILURES + 1, "a.lice")
        succeed()
        assert check() == 2

    def test_successful_sign_in_keeps_failure_of_similar_username(self):
        fail(1, "a.lice")
        fail(3)
        succeed()
        fail(FREE_FAILURES, "a.lice")
        assert check() == 2
