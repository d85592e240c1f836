"""Tables of figures, and the report of a run."""

from __future__ import annotations

import json
from dataclasses import asdict

import pytest

from benchmarks.report import Report
from benchmarks.tables import (
    Assertion,
    Figure,
    MissingFigure,
    Row,
    RowKind,
    Table,
    exact,
    number,
    summarize,
    table_from_json,
)

HOLDS, BROKEN = Assertion("statements", 1, 1), Assertion("rows", 1, 3)


class TestFigure:
    def test_figure_summary_has_median_and_quartiles(self):
        assert summarize([5, 1, 4, 2, 3]) == Figure(3, 2, 4)

    def test_figure_of_a_single_value_has_no_spread(self):
        assert summarize([7]) == exact(7)
        assert exact(7).spread == 0

    @pytest.mark.parametrize(
        ("figure", "spread"), [(Figure(10, 8, 12), 0.2), (Figure(0, -1, 1), 0)]
    )
    def test_spread_of_a_figure_is_relative_to_the_median(self, figure, spread):
        assert figure.spread == pytest.approx(spread)

    @pytest.mark.parametrize(
        ("value", "text"), [(0, "0"), (7, "7"), (7.25, "7.2"), (-1.5, "-1.5"), (1234.5, "1,234")]
    )
    def test_table_shows_numbers_with_at_most_one_decimal(self, value, text):
        assert number(value) == text


def greeting(**values):
    rows = [
        Row("the view", RowKind.OVERHEAD, exact(1)),
        Row("ours", RowKind.OURS, Figure(20, 18, 22), statements=1),
        Row("slower", RowKind.COMPETITOR, exact(50)),
        Row("faster", RowKind.COMPETITOR, exact(40)),
        Row("bare", RowKind.REFERENCE, exact(10)),
    ]
    return Table("Greet", rows, **values)


def line_of(name, table):
    [line] = [line for line in table.lines() if line.strip().startswith(name)]
    return line.split()


class TestTable:
    def test_table_line_has_spread_ratios_and_statements(self):
        assert line_of("ours", greeting()) == ["ours", "20", "10%", "0.50", "2.00", "1"]

    def test_best_competitor_is_the_highest_if_more_is_better(self):
        assert line_of("ours", greeting(more_is_better=True))[-3:] == ["0.40", "2.00", "1"]

    def test_table_row_of_overhead_has_no_ratio(self):
        assert line_of("the view", greeting()) == ["the", "view", "1"]

    def test_table_ratio_compares_rows_of_one_group(self):
        rows = [
            Row("ours", RowKind.OURS, exact(2), group="small"),
            Row("theirs", RowKind.COMPETITOR, exact(4), group="small"),
            Row("others", RowKind.COMPETITOR, exact(1), group="large"),
        ]
        table = Table("Greet", rows)
        assert line_of("ours", table) == ["ours", "2", "0.50"]
        assert "  small" in [line.rstrip() for line in table.lines()]

    def test_reference_row_without_a_group_applies_to_all_groups(self):
        rows = [
            Row("bare", RowKind.REFERENCE, exact(4)),
            Row("ours", RowKind.OURS, exact(2), group="small"),
        ]
        assert line_of("ours", Table("Greet", rows)) == ["ours", "2", "0.50"]

    def test_table_row_has_no_ratio_to_a_negative_competitor_time(self):
        rows = [Row("ours", RowKind.OURS, exact(2)), Row("x", RowKind.COMPETITOR, exact(-0.5))]
        assert line_of("ours", Table("Greet", rows)) == ["ours", "2"]

    def test_table_omits_empty_columns(self):
        [_, head, _] = Table("Greet", [Row("ours", RowKind.OURS, exact(2))]).lines()
        assert head.split() == ["µs"]

    def test_table_heading_names_database_note_and_rounds(self):
        lines = list(greeting(database="PostgreSQL", note="Loud.", rounds=3).lines())
        assert lines[:3] == ["Greet (PostgreSQL)", "  Loud.", "  Rounds: 3."]

    def test_table_names_an_exceeded_limit(self):
        *_, last = greeting(assertions=[HOLDS, BROKEN]).lines()
        assert last == "  LIMIT EXCEEDED: rows: 3, the limit is 1"

    def test_table_counts_the_limits_that_are_met(self):
        *_, last = greeting(assertions=[HOLDS]).lines()
        assert last == "  Counts within their documented limits: 1."

    def test_table_survives_a_json_round_trip(self):
        table = greeting(assertions=[BROKEN], database="MariaDB")
        assert table_from_json(json.loads(json.dumps(asdict(table)))) == table

    def test_error_for_a_missing_table_row_names_the_row(self):
        assert greeting().row("bare").figure == exact(10)
        with pytest.raises(MissingFigure, match="'Greet' has no row 'bare'"):
            greeting().row("bare", "small")


class TestReport:
    @pytest.fixture
    def report(self):
        return Report(
            quick=True,
            rounds=3,
            tables={"greeting": [greeting(assertions=[BROKEN], database="SQLite")]},
            skipped=["knox (not installed)"],
            failed=["greeting on MariaDB"],
        )

    def test_report_survives_a_file_round_trip(self, report, tmp_path):
        report.write(tmp_path / "figures.json")
        assert Report.read(tmp_path / "figures.json") == report

    def test_report_ends_with_skipped_and_failed_benchmarks(self, report):
        assert list(report.lines())[-2:] == [
            "SKIPPED: knox (not installed)",
            "FAILED: greeting on MariaDB",
        ]

    def test_benchmark_report_names_date_versions_and_machine(self, report):
        [line] = [line for line in report.lines() if line.startswith("Measured on ")]
        for part in (report.made_at[:10], "Django ", "PyJWT ", f"{report.processors} processors"):
            assert part in line

    def test_benchmark_report_returns_exceeded_limits(self, report):
        assert report.broken_assertions() == [BROKEN]

    @pytest.mark.parametrize(
        "place", [("speaking", "Greet"), ("greeting", "Shout"), ("greeting", "Greet", "MariaDB")]
    )
    def test_error_for_a_missing_table_names_the_benchmark(self, report, place):
        assert report.table("greeting", "Gr", "SQLite").title == "Greet"
        with pytest.raises(MissingFigure, match=f"python -m benchmarks --only {place[0]}"):
            report.table(*place)
