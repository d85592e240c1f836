"""The figures of a run, written where readers see them."""

from __future__ import annotations

import configparser
import itertools
import json
import re
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from benchmarks import plots, publish, summary
from benchmarks.__main__ import main
from benchmarks.parts import PARTS
from benchmarks.report import Report
from benchmarks.results import Kind, Row, Table
from benchmarks.rounds import Figure, exactly
from tests.support.documents import DOCS, ROOT, sections

MARKED = f"Before.\n\n{publish.BEGIN}\n\nold\n\n{publish.END}\n\nAfter.\n"


def table_of(line):
    """A table in which the row of ``line`` is twice as good as that of its best peer."""
    ours, best, other = (1000.4, 2000.8, 3000.0)
    more_is_better = line.part == "http"
    if more_is_better:
        ours, best, other = (3000.0, 1500.0, 1000.0)
    rows = [
        Row(line.name, Kind.OURS, Figure(ours, ours - 1, ours + 1), None, line.group),
        Row("knox, of the other one", Kind.PEER, exactly(other), None, line.group),
        Row("simplejwt, the best one", Kind.PEER, exactly(best), None, line.group),
        # Of another group, and of a kind that is no peer.
        Row(line.name, Kind.OURS, exactly(1), None, "another group"),
        Row("the limit", Kind.LIMIT, exactly(0.1), None, line.group),
        *(Row(name, Kind.PEER, exactly(0.1), None, line.group) for name in line.without),
    ]
    return Table(
        line.title, rows, "rows" if line.part == "growth" else "us", more_is_better,
        database=line.database,
    )  # fmt: skip


def figures(**values):
    """What ``--json`` writes after a whole run."""
    parts = {name: [Table("To greet", [])] for name in PARTS}
    for part, lines in itertools.groupby(summary.LINES, lambda line: line.part):
        first, *others = map(table_of, lines)
        rows = [row for table in (first, *others) for row in table.rows]
        parts[part] = [*parts[part], replace(first, rows=rows)]
    report = Report(quick=False, rounds=31, parts=parts, made_at=datetime(2026, 5, 4, tzinfo=UTC))
    return json.loads(json.dumps({**report.as_json(), **values}))


@pytest.fixture
def root(tmp_path):
    for path in (publish.PAGE,):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(MARKED, encoding="utf-8")
    return tmp_path


def pages(root):
    return {path: (root / path).read_text(encoding="utf-8") for path in (publish.PAGE,)}


class TestSummary:
    def test_each_line_has_our_figure_that_of_the_best_peer_and_their_ratio(self):
        found = list(summary.found(publish.tables_of(figures())))
        assert [item.line for item in found] == list(summary.LINES)
        for item in found:
            assert item.ratio == (2 if item.line.part == "http" else 0.5)
        assert found[0].cells() == ("1,000 us", "2,001 us (simplejwt)", "0.50")

    def test_what_is_counted_has_no_unit(self):
        [growth] = [
            item
            for item in summary.found(publish.tables_of(figures()))
            if item.line.part == "growth"
        ]
        assert growth.cells() == ("1,000", "2,001 (simplejwt)", "0.50")

    def test_next_to_nothing_is_not_called_nothing(self):
        [first, *_] = summary.found(publish.tables_of(figures()))
        tiny = replace(first.ours, figure=exactly(1))
        assert replace(first, ours=tiny).cells()[2] == "< 0.01"

    def test_a_figure_that_is_missing_is_named(self):
        for fault in ("group", "title", "database"):
            tables = {
                part: [
                    replace(
                        table,
                        title=f"not {table.title}" if fault == "title" else table.title,
                        database="Oracle" if fault == "database" else table.database,
                        rows=[replace(row, group="x") for row in table.rows]
                        if fault == "group"
                        else table.rows,
                    )
                    for table in tables
                ]
                for part, tables in publish.tables_of(figures()).items()
            }
            with pytest.raises(summary.NotFound, match="``"):
                list(summary.found(tables))

    def test_the_plot_shows_the_two_groups_and_nothing_else(self):
        shown = summary.plotted(publish.tables_of(figures()))
        assert {row.group for row in shown.rows} <= set(summary.PLOTTED)
        assert shown.rows


