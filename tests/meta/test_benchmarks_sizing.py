"""The sizing: costs of the published figures, requirements, and the command."""

from __future__ import annotations

import os
import subprocess
import sys
import tracemalloc
import uuid
from dataclasses import fields, replace

import pytest

from benchmarks import sizing
from benchmarks.report import Report
from benchmarks.sizing import (
    BYTES_OF_SETS,
    BYTES_PER_REVOKED_ID,
    OPERATIONS,
    REFRESH,
    REQUEST,
    SIGN_IN,
    SIGN_OUT,
    WRITES,
    Assumptions,
    Costs,
    daily,
    requirements,
    rounded,
)
from benchmarks.tables import MissingFigure
from django_tokenauth.sessions.id_sets import IdSet
from tests.support.documents import ROOT

MICROSECONDS = {SIGN_IN: 900e-6, REFRESH: 400e-6, REQUEST: 100e-6, SIGN_OUT: 300e-6}
#: An operation takes the same time on the application and the database.
COSTS = Costs(
    wait=MICROSECONDS,
    application=MICROSECONDS,
    server=MICROSECONDS,
    wal=dict.fromkeys(WRITES, 20_000.0),
    password=0.25,
    row=600.0,
)
AVERAGE = Assumptions(peak_factor=1)
USERS = 1e6


def needed(what, users=USERS, given=AVERAGE, costs=COSTS):
    """Return the values of the requirement whose name starts with ``what``."""
    found = requirements(users, given, costs)
    [name] = [name for name in found if name.startswith(what)]
    return found[name]


def rate(name):
    return daily(AVERAGE)[name] * USERS / 86_400


class TestCosts:
    @pytest.fixture
    def report(self):
        return Report.read(sizing.FIGURES)

    def test_benchmark_report_contains_all_costs_of_the_sizing(self, report):
        costs = Costs.of(report)
        for seconds in (costs.wait, costs.application, costs.server):
            assert set(seconds) == set(OPERATIONS)
            # Between 50 microseconds and 50 milliseconds.
            assert all(5e-5 < value < 0.05 for value in seconds.values())
        assert set(costs.wal) == set(WRITES)
        assert 0.05 < costs.password < 5
        assert 200 < costs.row < 2000

    @pytest.mark.parametrize("place", range(4))
    def test_sizing_error_names_the_missing_cost_table(self, report, place):
        title = report.tables["load"].pop(place).title
        with pytest.raises(MissingFigure, match=title):
            Costs.of(report)

    def test_sizing_error_names_the_missing_cost_row(self, report):
        report.tables["load"][0].rows.pop()
        with pytest.raises(MissingFigure, match="no row 'sign-out'"):
            Costs.of(report)


