"""Number of reads of the key folder by one rotation."""

from __future__ import annotations

import pytest

from tests.support.scenarios.running import run_scenario


@pytest.fixture(scope="module")
def counts():
    module = "tests.support.scenarios.rotation_reads"
    return run_scenario(module, module)


def test_generate_reads_the_new_key_to_confirm_it(counts):
    assert counts["generate"] == {"listings": 2, "reads": 1, "loads": 2}


def test_rotate_reads_key_files_only_to_replace_and_confirm(counts):
    # Rotate lists the folder for drafts and to confirm the change, and loads both keys twice.
    assert counts["rotate"] == {"reads": 4, "listings": 3, "loads": 4}


def test_replace_now_reads_each_key_file_as_often_as_rotate(counts):
    assert counts["rotate --now"] == {"reads": 7, "listings": 3, "loads": 6}
