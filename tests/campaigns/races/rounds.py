"""Rounds of a race: a session is refreshed and invalidated at the same time, with random delays.

After each round, the session must be unusable.
"""

from __future__ import annotations

import os
import random
import time
from collections import Counter
from collections.abc import Callable, Collection, Iterable
from typing import Any, TypeVar

from django.utils import timezone

from django_tokenauth.models import Session
from tests.campaigns.crash.report import Progress
from tests.campaigns.races import calls
from tests.campaigns.races.calls import UNAVAILABLE, Call
from tests.campaigns.races.invalidations import INVALIDATIONS, Invalidation, Target, create_targets
from tests.campaigns.races.worker_pool import WorkerPool

# Maximum delays in seconds, before a call and before each of its statements. The invalidation
# falls before, inside and after a refresh, each in many rounds. Several refreshes run during one.
REFRESH_DELAYS = ((0.007, 0.004, 0.012), (0, 0.002, 0.006), (0, 0.002, 0.006))
INVALIDATION_DELAYS = (0.010, 0.001, 0.001, 0.001, 0.001)

# Sessions are created in batches. The last of a batch is refreshed before its grace period expires.
BATCH = 50
# More rounds follow until one in ten has an invalidation inside a refresh. MAXIMUM_FACTOR limits
# the rounds.
MAXIMUM_FACTOR = 30
INSIDE = "the invalidation fell inside"
SEED = int(os.environ.get("TOKENAUTH_TEST_SEED") or time.time_ns() % 1_000_000)

Result = dict[str, Any]
T = TypeVar("T")


def play_rounds(
    clients: WorkerPool,
    name: str,
    number: int,
    *,
    may_be_unavailable: bool = False,
    progress: Progress | None = None,
) -> Counter[str]:
    """Play rounds of refreshes against the invalidation ``name``, as :func:`repeat` does."""

    def play(target: Target, generator: random.Random) -> str:
        return play_round(
            clients,
            INVALIDATIONS[name],
            target,
            generator,
            may_be_unavailable=may_be_unavailable,
        )

    return repeat(name, number, create_targets, play, progress)


def repeat(
    name: str,
    number: int,
    create: Callable[[int, str], Iterable[T]],
    play: Callable[[T, random.Random], str],
    progress: Progress | None,
) -> Counter[str]:
    """Play ``number`` rounds or more, until enough invalidations fell inside. Return outcomes.

    *create* returns targets, with a prefix for the names of their users.
    """
    generator = random.Random(f"{SEED} {name}")  # noqa: S311
    outcomes: Counter[str] = Counter()
    while outcomes.total() < number or (
        invalidations_inside(outcomes) < minimum_inside(number)
        and outcomes.total() < MAXIMUM_FACTOR * number
    ):
        for target in create(min(BATCH, number), f"user {outcomes.total()}"):
            outcomes[play(target, generator)] += 1
            if progress is not None:
                progress.row.figures[INSIDE] = invalidations_inside(outcomes)
                progress.step()
    return outcomes