class TestWrite:
    def test_it_writes_between_the_two_comments_and_nowhere_else(self, root):
        publish.write(figures(), root)
        for text in pages(root).values():
            assert text.startswith(f"Before.\n\n{publish.BEGIN}\n\n")
            assert text.endswith(f"\n\n{publish.END}\n\nAfter.\n")
            assert "old" not in text

    def test_to_write_the_same_again_changes_nothing(self, root):
        publish.write(figures(), root)
        before = pages(root)
        publish.write(publish.read(root / publish.FIGURES), root)
        assert pages(root) == before
        assert publish.read(root / publish.FIGURES) == figures()

    def test_the_page_has_every_part_with_its_picture(self, root):
        publish.write(figures(left_out=["drf-jwt: not installed"]), root)
        text = pages(root)[publish.PAGE]
        for part in PARTS:
            assert f".. image:: benchmarks/{part}.svg\n" in text
        assert "Left out: drf-jwt: not installed." in text
        assert "    Authentication of a request (SQLite)\n" in text
        assert "Medians of 31 rounds." in text

    @pytest.mark.parametrize(
        ("change", "why"),
        [
            ({"quick": True}, "--quick"),
            ({"failed": ["prune on MariaDB"]}, "prune on MariaDB"),
            ({"parts": {}}, "authentication"),
            ({"parts": {part: [] for part in PARTS}}, "no table"),
        ],
    )
    def test_what_readers_should_not_see_is_not_written(self, root, change, why):
        with pytest.raises(publish.Unfit, match=why):
            publish.write(figures(**change), root)
        assert set(pages(root).values()) == {MARKED}
        assert not (root / publish.FIGURES).exists()

    @pytest.mark.parametrize("text", ["", publish.BEGIN, f"{MARKED}{MARKED}"])
    def test_a_page_without_its_place_is_left_alone_with_all_others(self, root, text):
        (root / publish.PAGE).write_text(text, encoding="utf-8")
        with pytest.raises(publish.Unfit, match=r"benchmarks\.rst has no place"):
            publish.write(figures(), root)
        assert list(pages(root).values()) == [text]


class TestRead:
    @pytest.mark.parametrize("text", [None, "", "{"])
    def test_a_file_that_is_none_is_named(self, tmp_path, text):
        path = tmp_path / "figures.json"
        if text is not None:
            path.write_text(text, encoding="utf-8")
        with pytest.raises(publish.Unfit, match=r"figures\.json cannot be read"):
            publish.read(path)


class TestPictures:
    def test_each_part_has_one_and_so_has_the_readme(self):
        assert set(publish.pictures(figures())) == {*PARTS, publish.SUMMARY}

    def test_a_picture_tells_of_which_figures_it_was_made(self):
        first, second, third = (plots.description([Table(title, [])]) for title in ("a", "b", "a"))
        assert first == third != second


class TestProject:
    """The figures that the project shows are those of the run that it keeps."""

    def test_every_page_has_what_is_made_of_the_figures(self):
        for path, block in publish.blocks(publish.read(ROOT / publish.FIGURES)).items():
            text = (ROOT / path).read_text(encoding="utf-8")
            assert f"{publish.BEGIN}\n\n{block}\n\n{publish.END}\n" in text

    def test_every_picture_was_made_of_the_figures(self):
        folder = (ROOT / publish.FIGURES).parent
        pictures = publish.pictures(publish.read(ROOT / publish.FIGURES))
        for name, tables in pictures.items():
            text = (folder / f"{name}.svg").read_text(encoding="utf-8")
            assert plots.description(tables) in text
        assert {path.stem for path in folder.glob("*.svg")} == set(pictures)

    def test_the_command_that_repeats_it_is_one_that_tox_knows(self):
        shown = next(
            block.text.strip()
            for found in sections(DOCS / "benchmarks.rst")
            for block in found.blocks
            if block.language == "shell"
        )
        assert shown == "tox -e benchmarks -- --publish"
        tox = configparser.ConfigParser(interpolation=None)
        tox.read(ROOT / "tox.ini", encoding="utf-8")
        [command] = tox["testenv:benchmarks"]["commands"].split("\n")[1:]
        # What follows the two dashes stands in for the short run.
        assert re.fullmatch(r"python -m benchmarks \{posargs:--quick .*\}", command)

    def test_nothing_that_is_promised_was_broken_in_that_run(self):
        tables = publish.tables_of(publish.read(ROOT / publish.FIGURES))
        promises = [
            promise for shown in tables.values() for table in shown for promise in table.promises
        ]
        assert promises
        assert all(promise.kept for promise in promises)


class TestCommand:
    @pytest.mark.parametrize(
        ("arguments", "said"),
        [
            (["--publish", "--quick"], "whole run"),
            (["--publish", "--only", "tokens"], "whole run"),
            (["--from", "figures.json"], "--from is for --publish"),
        ],
    )
    def test_what_makes_no_sense_is_refused(self, capsys, monkeypatch, arguments, said):
        monkeypatch.setattr(plots, "missing", lambda: None)
        with pytest.raises(SystemExit) as ended:
            main(arguments)
        assert ended.value.code == 2
        assert said in capsys.readouterr().err

    def test_figures_that_are_none_are_not_published(self, capsys, monkeypatch, tmp_path):
        monkeypatch.setattr(plots, "missing", lambda: None)
        assert main(["--publish", "--from", str(tmp_path / "none.json")]) == 1
        assert "Not published." in capsys.readouterr().out
