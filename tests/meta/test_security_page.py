"""``SECURITY.rst``: each promise has tests with its mark."""

from __future__ import annotations

import pytest

from tests.support.documents import ROOT, section
from tests.support.marks import marked_tests

PAGE = ROOT / "SECURITY.rst"


def promises():
    [[_, *rows]] = section(PAGE, "Promises").tables
    return [int(row[0]) for row in rows]


def test_security_promises_are_numbered_in_order():
    assert promises() == list(range(1, len(promises()) + 1))


@pytest.mark.parametrize("number", promises())
def test_security_promise_has_tests(number):
    assert marked_tests()["promise", number]


def test_promise_number_in_a_mark_is_on_the_security_page():
    assert {number for mark, number in marked_tests() if mark == "promise"} == set(promises())
