"""The command of the long form, with few rounds."""

from __future__ import annotations

import re

from tests.support.commands import run_module

MODULE = "tests.campaigns.faults"


def test_faults_command_prints_a_row_for_each_kind_of_fault():
    code, output = run_module(MODULE, "--rounds", "20", "--database", "sqlite", "--seed", "5")
    assert code == 0, output
    rows = re.findall(r"^(\S.*?)  +(?:SQLite  +)?(20|2)  +\d+  +0$", output, re.MULTILINE)
    assert dict(rows) == {
        "broken key files": "2",
        "failing code of the project": "20",
        "jumping clocks and slow databases": "20",
    }
    assert "\n42 rounds, 0 errors. Seed 5.\n" in output
