"""The page of attacks: each line has tests that carry its number."""

from __future__ import annotations

import re
from collections import Counter
from functools import cache

import pytest

from tests.support.documents import DOCS, included, included_tables
from tests.support.marks import marked_tests

PAGE = DOCS / "attacks.rst"
FIRST, LAST = 1, 178
NOT_BUILT = "when that is built"
COLUMNS = ["No.", "The attempt", "The response", "The rule", "The test"]


@cache
def tables():
    found = included_tables(PAGE)
    assert all(table[0] == COLUMNS for table in found)
    return found


def rows():
    return [row for table in tables() for row in table[1:]]


def test_each_attack_stands_on_the_page_once_and_in_order():
    assert [int(row[0]) for row in rows()] == list(range(FIRST, LAST + 1))


def test_no_cell_is_empty():
    assert [row for row in rows() if not all(row)] == []


def test_no_cell_is_a_numbered_list():
    """A cell "401." is one in reStructuredText. Write "401", or "401: the reason"."""
    assert [row for row in rows() if any(re.match(r"[0-9]+\.(\s|$)", cell) for cell in row)] == []


def test_the_page_has_all_the_tables_that_there_are():
    files = {f"attacks/{path.name}" for path in (DOCS / "attacks").glob("*")}
    assert set(included(PAGE)) == files
    assert max(Counter(included(PAGE)).values()) == 1


@pytest.mark.parametrize("row", rows(), ids=lambda row: f"attack {row[0]}")
def test_attack_has_tests_unless_it_is_not_built(row):
    tests = marked_tests().get(("attack", int(row[0])), [])
    expected = f":tests:`attack {row[0]}`" if tests else NOT_BUILT
    assert row[-1] == expected


def test_each_marked_attack_is_on_the_page():
    marked = {number for mark, number in marked_tests() if mark == "attack"}
    assert marked <= set(range(FIRST, LAST + 1))
