"""What the machines have shown: the faults, and a table."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from statistics import median, quantiles

from tests.campaigns.machines.load import RETRIED
from tests.campaigns.machines.running import Run
from tests.campaigns.machines.sign_outs import Watched

ROTATIONS = ("refresh", "the same refresh again")


def faults(run: Run) -> list[str]:
    """Everything that was not as it should be, each once and how often."""
    found = Counter([*run.wrong, *_watched(run), *_nothing_shown(run)])
    return [text if times == 1 else f"{text} (x {times})" for text, times in found.items()]


def _watched(run: Run) -> Iterator[str]:
    for seen in run.watched:
        after = f"{seen.machine} after: {seen.how}"
        if seen.taken or not seen.refused:
            yield f"JWTAuthentication of {after}: {seen.taken} taken, {seen.refused} refused"
        if seen.stateless_refused is None:
            yield f"the stateless class of {after}: never refused"
        elif not _is_in_time(run, seen):
            yield f"the stateless class of {after}: taken {seen.after():.3f} s later"
        if seen.came_back:
            yield f"the stateless class of {after}: taken again after it was refused"


def _is_in_time(run: Run, seen: Watched) -> bool:
    """Return whether each request that began ``REVOCATION_POLL_INTERVAL`` after the sign-out was
    refused, except those that used the previous list while another request read the new one.

    The one that reads has begun before the first of those has its answer, for that one would have
    read the list itself; and it has not ended when the last of them begins. No length of time
    decides: who reads slowly is waited for.
    """
    late = seen.late(run.plan.poll)
    return not late or any(
        span.who is not seen and span.began < late[0].ended and span.ended > late[-1].began
        for span in run.load.notes.stateless
    )


def _nothing_shown(run: Run) -> Iterator[str]:
    """What must have happened for the rest to say anything."""
    if run.plan.outages and not any(len(passed.asked) > 1 for passed in run.passed):
        yield "the proxy has passed nothing on"
    ways = {(seen.how, seen.machine) for seen in run.watched}
    if len(ways) < len(run.plan.ways) * len(run.places):
        yield f"only these were watched: {sorted(ways)}"
    for place, name in run.places.items():
        if not any(passed.asked[-1] == place for passed in run.passed):
            yield f"{name} has answered nothing"
    if not any(asked.what == ROTATIONS[1] for asked in run.load.notes.asked):
        yield "nobody asked for the same refresh again"


def table(run: Run) -> str:
    """The result as text."""
    notes = run.load.notes
    again = Counter(status for asked in notes.asked for status in asked.before)
    asked_again = sum(bool(asked.before) for asked in notes.asked)
    failed = sum(asked.status in RETRIED for asked in notes.asked)
    refreshes = [asked for asked in notes.asked if asked.what in ROTATIONS]
    twice = sum(asked.what == ROTATIONS[1] for asked in refreshes)
    slow = max((asked.seconds for asked in refreshes if asked.before), default=0.0)
    passed_on = [passed for passed in run.passed if len(passed.asked) > 1]
    last = Counter(run.places.get(passed.asked[-1], "none") for passed in run.passed)
    late = sum(len(seen.late(run.plan.poll)) for seen in run.watched)
    taken = sum(len(seen.stateless_taken) for seen in run.watched)
    outages = ", ".join(f"{how} x {times}" for how, times in sorted(run.outages.items()))
    lines = [
        f"{run.seconds:.0f} s, outages: {outages}",
        f"{len(notes.asked)} requests by the proxy; answered by "
        + ", ".join(f"{name}: {times}" for name, times in sorted(last.items())),
        f"    passed on by the proxy to another machine: {len(passed_on)}",
        f"    asked again by the client: {asked_again} (after {_told(again)})",
        f"    failed in spite of that: {failed}",
        f"{len(refreshes)} refreshes, of which with the token before: {twice}",
        f"    rotated, and the answer lost: {len(notes.lost)}",
        f"    longest one that was asked again: {slow:.2f} s",
        f"seconds to the answer: {_quantiles([asked.seconds for asked in notes.asked])}",
        "",
        f"Sign-outs (REVOCATION_POLL_INTERVAL: {run.plan.poll:g} s)",
        *(f"    {line}" for line in _sign_outs(run.watched)),
        f"    taken later than that, while another request was reading: {late} of {taken}",
    ]
    return "\n".join([*lines, *(f"WRONG: {text}" for text in faults(run)[:20])])


def _sign_outs(watched: list[Watched]) -> Iterator[str]:
    for how in dict.fromkeys(seen.how for seen in watched):
        of_it = [seen for seen in watched if seen.how == how]
        stood = [seen.after() for seen in of_it if seen.same]
        longest = f"half {median(stood):.3f} s, longest {max(stood):.3f} s" if stood else "-"
        yield (
            f"{how}: {len(of_it)} times at a machine, JWTAuthentication took "
            f"{sum(seen.taken for seen in of_it)} and refused "
            f"{sum(seen.refused for seen in of_it)}; the stateless class took the last after "
            f"{longest} ({len(stood)} times by one process)"
        )


def _told(counts: Counter[int]) -> str:
    words = {0: "no answer"}
    return ", ".join(
        f"{words.get(status, status)} x {times}" for status, times in sorted(counts.items())
    )


def _quantiles(seconds: list[float]) -> str:
    if len(seconds) < 2:
        return "-"
    cuts = quantiles(seconds, n=100)
    return f"half in {cuts[49]:.3f}, 99 of 100 in {cuts[98]:.3f}, longest {max(seconds):.3f}"
