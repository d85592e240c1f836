"""Every process collects the same test ids, as pytest-xdist requires."""

from __future__ import annotations

import os
import subprocess
import sys

from tests.support.documents import ROOT

SEEDS = "1", "2"


def collected(*arguments):
    """Collect the tests in two processes with different hash seeds. Return both lists of ids."""
    command = [sys.executable, "-m", "pytest", "--collect-only", "-q", "-p", "no:randomly"]
    running = [
        subprocess.Popen(  # noqa: S603
            [*command, "-p", "no:cacheprovider", *arguments],
            cwd=ROOT,
            # The development mode has no influence on the ids and is slower.
            env={**os.environ, "PYTHONHASHSEED": seed, "PYTHONDEVMODE": ""},
            stdout=subprocess.PIPE,
            text=True,
            encoding="utf-8",
        )
        for seed in SEEDS
    ]
    outputs = [process.communicate()[0] for process in running]
    assert [process.returncode for process in running] == [0] * len(SEEDS), outputs
    return [[line for line in output.splitlines() if "::" in line] for output in outputs]


def test_ids_of_all_tests_are_equal_in_two_processes():
    first, second = collected("-m", "")
    assert len(first) > 5000
    assert sorted(set(first) ^ set(second)) == []
    assert first == second


def test_ids_with_addresses_or_hashes_differ_by_process(tmp_path):
    source = """
import pytest

@pytest.mark.parametrize("value", ["same", object(), hash("value")], ids=repr)
def test_value(value):
    pass
"""
    (tmp_path / "test_unstable.py").write_text(source, encoding="utf-8")
    first, second = collected("--rootdir", str(tmp_path), str(tmp_path))
    assert len(first) == len(second) == 3
    assert [one == other for one, other in zip(first, second, strict=True)] == [True, False, False]
