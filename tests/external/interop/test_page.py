"""The page about other services names the tested libraries and programs."""

from __future__ import annotations

import re

from tests.external.interop.libraries import ALL, LIBRARIES, PAGE
from tests.support.documents import DOCS, literal, section

VERIFY = DOCS / "verify.rst"


def test_verify_page_lists_libraries_and_algorithms():
    [[head, *rows]] = section(VERIFY, "Tested libraries").tables
    assert [literal(cell) for cell in head[2:]] == list(ALL)
    assert {row[0]: [bool(cell) for cell in row[2:]] for row in rows} == {
        library.name: [algorithm in library.algorithms for algorithm in ALL]
        for library in LIBRARIES
    }


def test_verify_page_includes_the_tested_programs():
    text = VERIFY.read_text(encoding="utf-8")
    included = re.findall(r"^\.\. literalinclude:: verify/(.+)$", text, re.MULTILINE)
    assert sorted(included) == sorted(path.name for path in PAGE.iterdir())
    tested = {word for library in LIBRARIES for word in library.verifier}
    assert {name.replace(".cs", ".exe") for name in included} <= tested


def test_verify_page_names_the_program_of_each_library():
    [[_, *rows]] = section(VERIFY, "Tested libraries").tables
    commands = {library.name: library.verifier for library in LIBRARIES}
    for name, program, *_ in rows:
        assert (literal(program).replace(".cs", ".exe") in commands[name]) == bool(program)
