"""Clocks that jump, slow databases and new workers: random rounds with a printed seed."""

from __future__ import annotations

import os
import secrets

import pytest

from django_tokenauth.sessions.revocations import RevokedSessions
from tests.campaigns.faults.clocks import run_rounds

pytestmark = [pytest.mark.attack(189, 190, 191), pytest.mark.django_db(transaction=True)]

ROUNDS = int(os.environ.get("FAULT_ROUNDS", "30"))
SEED = int(os.environ.get("FAULT_SEED") or secrets.randbelow(2**32))


@pytest.mark.usefixtures("alice")
def test_jumping_clocks_and_slow_databases_cause_no_error(monkeypatch, progress):
    # A request that waits for another one's read of the list would wait for a whole second.
    monkeypatch.setattr(RevokedSessions, "LOCK_TIMEOUT", 0.01)
    print(f"FAULT_SEED={SEED} repeats these {ROUNDS} rounds.")  # noqa: T201
    row = progress("jumping clocks and slow databases", ROUNDS)
    assert run_rounds(SEED, ROUNDS, row.step) == []
