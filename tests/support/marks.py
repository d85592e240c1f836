"""The tests with the marks ``attack``, ``standard`` and ``promise``, read from their source.

The documentation generates its columns of tests from these marks, so tests can move freely. This
module imports nothing of Django, because ``docs/conf.py`` uses it too.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable
from functools import cache
from pathlib import Path

TESTS = Path(__file__).resolve().parents[1]
MARKS = ("attack", "standard", "promise")

#: The name of a mark and one of its arguments: ``("attack", 130)``.
Entry = tuple[str, object]


@cache
def marked_tests() -> dict[Entry, list[str]]:
    """Return the tests of each mark and argument as ``path::function``, in their order."""
    tests: dict[Entry, list[str]] = {}
    for path in sorted(TESTS.rglob("test_*.py")):
        for function, entries in marked_in(path.read_text(encoding="utf-8")).items():
            for entry in entries:
                test = f"{path.relative_to(TESTS).as_posix()}::{function}"
                tests.setdefault(entry, []).append(test)
    return tests


def marked_in(source: str) -> dict[str, set[Entry]]:
    """Return the marks of each test function, including those of its class and its module."""
    tests: dict[str, set[Entry]] = {}
    module = ast.parse(source)

    def visit(node: ast.AST, inherited: set[Entry]) -> None:
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.ClassDef):
                visit(child, inherited | _entries(child.decorator_list))
            elif isinstance(child, ast.FunctionDef) and child.name.startswith("test"):
                tests.setdefault(child.name, set()).update(
                    inherited | _entries(child.decorator_list)
                )

    visit(module, _module_entries(module))
    return tests


def _entries(nodes: Iterable[ast.AST]) -> set[Entry]:
    return {
        (node.func.attr, argument.value)
        for node in nodes
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)
        if node.func.attr in MARKS and ast.unparse(node.func.value) == "pytest.mark"
        for argument in node.args
        if isinstance(argument, ast.Constant)
    }


def _module_entries(module: ast.Module) -> set[Entry]:
    return {
        entry
        for node in module.body
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "pytestmark"
        for entry in _entries(ast.walk(node.value))
    }


def parse_entry(text: str) -> Entry:
    """Return the entry that the documentation names: ``attack 130``, ``standard rfc7009-2-1``."""
    mark, _, argument = text.partition(" ")
    if mark not in MARKS or not argument:
        raise ValueError(f"{text!r} is not a mark and an argument.")
    return mark, int(argument) if argument.isdigit() else argument
