"""How often one rotation reads the key folder."""

from __future__ import annotations

import pytest

from tests.support.scenarios.running import outcome_of


@pytest.fixture(scope="module")
def counts():
    module = "tests.support.scenarios.rotation_reads"
    return outcome_of(module, module)


def test_generation_lists_the_folder_and_loads_the_new_key_once(counts):
    # Without another file, the writer looks for one whose owner it can copy.
    assert counts["generate"] == {"listings": 2, "loads": 1}


def test_rotation_reads_a_file_once_and_again_before_it_is_replaced(counts):
    # The second listing finds temporary files. The keys are the old one and the new one.
    assert counts["rotate"] == {"reads": 2, "listings": 2, "loads": 2}


def test_replacement_reads_each_of_two_files_once_and_again_before_it_is_replaced(counts):
    assert counts["rotate --now"] == {"reads": 4, "listings": 2, "loads": 3}