def minimum_inside(number: int) -> int:
    """Return how many invalidations must fall inside a refresh in a race of ``number`` rounds."""
    return max(1, number // 10)


def invalidations_inside(outcomes: Counter[str]) -> int:
    """Return the number of rounds whose invalidation fell inside a refresh."""
    return sum(count for outcome, count in outcomes.items() if outcome.endswith(INSIDE))


def assert_invalidations_inside(outcomes: Counter[str], number: int) -> None:
    """Assert that the rounds cover the race: enough invalidations fell inside a refresh."""
    inside, minimum = invalidations_inside(outcomes), minimum_inside(number)
    assert inside >= minimum, (
        f"{inside} of {outcomes.total()} invalidations fell inside a request, expected {minimum} "
        "or more."
    )


def play_round(
    clients: WorkerPool,
    invalidation: Invalidation,
    target: Target,
    generator: random.Random,
    *,
    may_be_unavailable: bool = False,
) -> str:
    """Play one round with two clients. Return where the invalidation fell: see :func:`_outcome`."""
    token = generator.choice([target.current, target.current, target.predecessor])
    probes: list[Call] = [
        calls.refreshing(target.current),
        calls.refreshing(target.predecessor),
        ("get", {"path": "/who/", "token": target.access_tokens[-1]}),
    ]
    delays = [random_delays(generator, maximums) for maximums in REFRESH_DELAYS]
    request = {
        "call": invalidation.call(target),
        "delays": random_delays(generator, INVALIDATION_DELAYS),
        "probes": probes,
    }
    (_, refreshed), (status, invalidated) = clients(
        [
            ("refresh repeatedly", {"token": token, "delays": delays}),
            ("invalidate and probe", request),
        ]
    )
    assert status == invalidation.status
    assert invalidated["unavailable"] == [] or may_be_unavailable
    refreshes = refreshed["refreshes"]
    _assert_no_success_after(invalidated, refreshes, may_be_unavailable=may_be_unavailable)
    assert_session_unusable(target, refreshes)
    assert_invalidation_stored(target, invalidation)
    return _outcome(refreshes, invalidated)


def random_delays(generator: random.Random, maximums: Collection[float]) -> list[float]:
    """Return a random delay for each of ``maximums``."""
    return [generator.uniform(0, maximum) for maximum in maximums]


def _assert_no_success_after(
    invalidated: Result, refreshes: list[Result], *, may_be_unavailable: bool
) -> None:
    # The probes run while a refresh may still be active, so they may get 503.
    unavailable = {UNAVAILABLE} if may_be_unavailable else set()
    assert {status for status, _ in invalidated["probes"]} <= {400, 401} | unavailable
    for refresh in refreshes:
        expected = {400} if refresh["began"] > invalidated["finished"] else {200, 400}
        assert refresh["status"] in expected | unavailable


def assert_session_unusable(target: Target, refreshes: list[Result]) -> None:
    """Assert that no token of the session works, including those of the ``refreshes``."""
    bodies = [refresh["body"] for refresh in refreshes if refresh["status"] == 200]
    for token in {*target.refresh_tokens, *(body["refresh_token"] for body in bodies)}:
        status, body = calls.make(calls.refreshing(token))
        assert (status, body.get("error")) == (400, "invalid_grant")
    for token in (target.access_tokens[-1], *(body["access_token"] for body in bodies)):
        status, _ = calls.make(("get", {"path": "/who/", "token": token}))
        assert status == 401


def assert_invalidation_stored(target: Target, invalidation: Invalidation) -> None:
    """Assert that the row of the session has the reason and the time of the invalidation."""
    session = Session.objects.get(pk=target.session)
    if invalidation.reason is None:
        assert session.revoked_at is None
    else:
        assert session.revoked_reason == invalidation.reason
        assert session.idle_expires_at == session.revoked_at <= timezone.now()


def _outcome(refreshes: list[Result], invalidated: Result) -> str:
    """Return where the invalidation fell, seen from the refresh around it or the first refresh."""
    outcomes = [_outcome_of(refresh, invalidated) for refresh in refreshes]
    return next((outcome for outcome in outcomes if outcome.endswith(INSIDE)), outcomes[0])


def _outcome_of(refresh: Result, invalidated: Result) -> str:
    wrote = any(verb == "UPDATE" for verb, _, _ in refresh["statements"])
    if refresh["status"] == UNAVAILABLE:
        # An UPDATE fails to serialize if the invalidation commits while the UPDATE waits for it.
        return f"503 at its UPDATE, {INSIDE}" if wrote else "503 at its SELECT"
    if refresh["status"] == 200:
        result = "rotated" if wrote else "repeated in the grace period"
        if invalidated["began"] > refresh["finished"]:
            return f"{result}, the invalidation began after it"
        *_, read = refresh["statements"][0]
        if read < invalidated["finished"] < refresh["finished"]:
            return f"{result}, {INSIDE}"
        return f"{result}, the invalidation overlapped it"
    if wrote:
        return f"rejected at its UPDATE, {INSIDE}"
    if invalidated["finished"] < refresh["began"]:
        return "rejected at its SELECT, the invalidation returned before it"
    return "rejected at its SELECT, the invalidation overlapped it"


def summary(name: str, outcomes: Counter[str]) -> str:
    """Return the number of rounds by outcome."""
    lines = [f"{name}: {outcomes.total()} rounds, seed {SEED}"]
    lines += [f"  {number:5} {outcome}" for outcome, number in sorted(outcomes.items())]
    return "\n".join(lines)
