"""The page of standards: each requirement once and in order, with tests that carry its mark."""

from __future__ import annotations

import re
from functools import cache

import pytest

from tests.support.documents import DOCS, included, included_tables, sections
from tests.support.marks import marked_tests

PAGE = DOCS / "standards.rst"
COLUMNS = ["Section", "Word", "Requirement", "What the package does", "Tests"]
# The words of RFC 2119 sections 1 to 4, and "states" for requirements without one of them.
WORDS = {
    "states",
    *("MUST", "MUST NOT", "REQUIRED"),
    *("SHOULD", "SHOULD NOT", "RECOMMENDED", "NOT RECOMMENDED"),
}
NO_TEST = "none"
MAY_HAVE_NO_TEST = ("Not followed", "Not applicable", "Left to the project", "Left to the client")


@cache
def tables():
    found = included_tables(PAGE)
    assert all(table[0] == COLUMNS for table in found)
    return found


def rows():
    return [row for table in tables() for row in table[1:]]


def named(row):
    return f"{row[0]} {row[2]}"


def test_each_file_has_the_one_table_of_its_rfc():
    for file in included(PAGE):
        [section] = sections(PAGE.parent / file)
        assert file == f"standards/rfc{re.search(r'RFC ([0-9]+)', section.title)[1]}.rst"
        assert len(section.tables) == 1


def test_the_page_has_all_the_tables_that_there_are_and_in_their_order():
    files = sorted(f"standards/{path.name}" for path in (DOCS / "standards").glob("*"))
    assert included(PAGE) == files


def test_no_cell_is_empty():
    assert [row for row in rows() if not all(row)] == []


def test_the_words_are_those_that_the_page_explains():
    assert {row[1] for row in rows()} <= WORDS


@pytest.mark.parametrize("table", tables(), ids=range(len(tables())))
def test_the_requirements_stand_in_the_order_of_their_sections(table):
    numbers = [tuple(map(int, row[0].split("."))) for row in table[1:]]
    assert numbers == sorted(numbers)


def test_no_requirement_stands_there_twice():
    seen = [(number, row[0], row[2]) for number, table in enumerate(tables()) for row in table]
    assert len(seen) == len(set(seen))


def entries():
    return re.findall(r":tests:`standard (\S+)`", " ".join(row[-1] for row in rows()))


@pytest.mark.parametrize("row", rows(), ids=named)
def test_requirement_has_tests_or_says_why_not(row):
    if row[-1] == NO_TEST:
        assert row[3].startswith(MAY_HAVE_NO_TEST)
        return
    [entry] = re.findall(r"^:tests:`standard (\S+)`$", row[-1])
    assert marked_tests()["standard", entry]
    assert entry.split("-")[1] == row[0]


def test_each_marked_requirement_is_on_the_page_once():
    marked = [requirement for mark, requirement in marked_tests() if mark == "standard"]
    assert sorted(marked) == sorted(entries())
