"""The folders of the tests, and the rules for a module in each."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import PurePosixPath

#: Folders that mirror the components of the package.
MIRRORS = {"unit", "integration"}
FOLDERS = {*MIRRORS, "campaigns", "external", "management", "meta", "migrations", "support"}
#: Marks and fixtures of pytest-django, and our fixtures that store users.
DATABASE = {
    *("django_db", "db", "transactional_db", "django_db_setup", "django_db_blocker"),
    *("live_server", "admin_user", "admin_client", "alice", "bob"),
}
#: Longest name of a test function, so that a list of failures fits on a screen.
MAX_NAME = 60
#: A test module or a conftest in a dotted path, as settings and imports name it.
TEST_MODULE = re.compile(r"tests(\.\w+)*\.(test_\w+|conftest)\b")


def violations(file: str, source: str, components: set[str]) -> list[str]:
    """Return the rules that the module ``file``, a path below ``tests/``, breaks."""
    tree = ast.parse(source)
    parts = PurePosixPath(file).parts
    found = list(_place(parts, components))
    found += (
        f"line {line}: {name} is a test module; move what is shared to tests/support"
        for line, name in _names(tree)
        if TEST_MODULE.match(name)
    )
    found += (
        f"line {line}: the name {name} has {len(name)} characters, the limit is {MAX_NAME}"
        for line, name in _test_functions(tree)
        if len(name) > MAX_NAME
    )
    if parts[0] == "support":
        found += (
            f"line {line}: support must not import {name}"
            for line, name in _imports(tree)
            if name.startswith("tests.") and name.split(".")[1] in FOLDERS - {"support"}
        )
    if parts[0] == "unit" and parts[-1] != "conftest.py":
        found += (
            f"line {line}: {name} uses a database; move the test to tests/integration"
            for line, name in _uses_of_database(tree)
        )
    return [f"{file}: {what}" for what in found]


def _place(parts: tuple[str, ...], components: set[str]) -> Iterator[str]:
    folder, *rest = parts
    if len(parts) > 1 and folder not in FOLDERS:
        yield f"the folder {folder!r} is not in the layout"
    if len(parts) == 1 and folder.startswith("test_"):
        yield "a test module belongs into a folder"
    if folder in MIRRORS and len(rest) > 1 and rest[0] not in components:
        yield f"the package has no component {rest[0]!r}"


def _imports(tree: ast.Module) -> Iterator[tuple[int, str]]:
    for node in ast.walk(tree):
        match node:
            case ast.Import():
                yield from ((node.lineno, name.name) for name in node.names)
            case ast.ImportFrom():
                module = f"tests.{node.module}" if node.level else node.module
                yield from ((node.lineno, f"{module}.{name.name}") for name in node.names)
            case _:
                pass


def _names(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """Yield imported names, and strings that may be import paths."""
    yield from _imports(tree)
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.lineno, node.value


def _test_functions(tree: ast.Module) -> Iterator[tuple[int, str]]:
    for node in ast.walk(tree):
        match node:
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
                if name.startswith("test_"):
                    yield node.lineno, name
            case _:
                pass


def _uses_of_database(tree: ast.Module) -> Iterator[tuple[int, str]]:
    for node in ast.walk(tree):
        match node:
            case ast.Attribute(attr=name) | ast.arg(arg=name) if name in DATABASE:
                yield node.lineno, name
            case ast.Call(func=ast.Attribute(attr="usefixtures"), args=arguments):
                yield from (
                    (node.lineno, argument.value)
                    for argument in arguments
                    if isinstance(argument, ast.Constant) and argument.value in DATABASE
                )
            case _:
                pass
