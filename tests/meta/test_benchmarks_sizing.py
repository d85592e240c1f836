"""What the sizing takes from a run of the benchmarks, and what it makes of it."""

from __future__ import annotations

import tracemalloc
import uuid
from dataclasses import replace

import pytest

from benchmarks.sizing_costs import FULL_POLL, PART, POLL, REFRESH, SIGN_OUT, Missing, costs
from benchmarks.sizing_load import BYTES_OF_AN_ID, Machines, load
from benchmarks.sizing_model import Daily, Habits
from tests.meta.sizing_figures import figures, tables


class TestCosts:
    def test_they_are_seconds_and_bytes_of_one_operation(self):
        found = costs(figures())
        assert found.wait[REFRESH] == pytest.approx(400e-6)
        assert found.password == pytest.approx(0.25)
        assert found.wal_warm[SIGN_OUT] == 500
        assert found.wal_cold[REFRESH] == 20_000
        assert found.row == 600

    def test_a_quick_run_has_none(self):
        with pytest.raises(Missing, match="--quick"):
            costs(figures(quick=True))

    def test_so_has_a_run_without_the_part(self):
        with pytest.raises(Missing, match="python -m benchmarks --only database"):
            costs(figures({"tokens": []}))

    @pytest.mark.parametrize("lacking", range(6))
    def test_a_table_that_lacks_is_named(self, lacking):
        found = tables()
        title = found.pop(lacking).title
        with pytest.raises(Missing, match=title):
            costs(figures({PART: found}))

    @pytest.mark.parametrize("number", [0, 1, 2, 3, 5])
    def test_so_is_a_row(self, number):
        found = tables()
        row = found[number].rows.pop()
        with pytest.raises(Missing, match=row.name):
            costs(figures({PART: found}))


DAILY = Daily(sign_ins=0.1, refreshes=10, requests=100, revocations=0.05, living=2)
#: With these users a daily count is a count a second.
USERS = 86_400


class TestLoad:
    def of(self, users=USERS, daily=DAILY, **machines):
        given = Machines(**{"peak_factor": 1.0, **machines})
        return load(users, daily, Habits(), costs(figures()), given)

    def test_the_processors_are_the_operations_times_what_each_takes(self):
        found = self.of()
        # Sign-ins, refreshes, revocations, and a twentieth of a prune with each sign-in.
        writes = 0.1 * 900 + 10 * 400 + 0.05 * 300 + 0.1 / 20 * 200
        assert found.writes == pytest.approx(writes / 1e6)
        assert found.requests == pytest.approx(100 * 100 / 1e6)
        assert found.application == pytest.approx(found.writes + found.requests)
        assert found.passwords == pytest.approx(0.1 * 0.25)

    def test_the_connections_that_are_busy_are_the_operations_times_their_wait(self):
        found = self.of()
        assert found.connections[0] == pytest.approx(found.writes + found.polls)
        assert found.connections[1] == pytest.approx(found.requests)

    def test_a_poll_costs_more_the_more_was_revoked(self):
        found = self.of()
        # Of the last five minutes, and of two polls.
        assert found.revoked == pytest.approx(0.05 * 320)
        assert found.snapshot == pytest.approx(found.revoked * BYTES_OF_AN_ID)
        assert found.processes == 2
        assert found.polls == pytest.approx(2 / 10 * (50 + found.revoked) / 1e6)

    def test_a_full_poll_that_happened_to_be_faster_makes_none_cheaper_than_nothing(self):
        found = costs(figures())
        found = replace(found, server={**found.server, FULL_POLL: found.server[POLL] / 2})
        many = replace(DAILY, revocations=1e6)
        size = load(USERS, many, Habits(), found, Machines())
        assert size.polls == pytest.approx(size.processes / 10 * found.server[POLL])

    def test_rows_stay_for_a_while_after_their_end(self):
        assert self.of().rows == pytest.approx(USERS * (2 + 0.1 * 7))
        assert self.of().bytes_stored == pytest.approx(self.of().rows * 600)

    def test_the_log_is_told_from_warm_to_cold(self):
        written = 0.1 + 10 + 0.05 + 0.1 / 20
        assert self.of().wal == pytest.approx((written * 500, written * 20_000))

    def test_the_peak_is_a_multiple_of_the_average(self):
        found = self.of(peak_factor=4)
        assert found.average == self.of().average
        assert found.peak == pytest.approx({n: 4 * rate for n, rate in found.average.items()})
        assert found.writes == pytest.approx(4 * self.of().writes)

    def test_what_is_done_grows_with_the_users(self):
        few, many = self.of(), self.of(1000 * USERS)
        for name in ("rows", "writes", "requests", "passwords", "revoked"):
            assert getattr(many, name) == pytest.approx(1000 * getattr(few, name))

    def test_one_machine_does_all_as_long_as_it_is_not_too_busy(self):
        found = self.of()
        busy = found.writes + found.requests + found.polls
        enough = self.of(database_processors=busy / 0.5 + 1e-9)
        assert (enough.replicas, enough.shards) == (0, 1)
        assert self.of(database_processors=busy / 0.5 - 1e-9).replicas == 1

    def test_rows_are_shared_when_the_writes_alone_are_too_much(self):
        most = self.of().writes / 2.5
        assert self.of(database_processors=most / 0.5).shards == 3

    def test_replicas_are_for_what_reads(self):
        most = (self.of().requests + self.of().polls) / 2.5
        assert self.of(database_processors=most / 0.5).replicas == 3

    @pytest.mark.parametrize("number", [1000, 2000, 9000, 30_000, 100_000])
    def test_an_id_takes_no_more_memory_than_is_told(self, number):
        ids = [uuid.uuid4() for _ in range(number)]
        tracemalloc.start()
        kept = frozenset(map(str, ids))
        taken, _ = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert len(kept) == number
        assert taken <= number * BYTES_OF_AN_ID
