"""Number of reads of the key folder by one rotation."""

from __future__ import annotations

import pytest

from tests.support.scenarios.running import run_scenario


@pytest.fixture(scope="module")
def counts():
    module = "tests.support.scenarios.rotation_reads"
    return run_scenario(module, module)


def test_generate_lists_folder_twice_and_loads_new_key_once(counts):
    # The writer lists the folder again to find a file whose owner it can copy.
    assert counts["generate"] == {"listings": 2, "loads": 1}


def test_rotate_reads_file_once_and_again_before_replacing_it(counts):
    # The second listing finds temporary files. The keys are the old one and the new one.
    assert counts["rotate"] == {"reads": 2, "listings": 2, "loads": 2}


def test_replace_now_reads_file_once_and_before_replacing_it(counts):
    assert counts["rotate --now"] == {"reads": 4, "listings": 2, "loads": 3}
