"""``python -m benchmarks`` without database servers and competitors."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from benchmarks import catalog
from benchmarks.__main__ import can_compare, main, works
from benchmarks.catalog import BENCHMARKS, DATABASES, Run
from benchmarks.competitors import Competitor
from benchmarks.report import Report
from benchmarks.tables import Assertion, Table
from tests.support.documents import ROOT

#: No server listens on this port.
NOWHERE = {
    "TOKENAUTH_TEST_POSTGRESQL": "postgresql://postgres@127.0.0.1:1",
    "TOKENAUTH_TEST_MARIADB": "mysql://root@127.0.0.1:1",
}


@pytest.fixture(autouse=True)
def _servers_absent(monkeypatch):
    for name, url in NOWHERE.items():
        monkeypatch.setenv(name, url)
    # These runs skip databases on purpose.
    monkeypatch.delenv("TOKENAUTH_SKIP_NOTES", raising=False)
    monkeypatch.delenv("CI", raising=False)


@pytest.fixture(scope="module")
def quick(tmp_path_factory):
    """Run the benchmark ``refresh`` without database servers, once for all tests."""
    file = tmp_path_factory.mktemp("figures") / "figures.json"
    variables = {name: os.environ[name] for name in os.environ if name != "TOKENAUTH_SKIP_NOTES"}
    command = ["-m", "benchmarks", "--quick", "--only", "refresh", "--json", str(file)]
    done = subprocess.run(  # noqa: S603
        [sys.executable, *command],
        cwd=ROOT,
        env={**variables, **NOWHERE, "CI": ""},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done, Report.read(file)


class TestQuickRun:
    def test_quick_benchmark_run_prints_and_writes_the_table(self, quick):
        done, report = quick
        [table] = report.tables["refresh"]
        assert table.heading == "Refresh (SQLite)"
        for line in table.lines():
            assert line in done.stdout

    def test_quick_benchmark_run_checks_the_statement_limit(self, quick):
        _, report = quick
        [table] = report.tables["refresh"]
        assert table.assertions == [Assertion("statements of a refresh", 2, 2)]

    def test_benchmarks_skip_and_name_an_absent_database(self, quick):
        done, report = quick
        for name in ("PostgreSQL", "MariaDB"):
            assert any(what.startswith(f"{name} (") for what in report.skipped)
            assert f"SKIPPED: {name} (" in done.stdout

    def test_benchmarks_print_progress_to_standard_error_only(self, quick):
        done, _ = quick
        assert "[1/1] refresh on SQLite ..." in done.stderr
        assert "[1/1]" not in done.stdout


class TestArguments:
    def test_benchmarks_help_lists_each_benchmark(self, capsys):
        with pytest.raises(SystemExit):
            main(["--help"])
        shown = capsys.readouterr().out
        for name, benchmark in BENCHMARKS.items():
            assert f"  {name:16}{benchmark.title}\n" in shown

    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            (["--only", "everything"], "invalid choice: 'everything'"),
            (["--publish", "--quick"], "--publish needs a full run"),
            (["--publish", "--only", "tokens"], "--publish needs a full run"),
        ],
    )
    def test_invalid_benchmark_arguments_are_rejected(self, capsys, arguments, message):
        with pytest.raises(SystemExit) as ended:
            main(arguments)
        assert ended.value.code == 2
        assert message in capsys.readouterr().err

    def test_benchmarks_publish_option_requires_all_databases(self, monkeypatch, capsys):
        absent = {"prune": catalog.Benchmark("Greet", ("mariadb",))}
        monkeypatch.setattr("benchmarks.__main__.BENCHMARKS", absent)
        monkeypatch.setattr("benchmarks.__main__.COMPETITORS", {})
        with pytest.raises(SystemExit, match="--publish needs all databases"):
            main(["--publish"])
        assert "[1/" not in capsys.readouterr().err

    @pytest.mark.parametrize("name", BENCHMARKS)
    def test_benchmark_has_a_module_and_known_databases(self, name):
        assert (ROOT / "benchmarks" / f"{name}.py").is_file()
        assert set(BENCHMARKS[name].databases) <= set(DATABASES)


class TestStatus:
    def status(self, tmp_path, **values):
        file = tmp_path / "figures.json"
        Report(quick=True, rounds=1, **values).write(file)
        return main(["--from", str(file)])

    def test_complete_benchmark_run_exits_with_0(self, tmp_path):
        assert self.status(tmp_path) == 0

    def test_failed_benchmark_fails_the_run(self, tmp_path):
        assert self.status(tmp_path, failed=["prune on MariaDB"]) == 1

    @pytest.mark.parametrize(("found", "status"), [(1, 0), (2, 1)])
    def test_exceeded_limit_fails_the_benchmark_run(self, tmp_path, found, status):
        table = Table("Greet", [], assertions=[Assertion("statements", 1, found)])
        assert self.status(tmp_path, tables={"greeting": [table]}) == status

    @pytest.mark.parametrize(("ci", "status"), [("", 0), ("true", 1)])
    def test_skipped_database_fails_the_benchmark_run_in_ci(
        self, monkeypatch, tmp_path, ci, status
    ):
        monkeypatch.setenv("CI", ci)
        assert self.status(tmp_path, skipped=["MariaDB (no response)"]) == status

    def test_crashed_benchmark_is_reported_with_its_error(self, monkeypatch, capfd):
        monkeypatch.setitem(BENCHMARKS, "crash", catalog.Benchmark("A missing module"))
        monkeypatch.setattr("benchmarks.__main__.COMPETITORS", {})
        assert main(["--quick", "--only", "crash"]) == 1
        shown = capfd.readouterr()
        assert "FAILED: crash on SQLite, status 1" in shown.out
        assert "No module named 'benchmarks.crash'" in shown.err


class TestAvailability:
    def test_benchmark_availability_check_returns_program_output(self):
        report = Report(quick=True, rounds=1)
        version = works("SQLite", Run(""), "project.print_version()", report)
        assert version
        assert version[0].isdigit()
        assert report.skipped == []

    def test_benchmarks_skip_a_missing_competitor(self):
        report = Report(quick=True, rounds=1)
        assert not can_compare(Competitor("greeter", "no-such-package", "greeter"), report)
        assert report.skipped == ["greeter (not installed)"]

    def test_benchmarks_skip_a_failing_program_with_its_reason(self, capsys):
        report = Report(quick=True, rounds=1)
        assert works("knox", Run(""), "import no_such_module", report) is None
        assert report.skipped == ["knox (ModuleNotFoundError: No module named 'no_such_module')"]
        assert f"the benchmarks of {report.skipped[0]}" in capsys.readouterr().err
