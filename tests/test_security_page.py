"""``SECURITY.rst``: each of its promises names tests that there are."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.documents import ROOT, named_tests, section

TESTS = Path(__file__).resolve().parent
PAGE = ROOT / "SECURITY.rst"


def promises():
    [[_, *rows]] = section(PAGE, "What is promised").tables
    return rows


def test_there_are_promises():
    assert len(promises()) > 10


@pytest.mark.parametrize("row", promises(), ids=lambda row: row[0])
def test_a_promise_is_shown_by_tests(row):
    for test in named_tests(row[-1]):
        file, function = test.split("::")
        source = (TESTS / file).read_text(encoding="utf-8")
        assert re.search(rf"^ *def {function}\(", source, re.MULTILINE), test
