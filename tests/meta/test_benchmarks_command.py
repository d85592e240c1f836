"""``python -m benchmarks`` as one runs it, where the peers and the databases may be absent."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import benchmarks
from benchmarks import databases
from benchmarks.__main__ import look_around, main, measure, verdict
from benchmarks.parts import PARTS, Effort, Part
from benchmarks.peers import PEERS, Peer, installed, reason_against
from benchmarks.report import Report
from benchmarks.results import Promise, Table

ROOT = Path(benchmarks.__file__).parent.parent
#: Nothing listens there.
NOWHERE = {
    "TOKENAUTH_TEST_POSTGRESQL": "postgresql://postgres@127.0.0.1:1",
    "TOKENAUTH_TEST_MARIADB": "mysql://root@127.0.0.1:1",
}


@pytest.fixture(autouse=True)
def _noted_by_nobody(monkeypatch):
    # What these leave out, they leave out on purpose.
    monkeypatch.delenv("TOKENAUTH_LEFT_OUT", raising=False)
    monkeypatch.delenv("CI", raising=False)


def run(*arguments, **variables):
    return subprocess.run(  # noqa: S603
        [sys.executable, "-m", "benchmarks", *arguments],
        cwd=ROOT,
        env={**os.environ, **variables},
        capture_output=True,
        text=True,
        check=False,
    )


class TestQuick:
    def test_tokens_are_measured_and_told_twice(self, tmp_path):
        ended = run("--quick", "--only", "tokens", "--json", str(tmp_path / "figures.json"))
        assert ended.returncode == 0, ended.stderr
        assert "Verifying an access token (SQLite)" in ended.stdout
        assert "PyJWT decode" in ended.stdout
        written = json.loads((tmp_path / "figures.json").read_text(encoding="utf-8"))
        assert [table["title"] for table in written["parts"]["tokens"]] == [
            "Verifying an access token",
            "Signing an access token",
        ]
        assert (written["quick"], written["rounds"], written["failed"]) == (True, 3, [])

    def test_a_refresh_keeps_what_is_promised_of_its_statements(self):
        ended = run("--quick", "--rounds", "1", "--only", "refresh", **NOWHERE)
        assert ended.returncode == 0, ended.stderr
        assert "What is promised of statements and rows holds (2 counts)." in ended.stdout
        for name in ("PostgreSQL", "MariaDB"):
            assert f"LEFT OUT: the benchmarks on {name}, which cannot be used" in ended.stdout
        for peer in PEERS.values():
            assert f"{peer.name}: trying, {reason_against(peer) or 'runs'}\n" in ended.stdout


class TestArguments:
    def test_all_that_there_is_to_measure_can_be_listed(self, capsys):
        assert main(["--list"]) == 0
        assert [line.split()[0] for line in capsys.readouterr().out.splitlines()] == list(PARTS)

    @pytest.mark.parametrize(
        ("arguments", "said"),
        [
            (["--rounds", "0"], "--rounds is at least 1"),
            (["--only", "everything"], "invalid choice: 'everything'"),
        ],
    )
    def test_what_makes_no_sense_is_refused(self, capsys, arguments, said):
        with pytest.raises(SystemExit) as ended:
            main(arguments)
        assert ended.value.code == 2
        assert said in capsys.readouterr().err

    @pytest.mark.parametrize("part", PARTS.values(), ids=PARTS)
    def test_each_part_has_its_module(self, part):
        assert (ROOT / "benchmarks" / f"{part.module}.py").is_file()
        assert set(part.databases) <= set(databases.TITLES)


class TestLookAround:
    def test_a_database_that_does_not_answer_is_left_out(self, monkeypatch, capsys):
        for name, url in NOWHERE.items():
            monkeypatch.setenv(name, url)
        report = Report(quick=True, rounds=1)
        assert not look_around([PARTS["refresh"]], report)
        assert set(report.databases) == {"sqlite"}
        assert [what.partition(",")[0] for what in report.left_out] == [
            "the benchmarks on PostgreSQL",
            "the benchmarks on MariaDB",
        ]
        assert "LEFT OUT: the benchmarks on MariaDB" in capsys.readouterr().err

    def test_so_is_a_part_that_needs_what_is_not_installed(self):
        report = Report(quick=True, rounds=1)
        part = Part("greeting", "greeting", "to greet", needs="no-such-package")
        assert not look_around([part], report)
        assert report.left_out == [
            "the benchmark greeting, for which no-such-package is not installed"
        ]

    def test_sqlite_is_there(self):
        report = Report(quick=True, rounds=1)
        assert look_around([PARTS["tokens"]], report)
        assert report.left_out == []


class TestMeasure:
    def test_what_does_not_run_is_named(self, monkeypatch, capfd):
        monkeypatch.setenv("TOKENAUTH_TEST_POSTGRESQL", NOWHERE["TOKENAUTH_TEST_POSTGRESQL"])
        report = Report(quick=True, rounds=1)
        effort = Effort(
            quick=True, rounds=1, seconds=0.001, peers=(), database="postgresql", folder=""
        )
        measure(PARTS["refresh"], effort, report)
        assert (report.failed, report.parts) == (["refresh on PostgreSQL"], {})
        assert "Traceback" in capfd.readouterr().err


class TestVerdict:
    def of(self, *, complete=True, **values):
        return verdict(Report(quick=True, rounds=1, **values), complete=complete)

    def test_all_that_was_asked_for_is_good(self):
        assert self.of(left_out=["knox: not installed"]) == 0

    def test_what_did_not_run_is_bad(self):
        assert self.of(failed=["growth on SQLite"]) == 1

    @pytest.mark.parametrize(("found", "status"), [(1, 0), (2, 1)])
    def test_a_promise_that_does_not_hold_is_bad(self, found, status):
        table = Table("To greet", [], promises=[Promise("statements", 1, found)])
        assert self.of(parts={"greeting": [table]}) == status

    @pytest.mark.parametrize(("ci", "status"), [("", 0), ("true", 1)])
    def test_what_is_missing_is_bad_in_ci(self, monkeypatch, ci, status):
        monkeypatch.setenv("CI", ci)
        assert self.of(complete=False) == status
        assert self.of(complete=True) == 0


class TestPeers:
    def test_a_package_that_is_not_there_is_no_peer(self):
        assert reason_against(Peer("nobody", "no-such-package", "nobody", ())) == "not installed"

    def test_one_that_does_not_run_is_none_and_tells_why(self):
        version = installed("Django")
        reason = reason_against(Peer("nobody", "Django", "nobody", ()))
        assert reason == f"{version} does not run here: KeyError: 'nobody'"
