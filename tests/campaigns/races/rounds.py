"""Rounds of a race: a session is refreshed and ended at the same time, with random delays.

After each round, the session must be unusable.
"""

from __future__ import annotations

import os
import random
import time
from collections import Counter
from collections.abc import Collection
from typing import Any

from django.utils import timezone

from django_tokenauth.models import Session
from tests.campaigns.crash.report import Progress
from tests.campaigns.races import calls
from tests.campaigns.races.calls import UNAVAILABLE, Call
from tests.campaigns.races.endings import ENDINGS, Ending, Target, create_targets
from tests.campaigns.races.worker_pool import WorkerPool

# Maximum delays in seconds, before a call and before each of its statements. The end falls before,
# inside and after a refresh, each in many rounds. Several refreshes run during the end.
REFRESH_DELAYS = ((0.007, 0.004, 0.012), (0, 0.002, 0.006), (0, 0.002, 0.006))
END_DELAYS = (0.010, 0.001, 0.001, 0.001, 0.001)

# Sessions are created in batches. The last of a batch is refreshed before its grace ends.
BATCH = 50
# More rounds follow until one in ten has an end inside a refresh. MAXIMUM_FACTOR limits them.
MAXIMUM_FACTOR = 30
INSIDE = "the end fell inside"
SEED = int(os.environ.get("TOKENAUTH_TEST_SEED") or time.time_ns() % 1_000_000)

Result = dict[str, Any]


def play_rounds(
    clients: WorkerPool,
    name: str,
    number: int,
    *,
    may_be_unavailable: bool = False,
    progress: Progress | None = None,
) -> Counter[str]:
    """Play ``number`` rounds, and more until enough ends fell inside. Return the outcomes."""
    generator = random.Random(f"{SEED} {name}")  # noqa: S311
    outcomes: Counter[str] = Counter()
    while outcomes.total() < number or (
        ends_inside(outcomes) < minimum_inside(number)
        and outcomes.total() < MAXIMUM_FACTOR * number
    ):
        for target in create_targets(min(BATCH, number), prefix=f"user {outcomes.total()}"):
            outcome = play_round(
                clients, ENDINGS[name], target, generator, may_be_unavailable=may_be_unavailable
            )
            outcomes[outcome] += 1
            if progress is not None:
                progress.row.figures[INSIDE] = ends_inside(outcomes)
                progress.step()
    return outcomes


def minimum_inside(number: int) -> int:
    """Return how many ends must fall inside a refresh in a race of ``number`` rounds."""
    return max(1, number // 10)


def ends_inside(outcomes: Counter[str]) -> int:
    """Return the number of rounds whose end fell inside a refresh."""
    return sum(count for outcome, count in outcomes.items() if outcome.endswith(INSIDE))


def assert_ends_inside(outcomes: Counter[str], number: int) -> None:
    """Assert that the rounds cover the race: enough ends fell inside a refresh."""
    inside, minimum = ends_inside(outcomes), minimum_inside(number)
    assert inside >= minimum, (
        f"{inside} of {outcomes.total()} ends fell inside a refresh, expected {minimum} or more."
    )


def play_round(
    clients: WorkerPool,
    ending: Ending,
    target: Target,
    generator: random.Random,
    *,
    may_be_unavailable: bool = False,
) -> str:
    """Play one round with two clients. Return where the end fell: see :func:`_outcome`."""
    token = generator.choice([target.current, target.current, target.predecessor])
    probes: list[Call] = [
        calls.refreshing(target.current),
        calls.refreshing(target.predecessor),
        ("get", {"path": "/who/", "token": target.access_tokens[-1]}),
    ]
    delays = [_random_delays(generator, maximums) for maximums in REFRESH_DELAYS]
    end = {
        "call": ending.call(target),
        "delays": _random_delays(generator, END_DELAYS),
        "probes": probes,
    }
    (_, refreshed), (status, ended) = clients(
        [("refresh repeatedly", {"token": token, "delays": delays}), ("end and probe", end)]
    )
    assert status == ending.status
    assert ended["unavailable"] == 0 or may_be_unavailable
    refreshes = refreshed["refreshes"]
    _assert_no_success_after(ended, refreshes, may_be_unavailable=may_be_unavailable)
    assert_session_unusable(target, refreshes)
    assert_end_stored(target, ending)
    return _outcome(refreshes, ended)


def _random_delays(generator: random.Random, maximums: Collection[float]) -> list[float]:
    return [generator.uniform(0, maximum) for maximum in maximums]


def _assert_no_success_after(
    ended: Result, refreshes: list[Result], *, may_be_unavailable: bool
) -> None:
    # The probes run while a refresh may still be active, so they may get 503.
    unavailable = {UNAVAILABLE} if may_be_unavailable else set()
    assert {status for status, _ in ended["probes"]} <= {400, 401} | unavailable
    for refresh in refreshes:
        expected = {400} if refresh["began"] > ended["ended"] else {200, 400}
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


def assert_end_stored(target: Target, ending: Ending) -> None:
    """Assert that the row of the session has the reason and the time of its end."""
    session = Session.objects.get(pk=target.session)
    if ending.reason is None:
        assert session.revoked_at is None
    else:
        assert session.revoked_reason == ending.reason
        assert session.idle_expires_at == session.revoked_at <= timezone.now()


def _outcome(refreshes: list[Result], ended: Result) -> str:
    """Return where the end fell, seen from the refresh around it, or from the first refresh."""
    outcomes = [_outcome_of(refresh, ended) for refresh in refreshes]
    return next((outcome for outcome in outcomes if outcome.endswith(INSIDE)), outcomes[0])


def _outcome_of(refresh: Result, ended: Result) -> str:
    wrote = any(verb == "UPDATE" for verb, _, _ in refresh["statements"])
    if refresh["status"] == UNAVAILABLE:
        # An UPDATE fails to serialize if the end commits while the UPDATE waits for it.
        return f"503 at its UPDATE, {INSIDE}" if wrote else "503 at its SELECT"
    if refresh["status"] == 200:
        result = "rotated" if wrote else "repeated in the grace"
        if ended["began"] > refresh["ended"]:
            return f"{result}, the end began after it"
        *_, read = refresh["statements"][0]
        if read < ended["ended"] < refresh["ended"]:
            return f"{result}, {INSIDE}"
        return f"{result}, the end overlapped it"
    if wrote:
        return f"rejected at its UPDATE, {INSIDE}"
    if ended["ended"] < refresh["began"]:
        return "rejected at its SELECT, the end returned before it"
    return "rejected at its SELECT, the end overlapped it"


def summary(name: str, outcomes: Counter[str]) -> str:
    """Return the number of rounds by outcome."""
    lines = [f"{name}: {outcomes.total()} rounds, seed {SEED}"]
    lines += [f"  {number:5} {outcome}" for outcome, number in sorted(outcomes.items())]
    return "\n".join(lines)
