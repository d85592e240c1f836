"""Machines that come and go behind a proxy: the short version."""

from __future__ import annotations

import pytest

from tests.machines.deployment import MACHINES
from tests.machines.result import faults, table
from tests.machines.running import Plan, run
from tests.machines.sign_outs import WAYS

PLAN = Plan(outages=8, sign_outs=1, rate=100, seed=1, silent=True)


@pytest.fixture(scope="module")
def done(tmp_path_factory):
    done = run(PLAN, tmp_path_factory.mktemp("machines"))
    print(table(done))  # noqa: T201
    return done


def test_machines_that_come_and_go_cost_nobody_a_request_or_a_session(done):
    assert faults(done) == []
    assert sum(done.outages.values()) >= PLAN.outages


def test_a_sign_out_counts_on_each_machine_at_once_and_in_the_list_within_a_poll(done):
    assert {(seen.how, seen.machine) for seen in done.watched} == {
        (how, f"machine {number}") for how in WAYS for number in range(1, MACHINES + 1)
    }
    assert not any(seen.taken for seen in done.watched)
