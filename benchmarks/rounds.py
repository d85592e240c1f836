"""Timing that compares: all take their turns in one run, and medians are set against each other."""

from __future__ import annotations

import gc
import random
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

#: For each candidate what a call took in each round, in microseconds.
Times = dict[str, list[float]]
#: Gives the time in seconds.
Clock = Callable[[], float]

#: So few calls, that a turn of a candidate which changes rows does not fill a table.
MOST_CALLS = 5000


def nothing(number: int) -> None:
    """No call needs anything."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """One way of doing what is compared."""

    act: Callable[[], object]
    #: Makes ready for as many calls. It is not timed.
    prepare: Callable[[int], None] = nothing


@dataclass(frozen=True, slots=True)
class Figure:
    """What one candidate took; in what unit is told beside it."""

    median: float
    #: The quartiles: half of all rounds lie between them.
    low: float
    high: float

    @property
    def spread(self) -> float:
        """Half of the distance between the quartiles, as a part of the median."""
        return (self.high - self.low) / 2 / abs(self.median) if self.median else 0.0


def exactly(value: float) -> Figure:
    """Something that was counted and not timed."""
    return Figure(value, value, value)


def figure(values: Sequence[float]) -> Figure:
    """The median and the quartiles of what all rounds gave."""
    if len(values) == 1:
        return exactly(values[0])
    low, median, high = statistics.quantiles(values, n=4, method="inclusive")
    return Figure(median, low, high)


def above(floor: Sequence[float], values: Sequence[float]) -> Figure:
    """What ``values`` took more than ``floor`` did in the same rounds.

    Round by round, so that what slowed one round down is taken off twice and not once.
    """
    return figure([value - least for value, least in zip(values, floor, strict=True)])


def calls_in(candidate: Candidate, seconds: float, clock: Clock = time.perf_counter) -> int:
    """How many calls of ``candidate`` take about that long; ``MOST_CALLS`` at most."""
    # What is loaded or compiled at the first call is no part of any.
    _turn(candidate, 1, clock)
    number = 1
    while True:
        taken = _turn(candidate, number, clock)
        if taken >= seconds / 4:
            # Once more: one pause of Python's garbage collector made turns that were a twentieth
            # as long as those of the others, in which each call took a tenth more.
            taken = min(taken, _turn(candidate, number, clock))
        if taken >= seconds / 4:
            return min(max(1, int(number * seconds / taken)), MOST_CALLS)
        if number >= MOST_CALLS:
            return MOST_CALLS
        number *= 2


def _turn(candidate: Candidate, number: int, clock: Clock) -> float:
    candidate.prepare(number)
    act, turns = candidate.act, range(number)
    start = clock()
    for _ in turns:
        act()
    return clock() - start


def compare(
    candidates: Mapping[str, Candidate],
    *,
    rounds: int,
    seconds: float,
    clock: Clock = time.perf_counter,
) -> Times:
    """What each candidate took by ``clock``, by its name.

    In each of the ``rounds`` every candidate has one turn of about ``seconds``, in an order of
    chance, so that whatever slows the machine down for a while slows all of them.
    """
    numbers = {name: calls_in(candidate, seconds, clock) for name, candidate in candidates.items()}
    taken: Times = {name: [] for name in candidates}
    gc.collect()
    for _ in range(rounds):
        for name in random.sample(list(candidates), len(candidates)):
            number = numbers[name]
            taken[name].append(_turn(candidates[name], number, clock) / number * 1e6)
    return taken
