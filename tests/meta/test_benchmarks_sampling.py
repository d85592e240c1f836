"""Sampling with a clock advanced by the subjects."""

from __future__ import annotations

import pytest

from benchmarks.catalog import Run
from benchmarks.sampling import MAX_CALLS, Subject, calls_per_sample, compare, measure
from benchmarks.tables import RowKind


class Clock:
    """A clock that advances only inside the calls of its subjects."""

    def __init__(self):
        self.now = 0.0
        self.called = []
        self.prepared = []

    def __call__(self):
        return self.now

    def subject(self, name, seconds):
        def call():
            self.called.append(name)
            self.now += seconds

        def prepare(calls):
            self.prepared.append(calls)
            # Preparation takes long and must not be measured.
            self.now += 100

        return Subject(name, RowKind.OURS, call, prepare)


@pytest.fixture
def clock():
    return Clock()


class TestCallsPerSample:
    @pytest.mark.parametrize(("seconds", "calls"), [(0.001, 50), (3, 1), (1e-9, MAX_CALLS)])
    def test_calls_per_sample_fill_sample_time_up_to_the_maximum(self, clock, seconds, calls):
        assert calls_per_sample(clock.subject("a", seconds), 0.05, clock) == calls

    def test_sampling_with_a_stopped_clock_does_not_loop_forever(self, clock):
        assert calls_per_sample(clock.subject("a", 0), 0.05, clock) == MAX_CALLS

    @pytest.mark.parametrize("place", [2, 3, 5])
    def test_one_slow_call_does_not_shorten_benchmark_samples(self, clock, place):
        subject = clock.subject("a", 0.0001)

        def call():
            subject.call()
            if len(clock.called) == place:
                clock.now += 0.04

        slow = Subject("a", RowKind.OURS, call, subject.prepare)
        assert calls_per_sample(slow, 0.05, clock) == pytest.approx(500, abs=1)


class TestCompare:
    def test_benchmark_comparison_returns_microseconds_per_call(self, clock):
        subjects = [clock.subject("a", 0.01), clock.subject("b", 0.02)]
        times = compare(subjects, rounds=3, seconds=0.1, clock=clock)
        assert times == [pytest.approx([10_000] * 3), pytest.approx([20_000] * 3)]

    def test_each_benchmark_round_samples_every_subject(self, clock):
        names = ["a", "b", "c"]
        compare([clock.subject(name, 1) for name in names], rounds=5, seconds=1, clock=clock)
        last = clock.called[-15:]
        assert [sorted(last[first : first + 3]) for first in range(0, 15, 3)] == [names] * 5

    def test_sampling_prepares_each_sample_for_its_number_of_calls(self, clock):
        compare([clock.subject("a", 0.01)], rounds=2, seconds=0.1, clock=clock)
        assert clock.prepared[-2:] == [10, 10]
        assert len(clock.called) == sum(clock.prepared)

    def test_each_benchmark_round_prints_one_progress_dot(self, clock, capsys):
        compare([clock.subject("a", 1)], rounds=4, seconds=1, clock=clock)
        assert capsys.readouterr().err == "...."


@pytest.mark.django_db
class TestMeasure:
    def test_measured_rows_contain_time_and_statement_count(self, django_user_model):
        subjects = [
            Subject("query", RowKind.OURS, django_user_model.objects.count, group="g"),
            Subject("nothing", RowKind.REFERENCE, lambda: None),
        ]
        query, nothing = measure(subjects, Run("greeting", rounds=3))
        assert (query.name, query.kind, query.group) == ("query", RowKind.OURS, "g")
        assert (query.statements, nothing.statements) == (1, 0)
        assert query.figure.median > nothing.figure.median > 0

    def test_measured_overhead_is_subtracted_from_other_rows(self):
        def work():
            return sum(range(20_000))

        subjects = [
            Subject("overhead", RowKind.OVERHEAD, work),
            Subject("same", RowKind.OURS, work),
        ]
        overhead, same = measure(subjects, Run("greeting", rounds=9))
        assert abs(same.figure.median) < overhead.figure.median / 2
