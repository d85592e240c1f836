"""docs/architecture.rst shows the rooms, the order of imports and the enforced bans."""

from __future__ import annotations

import re
from pathlib import Path

import django_tokenauth
from tests.meta.architecture import (
    CLOCK,
    CRYPTOGRAPHY,
    DRF,
    LAYER_OF,
    LAYERS,
    ORM,
    PRIVATE,
    room_of,
)
from tests.support.documents import DOCS, literal, section

PAGE = DOCS / "architecture.rst"
PACKAGE = Path(django_tokenauth.__file__).parent
PACKAGES = {
    "REST framework": DRF,
    "ORM": ORM,
    "cryptography": CRYPTOGRAPHY,
    "clock": CLOCK,
    "HTTP": ("django.http",),
}
FLOWS = ("A sign-in", "A refresh", "A request", "A key rotation")


def diagram():
    """Return the names in each line of the diagram, without the remark behind them."""
    lines = re.findall(
        r"^ {4}(\S.*)$", section(PAGE, "The direction of imports").text, re.MULTILINE
    )
    return [re.split(r" {3,}", line)[0].split() for line in lines]


def table():
    [[_, *rows]] = section(PAGE, "The rooms").tables
    return {literal(room): banned for room, _, banned in rows}


def folders():
    return {path.parent.name for path in PACKAGE.glob("*/__init__.py")}


def test_room_table_lists_each_folder_of_the_package():
    assert set(table()) == folders()


def test_room_diagram_lists_each_room_once():
    shown = [name for line in diagram() for name in line]
    files = {path.stem for path in PACKAGE.glob("*.py")} - {"__init__"}
    assert len(shown) == len(set(shown))
    assert set(shown) == files | folders()


def test_room_diagram_has_the_order_of_the_layers():
    exist = {name for line in diagram() for name in line}
    private = {name for name in exist if name.startswith("_")}
    expected = [
        {name for room in layer.rooms for name in (private if room == PRIVATE else {room})} & exist
        for layer in reversed(LAYERS)
    ]
    assert [set(line) for line in diagram()] == [layer for layer in expected if layer]


def test_room_table_lists_the_bans_of_each_layer():
    for room, cell in table().items():
        banned = set()
        for name in cell.split(", ") if cell else ():
            banned |= {name} if name in LAYER_OF else set(PACKAGES[name])
        layer = LAYER_OF[room]
        assert banned == {*layer.banned, *layer.independent_of}, room


def test_architecture_section_fits_on_one_screen():
    for title in ("The rooms", "The direction of imports", *FLOWS):
        assert len(section(PAGE, title).text.splitlines()) <= 45, title


def test_architecture_page_names_existing_modules():
    text = PAGE.read_text(encoding="utf-8")
    paths = set(re.findall(r"``(\w+/\w+\.py)``", text))
    assert len(paths) > 10
    assert {path for path in paths if not (PACKAGE / path).is_file()} == set()
    assert {room_of(path) for path in paths} <= folders()
