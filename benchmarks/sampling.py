"""Timing: all subjects take turns in one process, and their medians are compared."""

from __future__ import annotations

import gc
import random
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from django.db import connection
from django.test.utils import CaptureQueriesContext

from .catalog import Run
from .tables import Row, RowKind, summarize

#: Returns seconds.
Clock = Callable[[], float]
#: Limits the rows that one sample inserts.
MAX_CALLS = 5000


def nothing(calls: int) -> None:
    """Prepare nothing."""


@dataclass(frozen=True, slots=True)
class Subject:
    """One implementation to measure, and its row in a table."""

    name: str
    kind: RowKind
    call: Callable[[], object]
    #: Called before each sample with the number of calls; not timed.
    prepare: Callable[[int], None] = nothing
    group: str = ""


def measure(subjects: Sequence[Subject], run: Run) -> list[Row]:
    """Return a row for each subject: microseconds and SQL statements per call.

    The time of the subject of kind ``OVERHEAD``, if there is one, is subtracted from the others.
    """
    # Processor time is almost independent of other processes, but omits a database server's work.
    in_process = run.database == "sqlite"
    clock = time.process_time if in_process else time.perf_counter
    statements = [count_statements(subject) for subject in subjects]
    seconds = 0.005 if run.quick else 0.05
    times = compare(subjects, rounds=run.rounds, seconds=seconds, clock=clock)
    by_kind = {subject.kind: taken for subject, taken in zip(subjects, times, strict=True)}
    overhead = by_kind.get(RowKind.OVERHEAD, [0.0] * run.rounds)
    rows = []
    for subject, taken, count in zip(subjects, times, statements, strict=True):
        # Subtracted per round: both values of a round saw the same state of the machine.
        net = [value - less for value, less in zip(taken, overhead, strict=True)]
        figure = summarize(taken if subject.kind is RowKind.OVERHEAD else net)
        rows.append(Row(subject.name, subject.kind, figure, count, subject.group))
    return rows


def unit(run: Run) -> str:
    """Return the unit of :func:`measure`."""
    return "CPU µs" if run.database == "sqlite" else "µs"


def count_statements(subject: Subject) -> int:
    """Return the SQL statements of the second call: the first one may fill caches."""
    subject.prepare(2)
    subject.call()
    with CaptureQueriesContext(connection) as captured:
        subject.call()
    return len(captured)


def compare(
    subjects: Sequence[Subject], *, rounds: int, seconds: float, clock: Clock
) -> list[list[float]]:
    """Return for each subject the microseconds per call of each round.

    In each round every subject has one sample of about ``seconds``, in random order. A machine that
    is slow for a while therefore slows all subjects.
    """
    calls = [calls_per_sample(subject, seconds, clock) for subject in subjects]
    times: list[list[float]] = [[] for _ in subjects]
    gc.collect()
    for _ in range(rounds):
        for place in random.sample(range(len(subjects)), len(subjects)):
            taken = sample(subjects[place], calls[place], clock)
            times[place].append(taken / calls[place] * 1e6)
        show_progress()
    return times


def calls_per_sample(subject: Subject, seconds: float, clock: Clock) -> int:
    """Return how many calls take about ``seconds``, at most ``MAX_CALLS``."""
    # The first call may import and compile.
    sample(subject, 1, clock)
    calls = 1
    while calls < MAX_CALLS:
        taken = sample(subject, calls, clock)
        if taken >= seconds / 4:
            # Sampled twice: one garbage collection once made samples 20 times too short.
            taken = min(taken, sample(subject, calls, clock))
        if taken >= seconds / 4:
            return min(max(1, int(calls * seconds / taken)), MAX_CALLS)
        calls *= 2
    return MAX_CALLS


def sample(subject: Subject, calls: int, clock: Clock) -> float:
    """Return the seconds that ``calls`` calls take."""
    subject.prepare(calls)
    call, turns = subject.call, range(calls)
    start = clock()
    for _ in turns:
        call()
    return clock() - start


def show_progress() -> None:
    """Print a dot, one per round."""
    sys.stderr.write(".")
    sys.stderr.flush()
