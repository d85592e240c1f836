"""Rounds of hypothesis in one or several processes, and their results.

A round is one run of hypothesis on one target with its seed. Its examples are batches of inputs,
because an example is slower than an input. After a failure, hypothesis shrinks the batch. The input
that still fails is reported.
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
from tests.campaigns.fuzz.targets import LogCapture, RuleViolation, capture_logs

Size = tuple[int, int]
#: The minimum and maximum number of inputs in a batch.
BATCH = (100, 300)
#: The batches of a round. Hypothesis would copy parts of earlier ones from the 11th batch on.
BATCHES = 10
#: The maximum duration of the search for a smaller failing input.
SECONDS_TO_SHRINK = 20
PHASES = (Phase.generate, Phase.shrink)


class Target(Protocol):
    """A target of inputs. ``check`` returns the outcome of an input, or raises."""

    inputs: st.SearchStrategy[Any]

    def check(self, case: Any, log: LogCapture) -> str: ...


@dataclass
class Failure:
    """The violated rule, and the smallest input that hypothesis found for it."""

    target: str
    message: str
    case: Input


@dataclass
class Tally:
    """The results of a target. ``distinct`` contains the digests of its inputs."""

    inputs: int = 0
    outcomes: Counter[str] = field(default_factory=Counter)
    distinct: set[bytes] = field(default_factory=set)
    seconds: float = 0.0
    failures: list[Failure] = field(default_factory=list)

    def add(self, other: Tally) -> None:
        self.inputs += other.inputs
        self.outcomes += other.outcomes
        self.distinct |= other.distinct
        self.seconds += other.seconds
        self.failures += other.failures


class _StopShrinking(BaseException):
    """The time to shrink the failing input is over."""


class Batch(list[Input]):
    """A batch of inputs. Its ``repr`` is short, because hypothesis prints it on failure."""

    def __repr__(self) -> str:
        return f"<{len(self)} inputs>"


class _Round:
    """Check the inputs of one round in order, until one fails."""

    def __init__(self, name: str, target: Target, size: Size, seconds_to_shrink: float) -> None:
        self.tally = Tally()
        self._name, self._target, self._size = name, target, size
        self._seconds_to_shrink = seconds_to_shrink
        self._passed: set[bytes] = set()
        self._failed: Failure | None = None
        self._shrink_until = 0.0

    def run(self, batches: int, round_seed: int | None) -> Tally:
        started, (minimum, maximum) = perf_counter(), self._size
        with capture_logs() as log:

            @settings(
                max_examples=batches,
                phases=PHASES,
                database=None,
                deadline=None,
                derandomize=round_seed is None,
                print_blob=False,
                report_multiple_bugs=False,
                suppress_health_check=list(HealthCheck),
            )
            @given(st.lists(self._target.inputs, min_size=minimum, max_size=maximum).map(Batch))
            def check_batch(batch: Batch) -> None:
                for item in batch:
                    self._check(item, log)

            try:
                (check_batch if round_seed is None else seed(round_seed)(check_batch))()
            except (Exception, _StopShrinking):
                if self._failed is None:
                    raise
                self.tally.failures.append(self._failed)
        self.tally.seconds = perf_counter() - started
        return self.tally

    def _check(self, item: Input, log: LogCapture) -> None:
        digest = _digest(item)
        if digest in self._passed:
            return
        searching = self._failed is None
        if not searching and perf_counter() > self._shrink_until:
            raise _StopShrinking
        try:
            outcome = self._target.check(item, log)
        except Exception as error:
            # While hypothesis shrinks, the last failure is the smallest.
            if searching:
                self._shrink_until = perf_counter() + self._seconds_to_shrink
            self._failed = Failure(self._name, describe_error(error), item)
            log.drain()
            raise
        finally:
            if searching:
                self.tally.inputs += 1
                self.tally.distinct.add(digest)
        self._passed.add(digest)
        if searching:
            self.tally.outcomes[outcome] += 1


def describe_error(error: Exception) -> str:
    """Return a line about the failure."""
    if isinstance(error, RuleViolation):
        return str(error)
    return f"{type(error).__name__} was raised: {str(error)[:200]}"


def _digest(item: Input) -> bytes:
    return hashlib.blake2b(repr(item).encode("utf-8", "surrogatepass"), digest_size=8).digest()


def run_round(
    name: str,
    target: Target,
    round_seed: int | None,
    *,
    batches: int = BATCHES,
    size: Size = BATCH,
    seconds_to_shrink: float = SECONDS_TO_SHRINK,
) -> Tally:
    """Run one round with batches of ``size``. Without a seed, its inputs are always the same."""
    return _Round(name, target, size, seconds_to_shrink).run(batches, round_seed)


def seed_of_round(seed: int, name: str, number: int) -> int:
    """Return the seed of one round: different for each round, and equal in each run."""
    digest = hashlib.sha256(f"{seed} {name} {number}".encode()).digest()
    return int.from_bytes(digest[:8])
