"""Faults in a key folder: expired keys are rejected at once, and no valid key is lost.

``FAULT_SEED`` repeats a run whose seed a failure has printed. A round takes half a second, so there
are a tenth of ``FAULT_ROUNDS``.
"""

from __future__ import annotations

import os
import secrets

import pytest

from tests.campaigns.faults.key_folders import run_rounds

ROUNDS = int(os.environ.get("FAULT_ROUNDS", "300")) // 10


@pytest.mark.promise(20)
@pytest.mark.attack(169)
def test_key_folder_reader_has_exactly_valid_keys_despite_faults(progress):
    seed = int(os.environ.get("FAULT_SEED") or secrets.randbelow(2**32))
    print(f"seed {seed}")  # noqa: T201
    row = progress("broken key files", ROUNDS)
    assert run_rounds(seed, ROUNDS, row.step) == []
