"""The rows of a long form, also of tests that fail."""

from __future__ import annotations

import pytest

from tests.campaigns.long_form import run

SOURCE = """
import pytest

from tests.campaigns.long_form import progress

def test_passes(progress):
    row = progress("a race", 2)
    row.step()
    row.step()

def test_fails(progress):
    progress("a failing race", 2).step()
    assert 1 + 1 == 3

@pytest.fixture
def broken():
    raise LookupError("no server")

def test_error(broken, progress):
    progress("never", 1)

def test_without_rounds():
    assert False
"""


@pytest.fixture
def rows(tmp_path):
    def rows(source):
        (tmp_path / "test_x.py").write_text(source)
        environment = {"DJANGO_SETTINGS_MODULE": "tests.settings"}
        return run(tmp_path, ["sqlite"], environment)

    return rows


def test_campaign_table_has_a_row_for_each_test_with_rounds(rows):
    found = [(row.title, row.runs, row.errors) for row in rows(SOURCE)]
    assert found == [
        ("a race", 2, []),
        ("a failing race", 1, ["assert (1 + 1) == 3"]),
        ("test_x.py::test_error", 0, ["LookupError: no server"]),
    ]


def test_campaign_that_cannot_be_imported_reports_an_error(rows):
    [row] = rows("import no_such_module")
    assert row.errors
