"""The command of the long form, with few rounds."""

from __future__ import annotations

import re

from tests.support.commands import run_module

MODULE = "tests.campaigns.faults"


def test_faults_command_prints_a_row_for_each_kind_of_fault():
    code, output = run_module(MODULE, "--rounds", "16", "--database", "sqlite", "--seed", "5")
    assert code == 0, output
    rows = re.findall(r"^(\S.*?)  +(?:SQLite  +)?16  +\d+  +0$", output, re.MULTILINE)
    assert sorted(rows) == [
        "broken key files",
        "failing code of the project",
        "jumping clocks and slow databases",
    ]
    assert "\n48 rounds, 0 errors. Seed 5.\n" in output
