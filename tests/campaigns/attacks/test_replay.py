"""Reuse of a refresh token, 2 to 20 generations later.

The request with the reused token revokes the session. Another connection reads the row right
after the response, so the revocation was committed before it.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import timedelta

import pytest
import time_machine
from django.core.cache import caches
from django.db import connections
from django.utils import timezone

from django_tokenauth import services, signals
from django_tokenauth.conf.settings import load
from django_tokenauth.models import RevokedReason, Session
from tests.campaigns.races import calls
from tests.campaigns.races.worker_pool import worker_pool
from tests.support.client import SESSION_ENDED, get, post, status_and_json
from tests.support.clock import NOW
from tests.support.signal_capture import received

pytestmark = pytest.mark.django_db(transaction=True)

GENERATIONS = 21
# Generations before the current one. Age 1 is the previous token, valid within the grace period.
AGES = range(2, GENERATIONS)
# The delay until the owner of the session refreshes.
DELAY = timedelta(milliseconds=287)


class StolenSession:
    """A session of alice whose tokens an attacker has copied."""

    def __init__(self, alice, interval, *, now):
        pairs = [services.sign_in(alice, now=now)]
        while len(pairs) < GENERATIONS:
            now += interval
            pairs.append(services.refresh(pairs[-1].refresh_token, now=now))
        self.id = pairs[0].session.pk
        self.refresh_tokens = [pair.refresh_token for pair in pairs]
        self.access_token = pairs[-1].access_token
        self.refreshed_at = now
        self._active_row = Session.objects.values().get(pk=self.id)

    def assert_revoked(self, at):
        """Assert that only the revocation has changed the row."""
        assert Session.objects.values().get(pk=self.id) == {
            **self._active_row,
            "revoked_at": at,
            "revoked_reason": RevokedReason.REUSED,
            "idle_expires_at": at,
        }

    def restore(self):
        """Make the session active again."""
        Session.objects.filter(pk=self.id).update(**self._active_row)


def refresh(token, path="token/refresh/"):
    return status_and_json(post(path, {"grant_type": "refresh_token", "refresh_token": token}))


def status_with(access_token):
    return get("/who/", access_token).status_code


@contextmanager
def signalled_sessions():
    """Collect the sessions of the signals for reuse and revocation."""
    with (
        received(signals.refresh_token_reused) as reused,
        received(signals.session_revoked) as revoked,
    ):
        yield lambda: [[call["session"].pk for call in calls] for calls in (reused, revoked)]


@pytest.fixture
def call_in_thread():
    """Run a function in another thread, with another database connection."""
    with ThreadPoolExecutor(1) as pool:
        yield lambda action, *arguments: pool.submit(action, *arguments).result()
        pool.submit(calls.make, ("disconnect", {})).result()


@pytest.fixture
def replay(alice, bob, call_in_thread):
    """Replay a token of each age, ``delay`` after the last rotation."""

    def replay(ages, *, interval, delay, before=lambda: None):
        with time_machine.travel(NOW, tick=False) as clock:
            stolen = StolenSession(alice, interval, now=NOW)
            clock.move_to(stolen.refreshed_at)
            others = [services.sign_in(user) for user in (alice, bob)]
            for age in ages:
                clock.move_to(stolen.refreshed_at + delay)
                before()
                with signalled_sessions() as signalled:
                    path = "token/" if age % 2 else "token/refresh/"
                    response = refresh(stolen.refresh_tokens[-1 - age], path)
                assert response == (400, SESSION_ENDED)
                call_in_thread(stolen.assert_revoked, stolen.refreshed_at + delay)
                assert signalled() == [[stolen.id], [stolen.id]]
                clock.shift(DELAY)
                with signalled_sessions() as signalled:
                    assert refresh(stolen.refresh_tokens[-1]) == (400, SESSION_ENDED)
                assert signalled() == [[], []]
                assert status_with(stolen.access_token) == 401
                stolen.restore()
            assert status_with(stolen.access_token) == 200
            for other in others:
                assert status_with(other.access_token) == 200
                assert refresh(other.refresh_token)[0] == 200

    return replay


@pytest.mark.promise(7)
@pytest.mark.standard("rfc6749-10.4-2", "rfc9700-2.2.2-1", "rfc9700-4.14.2-2")
@pytest.mark.attack(130, 138)
def test_refresh_token_reuse_after_grace_revokes_session(replay):
    replay([1, *AGES], interval=timedelta(minutes=1), delay=timedelta(seconds=10, microseconds=1))


@pytest.mark.promise(7)
@pytest.mark.attack(132, 138)
def test_token_older_than_previous_revokes_session_in_grace(replay):
    replay(AGES, interval=timedelta(minutes=1), delay=timedelta(seconds=1))


@pytest.mark.attack(133)
def test_token_reuse_after_fast_rotations_revokes_session(replay):
    replay(AGES, interval=timedelta(milliseconds=20), delay=timedelta(0))


@pytest.mark.attack(134)
def test_token_reuse_with_cleared_caches_revokes_session(replay):
    def clear_caches():
        for cache in caches.all():
            cache.clear()
        load.cache_clear()

    replay(AGES, interval=timedelta(minutes=1), delay=timedelta(seconds=1), before=clear_caches)


@pytest.mark.promise(7)
@pytest.mark.attack(130)
def test_token_reuse_under_atomic_requests_revokes_session(replay, monkeypatch):
    monkeypatch.setitem(connections["default"].settings_dict, "ATOMIC_REQUESTS", True)
    replay([1, *AGES], interval=timedelta(minutes=1), delay=timedelta(minutes=4))


@pytest.mark.attack(134)
def test_token_reuse_in_new_process_revokes_session(alice):
    interval = timedelta(minutes=1)
    stolen = StolenSession(alice, interval, now=timezone.now() - GENERATIONS * interval)
    other = services.sign_in(alice)
    with worker_pool(1, 1, TOKENAUTH={}) as new_process:
        for age in AGES:
            replay = calls.refreshing(stolen.refresh_tokens[-1 - age])
            [(status, result)] = new_process([("with signals", {"call": replay})])
            assert (status, result["body"]) == (400, SESSION_ENDED)
            assert result["reused"] == result["revoked"] == [str(stolen.id)]
            stolen.assert_revoked(Session.objects.get(pk=stolen.id).revoked_at)
            descendants = [
                calls.refreshing(stolen.refresh_tokens[-1]),
                ("get", {"path": "/who/", "token": stolen.access_token}),
            ]
            assert [new_process([call])[0][0] for call in descendants] == [400, 401]
            stolen.restore()
        assert new_process([calls.refreshing(other.refresh_token)])[0][0] == 200


@pytest.mark.promise(8)
@pytest.mark.attack(143)
@pytest.mark.parametrize("concurrent", [True, False], ids=["concurrent", "sequential"])
def test_duplicated_refresh_requests_keep_the_session_active(alice, server, settings, concurrent):
    # A slow machine must not exceed the grace period.
    settings.TOKENAUTH = {"REFRESH_GRACE": timedelta(seconds=60)}

    def send(token):
        response = server.post("token/refresh/", {"refresh_token": token})
        return response.status, response.json()

    token, access_tokens = server.sign_in()["refresh_token"], set()
    with ThreadPoolExecutor(2 if concurrent else 1) as proxy, signalled_sessions() as signalled:
        for _ in range(5):
            (first, body), (second, repeated) = proxy.map(send, [token] * 2)
            assert first == second == 200
            assert body["refresh_token"] == repeated["refresh_token"] != token
            access_tokens |= {body["access_token"], repeated["access_token"]}
            token = body["refresh_token"]
    assert signalled() == [[], []]
    assert Session.objects.get().generation == 6
    # The client received one of the two responses. Both work.
    assert {server.get("/who/", each).status for each in access_tokens} == {200}
