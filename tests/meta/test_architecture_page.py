"""docs/architecture.rst shows the components, the order of imports and the enforced bans."""

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
    component_of,
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
    [[_, *rows]] = section(PAGE, "The components").tables
    return {literal(component): banned for component, _, banned in rows}


def folders():
    return {path.parent.name for path in PACKAGE.glob("*/__init__.py")}


def test_component_table_lists_each_folder_of_the_package():
    assert set(table()) == folders()


def test_component_diagram_lists_each_component_once():
    shown = [name for line in diagram() for name in line]
    files = {path.stem for path in PACKAGE.glob("*.py")} - {"__init__"}
    assert len(shown) == len(set(shown))
    assert set(shown) == files | folders()


def test_component_diagram_has_the_order_of_the_layers():
    exist = {name for line in diagram() for name in line}
    private = {name for name in exist if name.startswith("_")}
    expected = [
        {
            name
            for component in layer.components
            for name in (private if component == PRIVATE else {component})
        }
        & exist
        for layer in reversed(LAYERS)
    ]
    assert [set(line) for line in diagram()] == [layer for layer in expected if layer]


def test_component_table_lists_the_bans_of_each_layer():
    for component, cell in table().items():
        banned = set()
        for name in cell.split(", ") if cell else ():
            banned |= {name} if name in LAYER_OF else set(PACKAGES[name])
        layer = LAYER_OF[component]
        assert banned == {*layer.banned, *layer.independent_of}, component


def test_architecture_section_fits_on_one_screen():
    for title in ("The components", "The direction of imports", *FLOWS):
        assert len(section(PAGE, title).text.splitlines()) <= 48, title


def test_architecture_page_names_existing_modules():
    text = PAGE.read_text(encoding="utf-8")
    paths = set(re.findall(r"``(\w+/\w+\.py)``", text))
    assert len(paths) > 10
    assert {path for path in paths if not (PACKAGE / path).is_file()} == set()
    assert {component_of(path) for path in paths} <= folders()
