"""Machines that come and go behind a proxy: the short version."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.campaigns.machines.deployment import BREAKS
from tests.campaigns.machines.result import faults, table
from tests.campaigns.machines.running import Plan, run

SHORT = Plan(
    outages=0,
    sign_outs=1,
    rate=80,
    seed=1,
    leavers=1,
    ways=("sign-out",),
    patience=1.5,
    silent=True,
)
# The fault that each of the breaks has to show.
FOUND = {
    "grace": "the same refresh again: 400 ",
    "keys": "/who/: 401",
    "list": "the stateless class of machine 1 after: sign-out: never refused",
    "throttle": "machine 1 after 20 wrong passwords: 200",
    "user": "JWTAuthentication of machine 1 after: sign-out: ",
}


def test_machines_that_come_and_go_cost_nobody_a_request_or_a_session(tmp_path):
    done = run(Plan(outages=6, sign_outs=1, rate=100, seed=1, silent=True), tmp_path)
    print(table(done))  # noqa: T201
    assert faults(done) == []


# With keys of their own hardly anything works, and nothing else would be seen.
@pytest.mark.parametrize("broken", [("keys",), ("grace", "list", "throttle", "user")], ids=str)
def test_what_is_broken_on_purpose_is_found(tmp_path, broken):
    found = faults(run(replace(SHORT, broken=broken), tmp_path))
    for one in broken:
        assert any(FOUND[one] in fault for fault in found), (one, found)


def test_nothing_that_can_be_broken_is_left_out():
    assert set(FOUND) == set(BREAKS)
