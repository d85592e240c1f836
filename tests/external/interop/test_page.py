"""The page about other services names the libraries and programs that are tested."""

from __future__ import annotations

import re

from tests.external.interop.libraries import ALL, LIBRARIES, PAGE
from tests.support.documents import DOCS, literal, section

VERIFY = DOCS / "verify.rst"


def test_the_table_has_each_library_with_its_algorithms():
    [[head, *rows]] = section(VERIFY, "Tested libraries").tables
    assert [literal(cell) for cell in head[2:]] == list(ALL)
    assert {row[0]: [bool(cell) for cell in row[2:]] for row in rows} == {
        library.name: [algorithm in library.algorithms for algorithm in ALL]
        for library in LIBRARIES
    }


def test_the_programs_of_the_page_are_those_that_run():
    text = VERIFY.read_text(encoding="utf-8")
    shown = re.findall(r"^\.\. literalinclude:: verify/(.+)$", text, re.MULTILINE)
    assert sorted(shown) == sorted(path.name for path in PAGE.iterdir())
    run = {word for library in LIBRARIES for word in library.verifier}
    assert {name.replace(".cs", ".exe") for name in shown} <= run


def test_each_example_of_a_library_is_said_to_be_the_one_that_runs():
    [[_, *rows]] = section(VERIFY, "Tested libraries").tables
    commands = {library.name: library.verifier for library in LIBRARIES}
    for name, program, *_ in rows:
        assert (literal(program).replace(".cs", ".exe") in commands[name]) == bool(program)
