"""The page of attacks against the tests: each line names its tests, each test is named."""

from __future__ import annotations

import ast
from collections import Counter
from functools import cache
from pathlib import Path

import pytest

from tests.support.documents import DOCS, included, included_tables, named_tests

TESTS = Path(__file__).resolve().parents[1]
PAGE = DOCS / "attacks.rst"
FIRST, LAST = 1, 178
NOT_BUILT = "when that is built"
COLUMNS = ["No.", "What is tried", "The answer", "The rule", "The test"]


@cache
def tables():
    found = included_tables(PAGE)
    assert all(table[0] == COLUMNS for table in found)
    return found


def rows():
    return [row for table in tables() for row in table[1:]]


def on_page():
    """The numbers with the tests that the page names for them."""
    return {int(row[0]): named_tests(row[-1]) for row in rows() if row[-1] != NOT_BUILT}


def numbers_of(marks):
    """The attacks in decorators, or in what stands for them."""
    return {
        argument.value
        for mark in marks
        if isinstance(mark, ast.Call) and ast.unparse(mark.func) == "pytest.mark.attack"
        for argument in mark.args
    }


def of_module(module):
    return {
        number
        for node in module.body
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "pytestmark"
        for number in numbers_of(ast.walk(node.value))
    }


def marked_in(source):
    """The functions that carry numbers, by their own mark or that of their class or module."""
    found, module = {}, ast.parse(source)

    def visit(node, inherited):
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.ClassDef):
                visit(child, inherited | numbers_of(child.decorator_list))
            elif isinstance(child, ast.FunctionDef) and child.name.startswith("test"):
                found.setdefault(child.name, set()).update(
                    inherited | numbers_of(child.decorator_list)
                )

    visit(module, of_module(module))
    return found


@cache
def in_tests():
    """The numbers with the tests that carry them."""
    found = {}
    for path in TESTS.rglob("test_*.py"):
        for function, numbers in marked_in(path.read_text(encoding="utf-8")).items():
            for number in numbers:
                name = f"{path.relative_to(TESTS).as_posix()}::{function}"
                found.setdefault(number, set()).add(name)
    return found


def test_each_attack_stands_on_the_page_once_and_in_order():
    assert [int(row[0]) for row in rows()] == list(range(FIRST, LAST + 1))


def test_no_cell_is_empty():
    assert [row for row in rows() if not all(row)] == []


def test_the_page_has_all_the_tables_that_there_are():
    files = {f"attacks/{path.name}" for path in (DOCS / "attacks").glob("*")}
    assert set(included(PAGE)) == files
    assert max(Counter(included(PAGE)).values()) == 1


@pytest.mark.parametrize("number", range(FIRST, LAST + 1))
def test_the_tests_of_an_attack_are_those_that_the_page_names(number):
    assert in_tests().get(number, set()) == on_page().get(number, set())


def test_no_mark_has_a_number_that_is_not_on_the_page():
    assert in_tests().keys() <= set(range(FIRST, LAST + 1))


def test_marks_of_functions_classes_and_modules_are_found():
    source = """
pytestmark = [pytest.mark.attack(9), pytest.mark.django_db]


@pytest.mark.attack(1)
class TestA:
    @pytest.mark.parametrize("a", [1])
    @pytest.mark.attack(2, 3)
    def test_b(self): ...

    def test_c(self): ...


@pytest.mark.attack(4)
def test_d(): ...


def test_e(): ...
"""
    assert marked_in(source) == {
        "test_b": {1, 2, 3, 9},
        "test_c": {1, 9},
        "test_d": {4, 9},
        "test_e": {9},
    }
    assert marked_in("def test_f(): ...") == {"test_f": set()}
