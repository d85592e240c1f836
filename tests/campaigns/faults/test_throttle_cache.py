"""A cache that fails in one operation of the throttle: it raises, hangs, or returns junk.

With each failure a correct password signs in. Guesses stay limited, unless the cache cannot count:
then each sign-in logs an error.
"""

from __future__ import annotations

import time
from datetime import timedelta

import pytest
import time_machine
from django.contrib.auth import get_user_model
from django.core.cache import caches
from django.core.cache.backends.locmem import LocMemCache

from django_tokenauth.http.throttling import SignInThrottle
from tests.support.client import PASSWORDS, log_messages
from tests.support.clock import NOW
from tests.support.guessing import count_hash_rounds, guess, guess_from

LIMIT, GUESSES, DAY = 3, 5, 86400
OPERATIONS = ("add", "incr", "touch", "get", "decr", "delete")
#: Without them, nothing can be counted.
COUNTING = ("add", "incr")


class Raises:
    def __call__(self, result):
        raise ConnectionError("password of the cache")


class Hangs:
    """The operation takes long and succeeds."""

    def __call__(self, result):
        time.sleep(0.01)
        return result


class Returns:
    def __init__(self, junk):
        self.junk = junk

    def __call__(self, result):
        return self.junk


FAULTS = {
    "raises": Raises(),
    "hangs": Hangs(),
    **{
        f"returns {junk!r:.20}": Returns(junk)
        for junk in (None, "", "5", b"\xff", 1.5, [], True, False, 0, -1, -(10**9), 10**18)
    },
}


MANY_FAILURES = FAULTS[f"returns {10**18!r}"]


class FaultyCache(LocMemCache):
    """A cache with a fault of one operation, which takes place before or after its effect."""

    operation, fault, has_effect = "", Hangs(), False

    def __getattribute__(self, name):
        found = super().__getattribute__(name)
        if name not in OPERATIONS or name != super().__getattribute__("operation"):
            return found

        def faulty(*arguments, **options):
            is_hanging = isinstance(self.fault, Hangs)
            result = found(*arguments, **options) if self.has_effect or is_hanging else None
            return self.fault(result)

        return faulty


class NoUsers:
    """A backend without a database, which hashes the password of an unknown user as Django does."""

    def authenticate(self, request, username=None, password=None):
        get_user_model()().set_password(password)


@pytest.fixture
def hashed(settings):
    return count_hash_rounds(settings)


@pytest.fixture
def no_users(settings, request):
    """Sign nobody in, without a database."""
    settings.AUTHENTICATION_BACKENDS = [f"{__name__}.NoUsers"]
    if request.getfixturevalue("fault") is MANY_FAILURES:
        # The delay of the account reads its known addresses.
        request.getfixturevalue("db")


@pytest.fixture
def alice(hashed, alice):
    """Return alice, whose password is stored by the counting hasher."""
    return alice


@pytest.fixture(params=[False, True], ids=["without effect", "with effect"])
def break_cache(request, hashed, settings, monkeypatch):
    """Return a function that breaks an operation of the cache of the throttle."""
    settings.CACHES = {"default": {"BACKEND": f"{__name__}.FaultyCache"}}
    settings.TOKENAUTH = {
        "SIGN_IN_RATE_USER": f"{LIMIT}/day",
        "SIGN_IN_RATE_IP": None,
        "SIGN_IN_DELAY_USER": timedelta(minutes=1),
    }
    monkeypatch.setattr(SignInThrottle, "stalled_after", 0.0)
    monkeypatch.setattr(FaultyCache, "has_effect", request.param)
    caches["default"].clear()
    hashed.clear()

    def break_cache(operation, fault):
        monkeypatch.setattr(FaultyCache, "operation", operation)
        monkeypatch.setattr(FaultyCache, "fault", fault)

    with time_machine.travel(NOW, tick=False):
        yield break_cache


def lies(operation, fault):
    """Return whether the cache returns a number of the right type that is wrong."""
    return operation in ("incr", "get") and isinstance(fault, Returns) and type(fault.junk) is int


@pytest.mark.attack(150)
@pytest.mark.promise(19)
@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS)
@pytest.mark.parametrize("operation", OPERATIONS)
class TestFaults:
    def test_correct_password_signs_in_unless_failures_exceed_limit(
        self, alice, break_cache, operation, fault, caplog
    ):
        break_cache(operation, fault)
        response = guess("alice", PASSWORDS["alice"])
        if operation in ("incr", "get") and fault is MANY_FAILURES:
            # The cache says that there were many failures.
            assert response.status_code == 429
            assert 0 < int(response.headers["Retry-After"]) <= DAY
        else:
            assert response.status_code == 200
        assert "password of the cache" not in caplog.text

    def test_guesses_are_limited_while_a_faulty_cache_counts(
        self, no_users, break_cache, hashed, operation, fault, caplog
    ):
        break_cache(operation, fault)
        statuses = [guess("alice").status_code for _ in range(GUESSES)]
        errors = log_messages(caplog, "ERROR")
        assert set(statuses) <= {400, 429}
        assert len(hashed) == statuses.count(400)
        if len(hashed) > LIMIT:
            assert operation in COUNTING
            assert len([line for line in errors if line.endswith("are not throttled")]) >= GUESSES
            assert not lies(operation, fault) or fault.junk < 1

    def test_user_is_not_locked_out_after_a_cache_fault(self, alice, break_cache, operation, fault):
        """After the fault, a sign-in from another address works, and guesses are limited again."""
        break_cache(operation, fault)
        guess("alice")
        break_cache("", Hangs())
        assert guess_from("192.0.2.7", "alice", PASSWORDS["alice"]).status_code == 200
        statuses = [guess_from("192.0.2.8", "alice").status_code for _ in range(GUESSES)]
        assert statuses == [400] * LIMIT + [429] * (GUESSES - LIMIT)


@pytest.mark.attack(150)
@pytest.mark.promise(14)
@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS)
@pytest.mark.parametrize("operation", ["touch", "get", "decr", "delete"])
def test_guesses_before_and_during_a_cache_fault_are_counted(
    no_users, break_cache, hashed, operation, fault
):
    """The fault begins after the first guess and ends before the last ones."""
    guess("alice")
    break_cache(operation, fault)
    guess("alice")
    break_cache("", Hangs())
    statuses = [guess("alice").status_code for _ in range(GUESSES)]
    assert statuses[-1] == 429
    assert len(hashed) == LIMIT
