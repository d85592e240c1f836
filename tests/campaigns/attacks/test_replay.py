"""A refresh token that comes again: two to twenty generations later, whatever happened meanwhile.

The session ends in that very request: what is looked at then, from another connection, was
committed before the answer left.
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
from tests.campaigns.races.worker_pool import crowd
from tests.support.client import INVALID_GRANT, get, outcome, post
from tests.support.clock import NOW
from tests.support.signal_capture import received

pytestmark = pytest.mark.django_db(transaction=True)

GENERATIONS = 21
# Before the current one. The one before it is left to itself within the grace.
AGES = range(2, GENERATIONS)
# Long enough for a thief who shares the session with its owner, and short for everybody else.
MOMENT = timedelta(milliseconds=287)


class Stolen:
    """A session of alice with all its tokens, of which the thief has copies."""

    def __init__(self, alice, every, *, now):
        pairs = [services.sign_in(alice, now=now)]
        while len(pairs) < GENERATIONS:
            now += every
            pairs.append(services.refresh(pairs[-1].refresh_token, now=now))
        self.id = pairs[0].session.pk
        self.refresh_tokens = [pair.refresh_token for pair in pairs]
        self.access_token = pairs[-1].access_token
        self.refreshed_at = now
        self._alive = Session.objects.values().get(pk=self.id)

    def is_revoked(self, at):
        """Its row is as it was before the thief came, but for the end."""
        assert Session.objects.values().get(pk=self.id) == {
            **self._alive,
            "revoked_at": at,
            "revoked_reason": RevokedReason.REUSED,
            "idle_expires_at": at,
        }

    def live_again(self):
        """For the next thief."""
        Session.objects.filter(pk=self.id).update(**self._alive)


def refreshed(token, path="token/refresh/"):
    return outcome(post(path, {"grant_type": "refresh_token", "refresh_token": token}))


def status_with(access_token):
    return get("/who/", access_token).status_code


@contextmanager
def told():
    """The sessions whose reuse, and whose end, is told meanwhile."""
    with (
        received(signals.refresh_token_reused) as reused,
        received(signals.session_revoked) as revoked,
    ):
        yield lambda: [[call["session"].pk for call in calls] for calls in (reused, revoked)]


@pytest.fixture
def elsewhere():
    """Makes a call in another thread, which has another connection to the database."""
    with ThreadPoolExecutor(1) as pool:
        yield lambda act, *arguments: pool.submit(act, *arguments).result()
        pool.submit(calls.make, ("disconnect", {})).result()


@pytest.fixture
def replayed(alice, bob, elsewhere):
    """Replay a token of each age, so long after the last rotation."""

    def replayed(ages, *, every, late, before=lambda: None):
        with time_machine.travel(NOW, tick=False) as clock:
            stolen = Stolen(alice, every, now=NOW)
            clock.move_to(stolen.refreshed_at)
            others = [services.sign_in(user) for user in (alice, bob)]
            for age in ages:
                clock.move_to(stolen.refreshed_at + late)
                before()
                with told() as what:
                    path = "token/" if age % 2 else "token/refresh/"
                    answer = refreshed(stolen.refresh_tokens[-1 - age], path)
                assert answer == (400, INVALID_GRANT)
                elsewhere(stolen.is_revoked, stolen.refreshed_at + late)
                assert what() == [[stolen.id], [stolen.id]]
                clock.shift(MOMENT)
                with told() as what:
                    assert refreshed(stolen.refresh_tokens[-1]) == (400, INVALID_GRANT)
                assert what() == [[], []]
                assert status_with(stolen.access_token) == 401
                stolen.live_again()
            assert status_with(stolen.access_token) == 200
            for other in others:
                assert status_with(other.access_token) == 200
                assert refreshed(other.refresh_token)[0] == 200

    return replayed


@pytest.mark.promise(7)
@pytest.mark.standard("rfc6749-10.4-2")
@pytest.mark.attack(130, 138)
def test_a_token_that_comes_again_after_the_grace_ends_the_session(replayed):
    replayed([1, *AGES], every=timedelta(minutes=1), late=timedelta(seconds=10, microseconds=1))


@pytest.mark.promise(7)
@pytest.mark.attack(132, 138)
def test_the_grace_is_for_the_predecessor_and_no_older_token(replayed):
    replayed(AGES, every=timedelta(minutes=1), late=timedelta(seconds=1))


@pytest.mark.attack(133)
def test_rotations_of_one_second_are_told_apart(replayed):
    replayed(AGES, every=timedelta(milliseconds=20), late=timedelta(0))


@pytest.mark.attack(134)
def test_a_server_whose_caches_were_emptied_knows_as_much(replayed):
    def forget():
        for cache in caches.all():
            cache.clear()
        load.cache_clear()

    replayed(AGES, every=timedelta(minutes=1), late=timedelta(seconds=1), before=forget)


@pytest.mark.promise(7)
@pytest.mark.attack(130)
def test_the_end_outlives_a_transaction_around_each_request(replayed, monkeypatch):
    monkeypatch.setitem(connections["default"].settings_dict, "ATOMIC_REQUESTS", True)
    replayed([1, *AGES], every=timedelta(minutes=1), late=timedelta(minutes=4))


@pytest.mark.attack(134)
def test_a_process_that_was_just_started_knows_as_much(alice):
    every = timedelta(minutes=1)
    stolen = Stolen(alice, every, now=timezone.now() - GENERATIONS * every)
    other = services.sign_in(alice)
    with crowd(1, 1, TOKENAUTH={}) as new_process:
        for age in AGES:
            replay = calls.refreshing(stolen.refresh_tokens[-1 - age])
            [(status, heard)] = new_process([("heard", {"call": replay})])
            assert (status, heard["body"]) == (400, INVALID_GRANT)
            assert heard["reused"] == heard["revoked"] == [str(stolen.id)]
            stolen.is_revoked(Session.objects.get(pk=stolen.id).revoked_at)
            descendants = [
                calls.refreshing(stolen.refresh_tokens[-1]),
                ("get", {"path": "/who/", "token": stolen.access_token}),
            ]
            assert [new_process([call])[0][0] for call in descendants] == [400, 401]
            stolen.live_again()
        assert new_process([calls.refreshing(other.refresh_token)])[0][0] == 200


@pytest.mark.promise(8)
@pytest.mark.attack(143)
@pytest.mark.parametrize("together", [True, False], ids=["at the same time", "one after the other"])
def test_a_proxy_that_sends_each_request_twice_costs_nobody_the_session(
    alice, server, settings, together
):
    # A machine that stands still for a while ends no session by that.
    settings.TOKENAUTH = {"REFRESH_GRACE": timedelta(seconds=60)}

    def sent(token):
        answer = server.post("token/refresh/", {"refresh_token": token})
        return answer.status, answer.json()

    token, access_tokens = server.sign_in()["refresh_token"], set()
    with ThreadPoolExecutor(2 if together else 1) as proxy, told() as what:
        for _ in range(5):
            (first, body), (second, again) = proxy.map(sent, [token] * 2)
            assert first == second == 200
            assert body["refresh_token"] == again["refresh_token"] != token
            access_tokens |= {body["access_token"], again["access_token"]}
            token = body["refresh_token"]
    assert what() == [[], []]
    assert Session.objects.get().generation == 6
    # The client got one of the two answers, whichever it was.
    assert {server.get("/who/", each).status for each in access_tokens} == {200}
