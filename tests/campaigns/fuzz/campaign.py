"""Many inputs: rounds of hypothesis, in one process or several, and what came of them.

A round is one run of hypothesis on one target with a seed of its own. Its examples are batches of
inputs, because an example costs more than an input. When an input fails, hypothesis shrinks the
batch; the one input that still fails then is what is reported.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from dataclasses import dataclass, field
from time import perf_counter
from typing import Any, Protocol

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from tests.campaigns.fuzz.inputs import Input
from tests.campaigns.fuzz.targets import Broken, Log, everything_logged

Size = tuple[int, int]
#: How many inputs are in a batch, at least and at most.
BATCH = (100, 300)
#: How many batches are a round. From the 11th on hypothesis would copy much of earlier ones.
BATCHES = 10
#: How long hypothesis may look for a smaller input that fails too.
SECONDS_TO_SHRINK = 20
PHASES = (Phase.generate, Phase.shrink)


class Target(Protocol):
    """What inputs are given to. ``check`` says in a word what came of one, or raises."""

    inputs: st.SearchStrategy[Any]

    def check(self, given: Any, log: Log) -> str: ...


@dataclass
class Failure:
    """What did not hold, and the smallest input that hypothesis found for it."""

    target: str
    what: str
    given: Input


@dataclass
class Tally:
    """What came of the inputs of a target: ``tried`` are all, ``different`` their digests."""

    tried: int = 0
    outcomes: Counter[str] = field(default_factory=Counter)
    different: set[bytes] = field(default_factory=set)
    seconds: float = 0.0
    failures: list[Failure] = field(default_factory=list)

    def add(self, other: Tally) -> None:
        self.tried += other.tried
        self.outcomes += other.outcomes
        self.different |= other.different
        self.seconds += other.seconds
        self.failures += other.failures


class _Enough(BaseException):
    """The failure is small enough, or hypothesis makes it no smaller."""


class Batch(list[Input]):
    """What hypothesis writes about a failure is about the batch, and of no use."""

    def __repr__(self) -> str:
        return f"<{len(self)} inputs>"


class _Round:
    """The inputs of one round, one after the other, until one fails."""

    def __init__(self, name: str, target: Target, size: Size, shrinking: float) -> None:
        self.tally = Tally()
        self._name, self._target, self._size, self._shrinking = name, target, size, shrinking
        self._passed: set[bytes] = set()
        self._failed: Failure | None = None
        self._until = 0.0

    def run(self, batches: int, number: int | None) -> Tally:
        started, (least, most) = perf_counter(), self._size
        with everything_logged() as log:

            @settings(
                max_examples=batches,
                phases=PHASES,
                database=None,
                deadline=None,
                derandomize=number is None,
                print_blob=False,
                report_multiple_bugs=False,
                suppress_health_check=list(HealthCheck),
            )
            @given(st.lists(self._target.inputs, min_size=least, max_size=most).map(Batch))
            def try_batch(batch: Batch) -> None:
                for item in batch:
                    self._try(item, log)

            try:
                (try_batch if number is None else seed(number)(try_batch))()
            except (Exception, _Enough):
                if self._failed is None:
                    raise
                self.tally.failures.append(self._failed)
        self.tally.seconds = perf_counter() - started
        return self.tally

    def _try(self, item: Input, log: Log) -> None:
        digest = _digest(item)
        if digest in self._passed:
            return
        searching = self._failed is None
        if not searching and perf_counter() > self._until:
            raise _Enough
        try:
            outcome = self._target.check(item, log)
        except Exception as error:
            # While hypothesis shrinks, the last failure is the smallest so far.
            if searching:
                self._until = perf_counter() + self._shrinking
            self._failed = Failure(self._name, told(error), item)
            log.taken()
            raise
        finally:
            if searching:
                self.tally.tried += 1
                self.tally.different.add(digest)
        self._passed.add(digest)
        if searching:
            self.tally.outcomes[outcome] += 1


def told(error: Exception) -> str:
    """What failed, in a line."""
    if isinstance(error, Broken):
        return str(error)
    return f"{type(error).__name__} left it: {str(error)[:200]}"


def _digest(item: Input) -> bytes:
    return hashlib.blake2b(repr(item).encode("utf-8", "surrogatepass"), digest_size=8).digest()


def run_round(
    name: str,
    target: Target,
    number: int | None,
    *,
    batches: int = BATCHES,
    size: Size = BATCH,
    shrinking: float = SECONDS_TO_SHRINK,
) -> Tally:
    """Run one round. ``number`` is its seed; ``None`` is the same inputs always. ``size`` is that
    of a batch, ``shrinking`` is in seconds."""
    return _Round(name, target, size, shrinking).run(batches, number)


def number_of(seed: int, name: str, turn: int) -> int:
    """The seed of one round, so that none is run twice and each can be run again."""
    digest = hashlib.sha256(f"{seed} {name} {turn}".encode()).digest()
    return int.from_bytes(digest[:8])
