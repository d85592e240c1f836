"""Parallel sign-ins from one address, in threads and in processes that are killed."""

from __future__ import annotations

import os
import time
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier, Event, Lock

import pytest
from django.test.utils import override_settings

from django_tokenauth.conf.settings import load
from django_tokenauth.errors import InvalidGrant, TooManyRequests
from django_tokenauth.http.throttling import SignInThrottle
from tests.support.sign_in_attempts import CLIENT_IP, HOUR, START, attempt
from tests.support.worker_processes import fork_server

LIMIT, PARALLEL = 5, 40


@pytest.fixture(autouse=True)
def _by_user(settings):
    settings.TOKENAUTH = {"SIGN_IN_RATE_USER": f"{LIMIT}/hour", "SIGN_IN_RATE_IP": None}


def new_throttle():
    return SignInThrottle(load(), address=CLIENT_IP, username="alice", now=START)


class PasswordChecks:
    """Password checks in parallel, and how many of them ran at once and in total."""

    def __init__(self, is_correct):
        self._is_correct, self._lock = is_correct, Lock()
        self._start = Barrier(PARALLEL)
        self.total = self.running = self.most = 0

    def run(self):
        with ThreadPoolExecutor(PARALLEL) as threads:
            return list(threads.map(self._sign_in, range(PARALLEL)))

    def _sign_in(self, number):
        self._start.wait()
        try:
            with new_throttle().counting():
                self._check(number)
        except InvalidGrant:
            return 400
        except TooManyRequests:
            return 429
        return 200

    def _check(self, number):
        with self._lock:
            self.total += 1
            self.running += 1
            self.most = max(self.most, self.running)
        time.sleep(0.01)
        with self._lock:
            self.running -= 1
        if not self._is_correct(number):
            raise InvalidGrant


@pytest.mark.attack(149)
class TestParallelSignIns:
    @pytest.mark.promise(19)
    def test_parallel_correct_passwords_are_never_throttled(self):
        checks = PasswordChecks(lambda number: True)
        assert checks.run() == [200] * PARALLEL
        assert checks.total == PARALLEL
        assert checks.most <= LIMIT
        assert [attempt() for _ in range(LIMIT + 1)] == [*[None] * LIMIT, HOUR]

    @pytest.mark.promise(14)
    def test_parallel_password_guesses_are_checked_up_to_the_limit(self):
        checks = PasswordChecks(lambda number: False)
        assert sorted(checks.run()) == [400] * LIMIT + [429] * (PARALLEL - LIMIT)
        assert checks.total == LIMIT

    @pytest.mark.promise(14)
    def test_password_guesses_among_correct_passwords_are_limited(self):
        checks = PasswordChecks(lambda number: number % 2)
        results = checks.run()
        assert results.count(400) == LIMIT
        assert checks.total == LIMIT + results.count(200)

    def test_sign_in_at_the_limit_waits_for_pending_sign_ins(self):
        others = [new_throttle() for _ in range(LIMIT)]
        for each in others:
            each.acquire()
        acquired = Event()
        with ThreadPoolExecutor(1) as threads:
            waiting = threads.submit(lambda: (new_throttle().acquire(), acquired.set()))
            assert not acquired.wait(0.3)
            others[0].release()
            waiting.result(timeout=30)
        assert acquired.is_set()

    def test_waiting_sign_in_is_throttled_after_pending_ones_fail(self):
        others = [new_throttle() for _ in range(LIMIT)]
        for each in others:
            each.acquire()
        with ThreadPoolExecutor(1) as threads:
            waiting = threads.submit(new_throttle().acquire)
            for each in others:
                each.fail()
            with pytest.raises(TooManyRequests) as raised:
                waiting.result(timeout=30)
        assert raised.value.retry_after == HOUR


class TestHangingSignIns:
    @pytest.fixture(autouse=True)
    def _impatient(self, monkeypatch):
        monkeypatch.setattr(SignInThrottle, "stalled_after", 0.0)

    def test_hanging_sign_ins_count_as_failed_after_the_timeout(self):
        for _ in range(LIMIT):
            new_throttle().acquire()
        with pytest.raises(TooManyRequests):
            new_throttle().acquire()

    def test_only_the_first_sign_in_waits_for_hanging_attempts(self, monkeypatch):
        others = [new_throttle() for _ in range(LIMIT)]
        for each in others:
            each.acquire()
        with pytest.raises(TooManyRequests):
            new_throttle().acquire()
        monkeypatch.setattr(SignInThrottle, "stalled_after", 3600.0)
        with pytest.raises(TooManyRequests):
            new_throttle().acquire()
        # A late success still permits another attempt.
        others[0].release()
        new_throttle().acquire()

    def test_sign_in_at_the_limit_does_not_wait_for_a_broken_cache(self, monkeypatch):
        others = [new_throttle() for _ in range(LIMIT)]
        for each in others:
            each.acquire()
        throttle = new_throttle()
        monkeypatch.setattr(throttle, "stalled_after", 3600.0)
        monkeypatch.setattr(throttle._counters, "read", lambda key: None)
        with pytest.raises(TooManyRequests):
            throttle.acquire()


def die_while_checking(cache):
    """Start a password check, and kill this process before the check is done."""
    with (
        override_settings(
            CACHES={"default": cache}, TOKENAUTH={"SIGN_IN_RATE_USER": f"{LIMIT}/hour"}
        ),
        new_throttle().counting(),
    ):
        os.kill(os.getpid(), 9)


@pytest.mark.attack(149)
@pytest.mark.promise(14)
def test_sign_in_of_a_killed_process_stays_counted(settings, tmp_path):
    cache = {
        "BACKEND": "django.core.cache.backends.filebased.FileBasedCache",
        "LOCATION": str(tmp_path),
    }
    settings.CACHES = {"default": cache}
    process = fork_server().Process(target=die_while_checking, args=[cache])
    process.start()
    process.join(60)
    assert process.exitcode == -9
    assert [attempt() for _ in range(LIMIT - 1)] == [None] * (LIMIT - 1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(SignInThrottle, "stalled_after", 0.0)
        assert attempt() == HOUR
