"""The command of the long form, with few rounds."""

from __future__ import annotations

import re

import pytest

from tests.campaigns.races.api_tokens import CHANGES, ROTATIONS
from tests.campaigns.races.invalidations import INVALIDATIONS
from tests.support.commands import run_module

MODULE = "tests.campaigns.races"


@pytest.mark.attack(136, 137)
def test_races_command_prints_a_row_for_each_race():
    code, output = run_module(MODULE, "--rounds", "4", "--database", "sqlite", "--seed", "7")
    assert code == 0, output
    _, _, table = output.partition("inside a request  seconds  errors\n")
    rows = dict(re.findall(r"^(\S.*?)  +SQLite +(\d+)", table, re.MULTILINE))
    assert {*CHANGES, *ROTATIONS} <= set(rows)
    assert {*INVALIDATIONS, "64 refreshes", "sign-out, deferred", "8 late retries"} <= set(rows)
    assert all(int(rows[name]) >= 4 for name in INVALIDATIONS)
    assert re.search(r"^\d+ rounds, 0 errors\. Seed 7\.$", output, re.MULTILINE)


def test_races_command_describes_its_options():
    code, output = run_module(MODULE, "--help")
    assert code == 0
    assert {"--database", "--rounds", "--seed"} <= set(re.findall(r"--[a-z]+", output))