class TestRequirements:
    def test_sizing_refresh_rate_is_daily_count_over_86400_seconds(self):
        [average, peak] = needed("refreshes per second")
        assert average == peak == pytest.approx(rate(REFRESH))

    def test_peak_factor_multiplies_peak_rate_and_processors(self):
        given = Assumptions(peak_factor=4)
        [average, peak] = needed("requests per second", given=given)
        assert peak == pytest.approx(4 * average)
        [writes] = needed("database: processors for writes", given=given)
        assert writes == pytest.approx(4 * needed("database: processors for writes")[0])

    def test_sizing_processors_are_operation_rate_times_cpu_time(self):
        writes = sum(rate(name) * MICROSECONDS[name] for name in WRITES)
        reads = rate(REQUEST) * MICROSECONDS[REQUEST]
        assert needed("database: processors for writes") == pytest.approx((writes,))
        assert needed("database: processors for requests") == pytest.approx((reads,))
        assert needed("application: processors for all else") == pytest.approx((writes + reads,))
        assert needed("application: processors for password") == pytest.approx(
            (rate(SIGN_IN) * 0.25,)
        )

    def test_sizing_connections_are_operation_rate_times_wait(self):
        costs = replace(COSTS, wait=dict.fromkeys(OPERATIONS, 0.5))
        assert needed("connections in use by requests", costs=costs) == pytest.approx(
            (rate(REQUEST) / 2,)
        )

    def test_sizing_write_ahead_log_is_write_rate_times_bytes(self):
        written = sum(rate(name) for name in WRITES) * 20_000
        assert needed("write-ahead log") == pytest.approx((written / 1e6,))

    def test_sizing_rows_include_expired_sessions_until_pruned(self):
        each = daily(AVERAGE)
        rows = USERS * (each[sizing.ACTIVE] + 7 * each[SIGN_IN])
        assert needed("rows in the session table") == pytest.approx((rows,))
        assert needed("session table with indexes") == pytest.approx((rows * 600 / 1e9,))

    def test_sizing_keeps_revoked_ids_2_minutes_past_token_lifetime(self):
        # Five minutes, and two minutes for a slow database.
        revoked = rate(SIGN_OUT) * 420
        assert needed("revoked ids") == pytest.approx((revoked,))
        memory = BYTES_OF_SETS + revoked * BYTES_PER_REVOKED_ID
        assert needed("memory for revoked ids") == pytest.approx((memory / 1e6,))

    @pytest.mark.parametrize("what", ["rows in", "database: processors for writes", "revoked ids"])
    def test_sizing_requirements_are_proportional_to_users(self, what):
        assert needed(what, users=1000 * USERS) == pytest.approx((1000 * needed(what)[0],))

    def test_sizing_adds_read_replicas_for_excess_reads(self):
        writes = needed("database: processors for writes")[0]
        busy = writes + needed("database: processors for requests")[0]
        for processors, replicas in ((busy / 0.5 * 1.01, 0), (busy / 0.5 * 0.99, 1)):
            given = replace(AVERAGE, database_processors=processors)
            assert needed("read replicas", given=given) == (replicas,)
            assert needed("database machines", given=given) == (1,)

    def test_sizing_adds_database_machines_for_excess_writes(self):
        writes = needed("database: processors for writes")[0]
        given = replace(AVERAGE, database_processors=writes / 2.5 / 0.5)
        assert needed("database machines", given=given) == (3,)

    @pytest.mark.parametrize("number", [0, 1000, 9000, 100_000])
    def test_revoked_ids_fit_into_the_memory_that_sizing_estimates(self, number):
        # A process keeps up to four sets.
        ids = [[uuid.uuid4().bytes for _ in range(number // 4)] for _ in range(4)]
        tracemalloc.start()
        kept = [IdSet() for _ in range(4)]
        for each, new in zip(kept, ids, strict=True):
            each.update(new)
        taken, _ = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert sum(map(len, kept)) == number
        assert taken <= BYTES_OF_SETS + number * BYTES_PER_REVOKED_ID


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
    def test_rounded_sizing_value_has_at_most_2_significant_digits(self, value, text):
        assert rounded(value) == text


class TestCommand:
    def test_sizing_prints_a_column_per_number_of_users(self, capsys):
        assert sizing.main(["--users", "1e6", "2e6"]) == 0
        head, *rows = capsys.readouterr().out.splitlines()
        assert head.split() == ["Needed", "1,000,000", "users", "2,000,000", "users"]
        assert len(rows) == len(requirements(USERS, AVERAGE, COSTS))

    def test_sizing_options_change_the_assumptions(self, capsys):
        sizing.main(["--users", "1e6", "--peak-factor", "1"])
        lines = capsys.readouterr().out.splitlines()
        [line] = [line for line in lines if line.startswith("requests per second")]
        [average, _, peak] = line.split()[-3:]
        assert average == peak

    def test_sizing_help_states_each_default(self, capsys):
        with pytest.raises(SystemExit):
            sizing.main(["--help"])
        shown = " ".join(capsys.readouterr().out.split())
        for item in fields(Assumptions):
            assert f"{item.metadata['help']} (default: {item.default:g})" in shown

    def test_sizing_module_runs_as_a_command(self):
        done = subprocess.run(
            [sys.executable, "-m", "benchmarks.sizing"],
            cwd=ROOT,
            env=os.environ,
            capture_output=True,
            text=True,
            check=False,
        )
        assert (done.returncode, done.stderr) == (0, "")
        assert "100,000,000 users" in done.stdout

    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            (["--daily-share", "0"], "share must be between 0 and 1"),
            (["--sign-out-share", "2"], "share must be between 0 and 1"),
            (["--session-lifetime", "0"], "a lifetime is at least a day"),
            (["--openings", "1"], "at least twice"),
            (["--access-token-lifetime", "400"], "outlives the next opening"),
            (["--figures", "nothing.json"], "nothing.json"),
        ],
    )
    def test_invalid_sizing_arguments_are_rejected(self, capsys, arguments, message):
        with pytest.raises(SystemExit) as ended:
            sizing.main(arguments)
        assert ended.value.code == 2
        assert message in capsys.readouterr().err
