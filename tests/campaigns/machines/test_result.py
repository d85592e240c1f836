"""What is a fault: the list of revoked sessions may be a poll old, and no older."""

from __future__ import annotations

import pytest

from tests.campaigns.machines.deployment import Deployment
from tests.campaigns.machines.load import Load, Span
from tests.campaigns.machines.result import faults
from tests.campaigns.machines.running import Plan, Run
from tests.campaigns.machines.sign_outs import Watched

SIGNED_OUT = 100.0
REFUSED = Span(103, 103.1, None)


@pytest.fixture
def run(tmp_path):
    plan = Plan(outages=0, sign_outs=1, rate=1, seed=1, poll=2, ways=("sign-out",))
    load = Load(Deployment(tmp_path, plan.poll), ("127.0.0.1", 1), plan.rate, devices=0)
    return Run(plan, load)


@pytest.fixture
def seen(run):
    seen = Watched("sign-out", "machine 1", SIGNED_OUT, refused=1, stateless_refused=REFUSED)
    run.watched.append(seen)
    return seen


def take(run, seen, began, ended):
    span = Span(began, ended, seen)
    seen.stateless_taken.append(span)
    run.load.notes.stateless.append(span)


def late(run):
    return [fault for fault in faults(run) if "later" in fault]


def test_what_begins_within_the_poll_may_be_taken(run, seen):
    take(run, seen, SIGNED_OUT + 2, SIGNED_OUT + 9)
    assert late(run) == []


def test_what_begins_later_must_not_be_taken(run, seen):
    take(run, seen, SIGNED_OUT + 2.01, SIGNED_OUT + 2.02)
    assert late(run) == ["the stateless class of machine 1 after: sign-out: taken 2.010 s later"]


def test_what_begins_while_another_request_reads_the_list_may_be_taken(run, seen):
    take(run, seen, SIGNED_OUT + 2.01, SIGNED_OUT + 2.02)
    take(run, seen, SIGNED_OUT + 2.05, SIGNED_OUT + 2.06)
    run.load.notes.stateless.append(Span(SIGNED_OUT + 1.99, SIGNED_OUT + 2.055, None))
    assert late(run) == []


@pytest.mark.parametrize(
    "other",
    [
        # The first one that was taken would have read the list.
        Span(SIGNED_OUT + 2.03, SIGNED_OUT + 2.10, None),
        # The list was there for the last one.
        Span(SIGNED_OUT + 1.99, SIGNED_OUT + 2.04, None),
    ],
    ids=["began too late", "ended too early"],
)
def test_a_request_that_cannot_be_the_one_that_reads_is_no_excuse(run, seen, other):
    take(run, seen, SIGNED_OUT + 2.01, SIGNED_OUT + 2.02)
    take(run, seen, SIGNED_OUT + 2.05, SIGNED_OUT + 2.06)
    run.load.notes.stateless.append(other)
    assert len(late(run)) == 1


def test_a_request_with_the_user_must_never_be_taken(run, seen):
    seen.taken = 1
    [fault] = [fault for fault in faults(run) if "JWTAuthentication" in fault]
    assert fault == "JWTAuthentication of machine 1 after: sign-out: 1 taken, 1 refused"


def test_nothing_that_was_shown_is_a_fault_too(run):
    assert "only these were watched: []" not in faults(run)
    run.places = {"127.0.0.1:1": "machine 1"}
    assert "only these were watched: []" in faults(run)
    assert "machine 1 has answered nothing" in faults(run)
