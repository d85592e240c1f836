"""Outages of machines behind a proxy: the short form."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.campaigns.machines.deployment import DEFECTS
from tests.campaigns.machines.result import find_errors, table
from tests.campaigns.machines.running import Plan, run

SHORT = Plan(
    outages=0,
    sign_outs=1,
    rate=80,
    seed=1,
    sign_out_clients=1,
    events=("sign-out",),
    timeout=1.5,
    silent=True,
)
# The expected error of each defect.
ERRORS = {
    "grace": "repeated refresh: 400 ",
    "keys": "/who/: 401",
    "list": "stateless authentication of machine 1 after sign-out: never rejected",
    "throttle": "machine 1 after 20 wrong passwords: 200",
    "user": "JWTAuthentication of machine 1 after sign-out: ",
}


def test_retried_requests_and_sessions_survive_machine_outages(tmp_path):
    result = run(Plan(outages=6, sign_outs=1, rate=100, seed=1, silent=True), tmp_path)
    print(table(result))  # noqa: T201
    assert find_errors(result) == []


# Separate keys hide other defects, because hardly any request succeeds.
@pytest.mark.parametrize(
    "defects", [("keys",), ("grace", "list", "throttle", "user")], ids=["keys", "others"]
)
def test_outage_run_reports_each_injected_defect(tmp_path, defects):
    errors = find_errors(run(replace(SHORT, defects=defects), tmp_path))
    for defect in defects:
        assert any(ERRORS[defect] in error for error in errors), (defect, errors)


def test_every_injected_defect_has_an_expected_error():
    assert set(ERRORS) == set(DEFECTS)
