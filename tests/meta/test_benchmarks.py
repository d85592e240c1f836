"""What the benchmarks make of what they timed: pure, with a clock that the candidates turn."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest

from benchmarks.report import Report
from benchmarks.results import Kind, Promise, Row, Table, number, table
from benchmarks.rounds import (
    MOST_CALLS,
    Candidate,
    Figure,
    above,
    calls_in,
    compare,
    exactly,
    figure,
)


class Clock:
    """Stands still, but for the calls of its candidates."""

    def __init__(self):
        self.now = 0.0
        self.called = []
        self.prepared = []

    def __call__(self):
        return self.now

    def candidate(self, name, seconds):
        def act():
            self.called.append(name)
            self.now += seconds

        def prepare(number):
            self.prepared.append(number)
            # However long that takes, it is no part of a call.
            self.now += 100

        return Candidate(act, prepare)


@pytest.fixture
def clock():
    return Clock()


class TestFigure:
    def test_it_is_the_median_and_the_quartiles(self):
        assert figure([5, 1, 4, 2, 3]) == Figure(3, 2, 4)

    def test_one_round_has_no_spread(self):
        assert figure([7]) == exactly(7)
        assert exactly(7).spread == 0

    def test_the_spread_is_a_part_of_the_median(self):
        assert Figure(10, 8, 12).spread == pytest.approx(0.2)

    def test_nothing_has_no_spread(self):
        assert Figure(0, -1, 1).spread == 0

    def test_a_floor_is_taken_off_round_by_round(self):
        assert above([1, 100, 1], [3, 102, 3]) == exactly(2)

    def test_a_floor_of_other_rounds_is_no_floor(self):
        with pytest.raises(ValueError, match="shorter"):
            above([1], [1, 2])


class TestCallsIn:
    def test_so_many_calls_take_that_long(self, clock):
        assert calls_in(clock.candidate("a", 0.001), 0.05, clock) == 50

    def test_a_call_that_takes_longer_is_made_once(self, clock):
        assert calls_in(clock.candidate("a", 3), 0.05, clock) == 1

    def test_there_is_a_most_of_it(self, clock):
        assert calls_in(clock.candidate("a", 1e-9), 0.05, clock) == MOST_CALLS

    def test_a_clock_that_stands_still_is_no_reason_to_go_on_forever(self, clock):
        assert calls_in(clock.candidate("a", 0), 0.05, clock) == MOST_CALLS

    @pytest.mark.parametrize("place", [2, 3, 5])
    def test_one_call_that_was_held_up_does_not_make_the_turns_short(self, clock, place):
        candidate = clock.candidate("a", 0.0001)

        def act():
            candidate.act()
            if len(clock.called) == place:
                clock.now += 0.04

        held_up = Candidate(act, candidate.prepare)
        assert calls_in(held_up, 0.05, clock) == pytest.approx(500, abs=1)


class TestCompare:
    def test_it_tells_microseconds_of_a_call_for_each_round(self, clock):
        candidates = {"a": clock.candidate("a", 0.01), "b": clock.candidate("b", 0.02)}
        times = compare(candidates, rounds=3, seconds=0.1, clock=clock)
        assert times == {
            "a": pytest.approx([10_000] * 3),
            "b": pytest.approx([20_000] * 3),
        }

    def test_all_have_their_turn_in_each_round(self, clock):
        names = ["a", "b", "c"]
        candidates = {name: clock.candidate(name, 1) for name in names}
        compare(candidates, rounds=5, seconds=1, clock=clock)
        turns = clock.called[-15:]
        assert [sorted(turns[first : first + 3]) for first in range(0, 15, 3)] == [names] * 5

    def test_it_prepares_for_the_calls_of_a_turn(self, clock):
        compare({"a": clock.candidate("a", 0.01)}, rounds=2, seconds=0.1, clock=clock)
        assert clock.prepared[-2:] == [10, 10]
        assert len(clock.called) == sum(clock.prepared)


def shown(**values):
    rows = [
        Row("the view", Kind.FLOOR, exactly(1)),
        Row("mine", Kind.OURS, Figure(20, 18, 22), statements=1),
        Row("theirs", Kind.PEER, exactly(50)),
        Row("others'", Kind.PEER, exactly(40)),
        Row("bare", Kind.LIMIT, exactly(10)),
    ]
    return Table("To greet", rows, **values)


def line_of(name, found):
    [line] = [line for line in found.lines() if line.strip().startswith(name)]
    return line.split()


class TestTable:
    def test_a_row_tells_its_spread_and_its_ratios_to_the_best(self):
        assert line_of("mine", shown()) == ["mine", "20", "10%", "0.50", "2.00", "1"]

    def test_the_best_may_be_the_highest(self):
        assert line_of("mine", shown(more_is_better=True))[-3:] == ["0.40", "2.00", "1"]

    def test_the_floor_is_compared_with_nothing(self):
        assert line_of("the view", shown()) == ["the", "view", "1"]

    def test_only_rows_of_one_group_are_compared(self):
        rows = [
            Row("mine", Kind.OURS, exactly(2), group="small"),
            Row("theirs", Kind.PEER, exactly(4), group="small"),
            Row("others'", Kind.PEER, exactly(1), group="large"),
        ]
        found = Table("To greet", rows)
        assert line_of("mine", found) == ["mine", "2", "0.50"]
        assert "  small" in found.lines()

    def test_there_is_no_ratio_to_less_than_nothing(self):
        rows = [Row("mine", Kind.OURS, exactly(2)), Row("theirs", Kind.PEER, exactly(-0.5))]
        assert line_of("mine", Table("To greet", rows)) == ["mine", "2"]

    def test_it_names_the_database(self):
        assert next(shown(database="PostgreSQL").lines()) == "To greet (PostgreSQL)"

    def test_it_tells_how_many_rounds_there_were_if_not_as_many_as_asked_for(self):
        assert "  Rounds: 3." in shown(rounds=3).lines()
        assert not any("Rounds" in line for line in shown().lines())

    def test_it_names_a_promise_that_does_not_hold(self):
        promises = [Promise("statements", 1, 1), Promise("rows", 1, 3)]
        lines = list(shown(promises=promises).lines())
        assert lines[-1] == "  BROKEN: rows: 3, and at most 1 promised"
        assert not any("statements: 1" in line for line in lines)

    def test_it_says_how_many_promises_hold(self):
        *_, last = shown(promises=[Promise("statements", 1, 0)]).lines()
        assert "holds (1 counts)" in last

    def test_it_comes_back_from_json(self):
        found = shown(promises=[Promise("rows", 1, 3)], facts={"size": 5}, database="MariaDB")
        assert table(json.loads(json.dumps(found.as_json()))) == found

    @pytest.mark.parametrize(
        ("value", "text"), [(0, "0"), (7, "7"), (7.25, "7.2"), (-1.5, "-1.5"), (1234.5, "1,234")]
    )
    def test_a_number_has_as_many_digits_as_one_reads(self, value, text):
        assert number(value) == text


class TestReport:
    @pytest.fixture
    def report(self):
        promises = [Promise("statements", 1, 1), Promise("rows", 1, 3)]
        return Report(
            quick=True,
            rounds=3,
            parts={"greeting": [shown(promises=promises)]},
            databases={"sqlite": "3.40", "sqlite-file": "3.40"},
            left_out=["knox: not installed"],
            failed=["greeting on MariaDB"],
            made_at=datetime(2026, 5, 4, tzinfo=UTC),
        )

    def test_it_finds_the_promises_that_do_not_hold(self, report):
        assert [promise.what for promise in report.broken()] == ["rows"]

    def test_it_ends_with_what_is_missing_or_wrong(self, report):
        assert list(report.lines())[-3:] == [
            "LEFT OUT: knox: not installed",
            "BROKEN PROMISE: rows: 3, and at most 1 promised",
            "FAILED: greeting on MariaDB",
        ]

    def test_it_tells_when_and_with_what_it_was_made(self, report):
        [line] = [line for line in report.lines() if line.startswith("2026-05-04")]
        assert "Django " in line
        assert line.count("SQLite") == 1

    def test_it_writes_all_that_was_found(self, report, tmp_path):
        report.write(tmp_path / "new" / "figures.json")
        written = json.loads((tmp_path / "new" / "figures.json").read_text(encoding="utf-8"))
        assert table(written["parts"]["greeting"][0]) == report.parts["greeting"][0]
        assert written["made_at"] == "2026-05-04T00:00:00+00:00"
        assert written["failed"] == ["greeting on MariaDB"]
