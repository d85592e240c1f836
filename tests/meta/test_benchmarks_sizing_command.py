"""``python -m benchmarks.sizing``, and the page that shows what it prints."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import replace

import pytest

from benchmarks import publish, sizing
from benchmarks.sizing_costs import costs
from benchmarks.sizing_load import Machines
from benchmarks.sizing_model import Habits
from tests.meta.sizing_figures import figures
from tests.support.documents import DOCS, ROOT

PAGE = DOCS / "scaling.rst"


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "figures.json"
    path.write_text(json.dumps(figures()), encoding="utf-8")
    return path


def run(file, *arguments):
    return sizing.main(["--costs", str(file), "--sample", "2", *arguments])


class TestRounded:
    @pytest.mark.parametrize(
        ("value", "text"),
        [
            (0, "0"),
            (0.001, "< 0.01"),
            (0.0123, "0.012"),
            (1.26, "1.3"),
            (2, "2"),
            (99, "99"),
            (123, "120"),
            (123_456, "120,000"),
        ],
    )
    def test_two_digits_are_told(self, value, text):
        assert sizing.rounded(value) == text


class TestCommand:
    def test_it_prints_what_each_number_of_users_needs(self, file, capsys):
        assert run(file, "--users", "1e6", "2e6") == 0
        head, *others = capsys.readouterr().out.splitlines()
        assert head.split() == ["1,000,000", "users", "2,000,000", "users"]
        for name in sizing.LINES:
            assert any(line.startswith(name) for line in others)

    def test_it_is_the_same_each_time(self, file, capsys):
        run(file)
        first = capsys.readouterr().out
        run(file)
        assert capsys.readouterr().out == first

    def test_json_has_all_of_it(self, file, capsys):
        assert run(file, "--json", "--users", "5", "--peak-factor", "7", "--openings", "3") == 0
        found = json.loads(capsys.readouterr().out)
        assert found["machines"]["peak_factor"] == 7
        assert found["habits"]["openings"] == 3
        [one] = found["loads"]
        assert one["peak"]["requests"] == pytest.approx(7 * one["average"]["requests"])

    def test_where_sessions_are_evicted_the_simulation_stands_for_the_arithmetic(
        self, file, capsys
    ):
        assert run(file, "--json", "--max-sessions", "1") == 0
        found = json.loads(capsys.readouterr().out)
        assert found["daily"] == found["simulated"]["daily"]

    def test_each_option_tells_its_default(self, capsys):
        with pytest.raises(SystemExit):
            sizing.main(["--help"])
        told = " ".join(capsys.readouterr().out.split())
        for default in (Habits(), Machines()):
            for name in type(default).__dataclass_fields__:
                assert f"{sizing.HELP[name]} (default: {getattr(default, name):g})" in told

    def test_it_is_a_command(self, file):
        ended = subprocess.run(  # noqa: S603
            [sys.executable, "-m", "benchmarks.sizing", "--costs", str(file), "--sample", "2"],
            cwd=ROOT,
            env=os.environ,
            capture_output=True,
            text=True,
            check=False,
        )
        assert (ended.returncode, ended.stderr) == (0, "")
        assert "standard error" in ended.stdout

    @pytest.mark.parametrize(
        ("arguments", "said"),
        [
            (["--daily-share", "0"], "nobody is no user"),
            (["--sign-out-share", "2"], "A share is a number from 0 to 1"),
            (["--session-lifetime", "0"], "lives for a day"),
            (["--openings", "1"], "at least twice"),
            (["--access-token-lifetime", "400"], "lives until the next opening"),
        ],
    )
    def test_what_does_not_go_together_is_said(self, file, capsys, arguments, said):
        assert run(file, *arguments) == 1
        assert said in capsys.readouterr().err

    @pytest.mark.parametrize("arguments", [["--sample", "1"], ["--users", "0"]])
    def test_what_makes_no_sense_is_refused(self, file, arguments):
        with pytest.raises(SystemExit) as ended:
            run(file, *arguments)
        assert ended.value.code == 2

    def test_a_file_that_is_not_there_is_named(self, tmp_path, capsys):
        assert run(tmp_path / "nothing.json") == 1
        assert "nothing.json cannot be read" in capsys.readouterr().err

    def test_so_is_a_figure(self, tmp_path, capsys):
        path = tmp_path / "figures.json"
        path.write_text(json.dumps(figures({})), encoding="utf-8")
        assert run(path) == 1
        assert "These figures have no part 'database'" in capsys.readouterr().err


class TestPage:
    @pytest.fixture
    def page(self, tmp_path):
        path = tmp_path / "page.rst"
        path.write_text(
            f"Before.\n\n{sizing.BEGIN}\n\nold\n\n{sizing.END}\n\nAfter.\n", encoding="utf-8"
        )
        return path

    def test_the_tables_stand_between_the_comments(self, file, page):
        assert run(file, "--page", str(page)) == 0
        text = page.read_text(encoding="utf-8")
        assert text.startswith(f"Before.\n\n{sizing.BEGIN}\n\n.. list-table::\n")
        assert text.endswith(f"\n{sizing.END}\n\nAfter.\n")
        assert "old" not in text

    def test_written_again_it_is_the_same(self, file, page):
        run(file, "--page", str(page))
        once = page.read_text(encoding="utf-8")
        run(file, "--page", str(page))
        assert page.read_text(encoding="utf-8") == once

    def test_a_page_without_a_place_for_them_stays_as_it_is(self, file, page, capsys):
        page.write_text("Nothing.\n", encoding="utf-8")
        assert run(file, "--page", str(page)) == 1
        assert "has no place for the tables" in capsys.readouterr().err
        assert page.read_text(encoding="utf-8") == "Nothing.\n"

    def test_the_page_of_the_docs_has_what_the_command_makes_of_the_published_figures(self):
        text = PAGE.read_text(encoding="utf-8")
        shown = text.partition(f"{sizing.BEGIN}\n\n")[2].partition(f"\n{sizing.END}\n")[0]
        assert shown == made_of(ROOT / publish.FIGURES)

    def test_before_any_are_published_it_says_so(self, tmp_path):
        assert made_of(tmp_path / "nothing.json") == f"{sizing.NOT_YET}\n"


def made_of(path):
    """What stands in the page: made of the figures, or that there are none."""
    if not path.exists():
        return f"{sizing.NOT_YET}\n"
    found = costs(publish.read(path))
    return "\n".join(sizing.block(sizing.sized(found, sizing.USERS, Habits(), Machines())))


class TestSized:
    def test_it_takes_the_arithmetic_where_there_is_one(self):
        found = sizing.sized(costs(figures()), [10], Habits(), Machines(), sample=2)
        assert found.daily != found.simulated.daily
        other = replace(Machines(), peak_factor=1)
        assert sizing.sized(costs(figures()), [10], Habits(), other, sample=2).daily == found.daily
