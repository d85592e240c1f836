"""``SECURITY.rst``: each of its promises names tests that there are."""

from __future__ import annotations

import pytest

from tests.support.documents import ROOT, missing_tests, section

PAGE = ROOT / "SECURITY.rst"


def promises():
    [[_, *rows]] = section(PAGE, "What is promised").tables
    return rows


def test_there_are_promises():
    assert len(promises()) > 10


@pytest.mark.parametrize("row", promises(), ids=lambda row: row[0])
def test_a_promise_is_shown_by_tests(row):
    assert missing_tests(row[-1]) == []
