"""docs/gateways.rst shows the tested files, and its table has the tested programs."""

from __future__ import annotations

import re

from tests.external.gateways.programs import PROGRAMS
from tests.support.documents import DOCS, section

PAGE = DOCS / "gateways.rst"


def test_gateways_page_shows_the_files_of_all_programs():
    text = PAGE.read_text(encoding="utf-8")
    shown = re.findall(r"^\.\. literalinclude:: gateways/(.+)$", text, re.MULTILINE)
    files = [name for program in PROGRAMS for name in program.files] + ["haproxy-keys.sh"]
    assert shown == files
    assert {path.name for path in (DOCS / "gateways").iterdir()} == set(files)


def test_gateways_table_lists_all_programs_in_order():
    [[_, *rows]] = section(PAGE, "Configurations").tables
    assert [row[0].partition(",")[0] for row in rows] == [program.name for program in PROGRAMS]
    assert [row[3] == "at once" for row in rows] == [program.exact for program in PROGRAMS]
