"""Publication of the benchmark figures, and the published figures."""

from __future__ import annotations

import configparser
import re
from dataclasses import replace
from xml.etree import ElementTree as ET

import pytest

from benchmarks.plots import BARS, LEGEND, draw, plots
from benchmarks.publishing import (
    BEGIN,
    END,
    FIGURES,
    FOLDER,
    QUOTES,
    Unpublishable,
    blocks,
    publish,
    simple_table,
)
from benchmarks.report import Report
from benchmarks.tables import Assertion, Figure, Row, RowKind, Table, exact
from tests.support.documents import DOCS, ROOT, sections

PUBLISHED = ROOT / FIGURES
MARKED = f"Before.\n\n{BEGIN}\n\nold\n\n{END}\n\nAfter.\n"


@pytest.fixture
def report():
    return Report.read(PUBLISHED)


@pytest.fixture
def root(tmp_path, report):
    (tmp_path / FOLDER).mkdir(parents=True)
    for path in blocks(report):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(MARKED, encoding="utf-8")
    return tmp_path


def files(root):
    return {
        path.relative_to(root): path.read_text(encoding="utf-8")
        for path in root.rglob("*")
        if path.is_file()
    }


class TestPublish:
    def test_benchmark_publication_edits_pages_only_between_markers(self, report, root):
        publish(report, root)
        for path, block in blocks(report).items():
            text = files(root)[path]
            assert text == f"Before.\n\n{BEGIN}\n\n{block}\n\n{END}\n\nAfter.\n"

    def test_second_publication_of_benchmark_report_changes_no_file(self, report, root):
        publish(report, root)
        before = files(root)
        publish(Report.read(root / FIGURES), root)
        assert files(root) == before

    @pytest.mark.parametrize(
        "change",
        [
            {"quick": True},
            {"failed": ["prune on MariaDB"]},
            {"skipped": ["knox (not installed)"]},
            {"tables": {"x": [Table("Greet", [], assertions=[Assertion("rows", 1, 2)])]}},
            {"tables": {}},
        ],
        ids=lambda change: next(iter(change)),
    )
    def test_incomplete_benchmark_report_is_not_published(self, report, root, change):
        before = files(root)
        with pytest.raises(Unpublishable):
            publish(replace(report, **change), root)
        assert files(root) == before

    @pytest.mark.parametrize("text", ["", f"{BEGIN}\n", f"{MARKED}{MARKED}"])
    def test_benchmark_publication_rejects_page_without_markers(self, report, root, text):
        (root / "README.rst").write_text(text, encoding="utf-8")
        before = files(root)
        with pytest.raises(Unpublishable, match=r"README\.rst needs one line"):
            publish(report, root)
        assert files(root) == before


class TestComparison:
    def test_comparison_table_has_a_column_for_each_package(self, report):
        for path in ("README.rst", "docs/ko/README.rst"):
            [block] = [text for page, text in blocks(report).items() if str(page) == path]
            lines = block.splitlines()
            assert lines[1].split()[1:] == ["drf-tokenauth", "simplejwt", "knox", "drf-jwt"]
            assert len(lines[3 : lines.index(lines[0], 3)]) == len(QUOTES)
            assert re.search(r"  1 +20,001$", block, re.MULTILINE)
            for part in ("2026-", "simplejwt 5.", "PostgreSQL 1"):
                assert part in block
            assert max(map(len, lines)) <= 101

    def test_missing_competitor_has_an_empty_table_cell(self, report):
        tables = [
            replace(table, rows=[row for row in table.rows if row.name != "knox"])
            for table in report.tables["sign_in"]
        ]
        changed = replace(report, tables={**report.tables, "sign_in": tables})
        [block, *_] = blocks(changed).values()
        [line] = [line for line in block.splitlines() if line.startswith("Sign in")]
        assert len(re.split(r" {2,}", line)) == 4

    def test_korean_characters_in_a_table_have_double_width(self):
        assert simple_table([("가", "b"), ("cd", "e")]).splitlines() == [
            "==  =",
            "가  b",
            "==  =",
            "cd  e",
            "==  =",
        ]


class TestPlots:
    @pytest.fixture
    def bars(self):
        return [
            Row("view", RowKind.OVERHEAD, exact(1000)),
            Row("ours", RowKind.OURS, Figure(10, 9, 12), group="a"),
            Row("<theirs>", RowKind.COMPETITOR, exact(24), group="a"),
            Row("ours", RowKind.OURS, exact(1), group="b"),
        ]

    def widths(self, rows):
        svg = ET.fromstring(draw([Table("Greet", rows)]))  # noqa: S314
        colours = {colour for _, colour in LEGEND.values()}
        found = [
            float(rect.attrib["width"])
            for rect in svg.iter("{http://www.w3.org/2000/svg}rect")
            if rect.attrib["fill"] in colours
        ]
        return found[: -len(LEGEND)]

    def test_plot_bars_are_proportional_within_a_group(self, bars):
        assert self.widths(bars) == pytest.approx([BARS * 10 / 24, BARS, BARS], abs=0.1)

    def test_plot_row_without_a_group_gives_all_groups_one_scale(self, bars):
        shared = Row("bare", RowKind.REFERENCE, exact(48))
        widths = self.widths([shared, *bars])
        assert widths == pytest.approx([BARS, BARS * 10 / 48, BARS / 2, BARS / 48], abs=0.1)

    def test_plot_escapes_markup_in_names(self, bars):
        assert "&lt;theirs&gt;" in draw([Table("Greet", bars)])


class TestPublishedFigures:
    def test_published_pages_match_the_benchmark_report(self, report):
        for path, block in blocks(report).items():
            text = (ROOT / path).read_text(encoding="utf-8")
            assert f"{BEGIN}\n\n{block}\n\n{END}\n" in text

    def test_published_plots_match_the_benchmark_report(self, report):
        shown = {
            path.stem: path.read_text(encoding="utf-8") for path in PUBLISHED.parent.glob("*.svg")
        }
        assert shown == plots(report)
        assert len(shown) == 3

    def test_published_benchmark_counts_are_within_their_limits(self, report):
        assert report.broken_assertions() == []
        assert sum(len(t.assertions) for found in report.tables.values() for t in found) > 10

    def test_documented_command_runs_the_benchmarks(self):
        shown = next(
            block.text.strip()
            for section in sections(DOCS / "benchmarks.rst")
            for block in section.blocks
            if block.language == "shell"
        )
        assert shown == "tox -e benchmarks -- --publish"
        tox = configparser.ConfigParser(interpolation=None)
        tox.read(ROOT / "tox.ini", encoding="utf-8")
        [command] = tox["testenv:benchmarks"]["commands"].split("\n")[1:]
        assert command == "python -m benchmarks {posargs:--quick}"
