"""The errors of a run: the list of revoked sessions may be at most one poll interval old."""

from __future__ import annotations

import pytest

from tests.campaigns.machines.deployment import Deployment
from tests.campaigns.machines.load import Load, Span
from tests.campaigns.machines.result import find_errors
from tests.campaigns.machines.running import Plan, Run
from tests.campaigns.machines.sign_outs import SignOutCheck

SIGNED_OUT = 100.0
REJECTED = Span(103, 103.1, None)


@pytest.fixture
def run(tmp_path):
    plan = Plan(outages=0, sign_outs=1, rate=1, seed=1, poll=2, events=("sign-out",))
    load = Load(Deployment(tmp_path, plan.poll), ("127.0.0.1", 1), plan.rate, devices=0)
    return Run(plan, load)


@pytest.fixture
def check(run):
    check = SignOutCheck(
        "sign-out", "machine 1", SIGNED_OUT, rejected=1, stateless_rejected=REJECTED
    )
    run.checks.append(check)
    return check


def accept(run, check, started, ended):
    """Record a request that stateless authentication accepted."""
    span = Span(started, ended, check)
    check.stateless_accepted.append(span)
    run.load.results.stateless.append(span)


def late_errors(run):
    return [error for error in find_errors(run) if "later" in error]


def test_signed_out_token_may_be_accepted_in_poll_interval(run, check):
    accept(run, check, SIGNED_OUT + 2, SIGNED_OUT + 9)
    assert late_errors(run) == []


def test_signed_out_token_accepted_after_poll_is_an_error(run, check):
    accept(run, check, SIGNED_OUT + 2.01, SIGNED_OUT + 2.02)
    assert late_errors(run) == [
        "stateless authentication of machine 1 after sign-out: accepted 2.010 s later"
    ]


def test_signed_out_token_may_be_accepted_during_a_list_poll(run, check):
    accept(run, check, SIGNED_OUT + 2.01, SIGNED_OUT + 2.02)
    accept(run, check, SIGNED_OUT + 2.05, SIGNED_OUT + 2.06)
    run.load.results.stateless.append(Span(SIGNED_OUT + 1.99, SIGNED_OUT + 2.055, None))
    assert late_errors(run) == []


@pytest.mark.parametrize(
    "other",
    [
        # The first accepted request would have read the list.
        Span(SIGNED_OUT + 2.03, SIGNED_OUT + 2.10, None),
        # The new list was available to the last request.
        Span(SIGNED_OUT + 1.99, SIGNED_OUT + 2.04, None),
    ],
    ids=["started-late", "ended-early"],
)
def test_signed_out_token_accepted_outside_poll_is_an_error(run, check, other):
    accept(run, check, SIGNED_OUT + 2.01, SIGNED_OUT + 2.02)
    accept(run, check, SIGNED_OUT + 2.05, SIGNED_OUT + 2.06)
    run.load.results.stateless.append(other)
    assert len(late_errors(run)) == 1


def test_jwt_authentication_of_signed_out_token_is_an_error(run, check):
    check.accepted = 1
    [error] = [error for error in find_errors(run) if "JWTAuthentication" in error]
    assert error == "JWTAuthentication of machine 1 after sign-out: 1 accepted, 1 rejected"


def test_machines_run_without_observations_is_an_error(run):
    assert "only these sign-outs were checked: []" not in find_errors(run)
    run.machines = {"127.0.0.1:1": "machine 1"}
    assert "only these sign-outs were checked: []" in find_errors(run)
    assert "machine 1 has answered no request" in find_errors(run)
