"""The command of the long form, with few rounds."""

from __future__ import annotations

import re

from tests.support.commands import run_module

MODULE = "tests.campaigns.faults"


def test_faults_command_prints_a_row_for_each_kind_of_fault():
    code, output = run_module(MODULE, "--rounds", "40", "--database", "sqlite", "--seed", "7")
    assert code == 0, output
    rows = re.findall(r"^(\S.*?)  +(?:SQLite  +)?40  +\d+  +0$", output, re.MULTILINE)
    assert sorted(rows) == [
        "broken key files",
        "failing code of the project",
        "jumping clocks and slow databases",
    ]
    assert "\n120 rounds, 0 errors. Seed 7.\n" in output
