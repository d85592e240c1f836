"""Rounds of a race: in each a session is refreshed and ended at the same time, with pauses by
chance, and afterwards nothing of it may work."""

from __future__ import annotations

import os
import random
import time
from collections import Counter
from collections.abc import Collection
from typing import Any

from django.utils import timezone

from django_tokenauth.models import Session
from tests.campaigns.races import calls
from tests.campaigns.races.calls import UNAVAILABLE, Call
from tests.campaigns.races.ends import ENDINGS, Ending, Target, targets
from tests.campaigns.races.worker_pool import Crowd

# Before a call and before each of its statements, in seconds, at most: so an end comes before, in
# and after a refresh, each in many of the rounds. There are more refreshes than one while it comes.
PAUSES_OF_REFRESHES = ((0.007, 0.004, 0.004, 0.004), (0, 0.002, 0.002), (0, 0.002, 0.002))
PAUSES_OF_AN_END = (0.010, 0.001, 0.001, 0.001, 0.001)

# The sessions of so many rounds are made in bulk: the last has to come within their grace.
AT_A_TIME = 50
SEED = int(os.environ.get("TOKENAUTH_TEST_SEED") or time.time_ns() % 1_000_000)

Told = dict[str, Any]


def rounds(
    clients: Crowd, name: str, number: int, *, may_be_unavailable: bool = False
) -> Counter[str]:
    """So many rounds against the end of this name: how often it came where."""
    chance = random.Random(f"{SEED} {name}")  # noqa: S311
    return Counter(
        play(clients, ENDINGS[name], target, chance, may_be_unavailable=may_be_unavailable)
        for start in range(0, number, AT_A_TIME)
        for target in targets(min(AT_A_TIME, number - start), prefix=f"user {start}")
    )


def play(
    clients: Crowd,
    ending: Ending,
    target: Target,
    chance: random.Random,
    *,
    may_be_unavailable: bool = False,
) -> str:
    """One round, and where its end came: see :func:`_outcome`. Two clients."""
    token = chance.choice([target.current, target.current, target.predecessor])
    then: list[Call] = [
        calls.refreshing(target.current),
        calls.refreshing(target.predecessor),
        ("get", {"path": "/who/", "token": target.access_tokens[-1]}),
    ]
    (_, refreshed), (status, ended) = clients(
        [
            (
                "refresh on",
                {
                    "token": token,
                    "pauses": [_by_chance(chance, most) for most in PAUSES_OF_REFRESHES],
                },
            ),
            (
                "end and then",
                {
                    "call": ending.call(target),
                    "pauses": _by_chance(chance, PAUSES_OF_AN_END),
                    "then": then,
                },
            ),
        ]
    )
    assert status == ending.status
    assert ended["unavailable"] == 0 or may_be_unavailable
    refreshes = refreshed["refreshes"]
    _nothing_began_to_work_after(ended, refreshes, may_be_unavailable=may_be_unavailable)
    nothing_works(target, refreshes)
    is_written_down(target, ending)
    return _outcome(refreshes[0], ended)


def _by_chance(chance: random.Random, most: Collection[float]) -> list[float]:
    return [chance.uniform(0, each) for each in most]


def _nothing_began_to_work_after(
    ended: Told, refreshes: list[Told], *, may_be_unavailable: bool
) -> None:
    # At once, while the refresh may still be under way. Who knows nothing yet may say so.
    unavailable = {UNAVAILABLE} if may_be_unavailable else set()
    assert {status for status, _ in ended["then"]} <= {400, 401} | unavailable
    for refresh in refreshes:
        expected = {400} if refresh["began"] > ended["ended"] else {200, 400}
        assert refresh["status"] in expected | unavailable


def nothing_works(target: Target, refreshes: list[Told]) -> None:
    bodies = [refresh["body"] for refresh in refreshes if refresh["status"] == 200]
    for token in {*target.refresh_tokens, *(body["refresh_token"] for body in bodies)}:
        status, body = calls.make(calls.refreshing(token))
        assert (status, body.get("error")) == (400, "invalid_grant")
    for token in (target.access_tokens[-1], *(body["access_token"] for body in bodies)):
        status, _ = calls.make(("get", {"path": "/who/", "token": token}))
        assert status == 401


def is_written_down(target: Target, ending: Ending) -> None:
    session = Session.objects.get(pk=target.session)
    if ending.reason is None:
        assert session.revoked_at is None
    else:
        assert session.revoked_reason == ending.reason
        assert session.idle_expires_at == session.revoked_at <= timezone.now()


def _outcome(refresh: Told, ended: Told) -> str:
    """Where the end came, seen from the first refresh of the round."""
    if refresh["status"] == UNAVAILABLE:
        return "the refresh was told to try again"
    wrote = any(verb == "UPDATE" for verb, _, _ in refresh["statements"])
    if refresh["status"] == 200:
        how = "rotated" if wrote else "answered in the grace"
        if ended["began"] > refresh["ended"]:
            return f"{how}, the end came after it"
        *_, read = refresh["statements"][0]
        if not wrote and ended["ended"] < refresh["ended"] and ended["ended"] > read:
            return f"{how}, the end came inside"
        return f"{how}, the end was under way"
    if wrote:
        return "refused at its UPDATE, the end came inside"
    if ended["ended"] < refresh["began"]:
        return "refused at its SELECT, the end came before it"
    return "refused at its SELECT, the end was under way"


def summary(name: str, outcomes: Counter[str]) -> str:
    """The figures of so many rounds, for the one who ran them."""
    lines = [f"{name}: {outcomes.total()} rounds, seed {SEED}"]
    lines += [f"  {number:5} {outcome}" for outcome, number in sorted(outcomes.items())]
    return "\n".join(lines)
