"""docs/attacks.rst: each attack has tests with its mark."""

from __future__ import annotations

import re
from collections import Counter
from functools import cache

import pytest

from tests.support.documents import DOCS, included, included_tables
from tests.support.marks import marked_tests

PAGE = DOCS / "attacks.rst"
FIRST, LAST = 1, 234
NOT_BUILT = "when that is built"
COLUMNS = ["No.", "The attempt", "The response", "The rule", "The test"]


@cache
def tables():
    found = included_tables(PAGE)
    assert all(table[0] == COLUMNS for table in found)
    return found


def rows():
    return [row for table in tables() for row in table[1:]]


def test_attack_numbers_are_complete_and_in_order():
    assert [int(row[0]) for row in rows()] == list(range(FIRST, LAST + 1))


def test_attack_tables_have_no_empty_cell():
    assert [row for row in rows() if not all(row)] == []


def test_attack_cell_is_not_rendered_as_a_numbered_list():
    """reStructuredText renders "401." as a list. Write "401", or "401: the reason"."""
    assert [row for row in rows() if any(re.match(r"[0-9]+\.(\s|$)", cell) for cell in row)] == []


def test_attacks_page_includes_each_table_file_once():
    files = {f"attacks/{path.name}" for path in (DOCS / "attacks").glob("*")}
    assert set(included(PAGE)) == files
    assert max(Counter(included(PAGE)).values()) == 1


@pytest.mark.parametrize("row", rows(), ids=lambda row: f"attack {row[0]}")
def test_attack_without_tests_is_marked_as_planned(row):
    tests = marked_tests().get(("attack", int(row[0])), [])
    expected = f":tests:`attack {row[0]}`" if tests else NOT_BUILT
    assert row[-1] == expected


def test_attack_number_in_a_mark_is_on_the_attacks_page():
    marked = {number for mark, number in marked_tests() if mark == "attack"}
    assert marked <= set(range(FIRST, LAST + 1))
