"""docs/standards.rst: requirements are unique, sorted and have tests with their mark."""

from __future__ import annotations

import re
from functools import cache

import pytest

from tests.support.documents import DOCS, included, included_tables, sections
from tests.support.marks import marked_tests

PAGE = DOCS / "standards.rst"
COLUMNS = ["Section", "Word", "Requirement", "What the package does", "Tests"]
# The words of RFC 2119 sections 1 to 4. "states" marks requirements without them.
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


def test_standards_file_has_one_table_of_its_rfc():
    for file in included(PAGE):
        [section] = sections(PAGE.parent / file)
        assert file == f"standards/rfc{re.search(r'RFC ([0-9]+)', section.title)[1]}.rst"
        assert len(section.tables) == 1


def test_standards_page_includes_all_files_in_order():
    files = sorted(f"standards/{path.name}" for path in (DOCS / "standards").glob("*"))
    assert included(PAGE) == files


def test_standards_tables_have_no_empty_cell():
    assert [row for row in rows() if not all(row)] == []


def test_requirement_word_is_an_rfc_2119_keyword_or_states():
    assert {row[1] for row in rows()} <= WORDS


@pytest.mark.parametrize("table", tables(), ids=range(len(tables())))
def test_requirements_of_a_standard_are_sorted_by_section(table):
    numbers = [tuple(map(int, row[0].split("."))) for row in table[1:]]
    assert numbers == sorted(numbers)


def test_requirements_on_the_standards_page_are_unique():
    seen = [(number, row[0], row[2]) for number, table in enumerate(tables()) for row in table]
    assert len(seen) == len(set(seen))


def entries():
    return re.findall(r":tests:`standard (\S+)`", " ".join(row[-1] for row in rows()))


@pytest.mark.parametrize("row", rows(), ids=named)
def test_requirement_has_tests_or_a_reason_for_none(row):
    if row[-1] == NO_TEST:
        assert row[3].startswith(MAY_HAVE_NO_TEST)
        return
    [entry] = re.findall(r"^:tests:`standard (\S+)`$", row[-1])
    assert marked_tests()["standard", entry]
    assert entry.split("-")[1] == row[0]


def test_requirement_in_a_mark_is_on_the_standards_page_once():
    marked = [requirement for mark, requirement in marked_tests() if mark == "standard"]
    assert sorted(marked) == sorted(entries())
