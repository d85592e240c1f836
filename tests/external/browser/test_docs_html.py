"""The built documentation: it fits a phone, and settings, checks and codes have anchors."""

from __future__ import annotations

import re
import subprocess
import sys
from importlib.util import find_spec

import pytest

from django_tokenauth.conf.settings import setting_fields
from django_tokenauth.errors import TokenErrorCode
from tests.support.documents import DOCS, ROOT, literal, section

WIDTH = 375
# Boxes of the page that scroll sideways. Code scrolls in its own box.
SIDEWAYS = """() => [document.documentElement, ...document.querySelectorAll("body *")]
    .filter((box) => box.scrollWidth > box.clientWidth + 1 && !box.closest("pre")
        && (box === document.documentElement
            || ["auto", "scroll"].includes(getComputedStyle(box).overflowX)))
    .map((box) => `${box.tagName}.${box.className} ${box.scrollWidth}`)"""


@pytest.fixture(scope="package")
def html(tmp_path_factory):
    """Build the documentation and return its folder."""
    if find_spec("pydata_sphinx_theme") is None:
        pytest.skip("the package pydata-sphinx-theme is not installed")
    folder = tmp_path_factory.mktemp("html")
    command = [sys.executable, "-m", "sphinx", "--fail-on-warning", "-q", str(DOCS), str(folder)]
    subprocess.run(command, cwd=ROOT, check=True)  # noqa: S603
    return folder


def pages(html):
    return [path for path in html.rglob("*.html") if "_static" not in path.parts]


def test_no_page_of_the_docs_scrolls_sideways_on_a_phone(html, browser):
    tab = browser.new_page(viewport={"width": WIDTH, "height": 800})
    wide = {}
    for path in pages(html):
        tab.goto(path.as_uri())
        if boxes := tab.evaluate(SIDEWAYS):
            wide[path.relative_to(html).as_posix()] = boxes
    tab.close()
    assert wide == {}


def test_each_setting_check_and_code_has_an_anchor(html):
    [[_, *checks]] = section(DOCS / "checks.rst", "System checks").tables
    for page, kind, names in (
        ("settings", "setting", list(setting_fields())),
        ("checks", "check", [literal(row[0]).removeprefix("tokenauth.") for row in checks]),
        ("errors", "rejection", list(TokenErrorCode)),
    ):
        text = (html / f"{page}.html").read_text(encoding="utf-8")
        assert re.findall(rf'id="{kind}-(\w+)"', text) == names
        assert re.findall(rf'href="#{kind}-(\w+)"', text)[0] == names[0]


def test_names_of_settings_on_other_pages_link_to_their_row(html):
    text = (html / "sessions.html").read_text(encoding="utf-8")
    assert 'href="settings.html#setting-REFRESH_GRACE"' in text


def test_navigation_lists_pages_and_no_sections(html):
    text = (html / "settings.html").read_text(encoding="utf-8")
    [navigation] = re.findall(r'<nav class="bd-docs-nav.*?</nav>', text, re.DOTALL)
    groups = re.findall(r'<span class="caption-text">(.*?)</span>', navigation)
    assert groups[:5] == ["Get started", "Guide", "Reference", "Security", "Development"]
    targets = re.findall(r'href="(.*?)"', navigation)
    assert len(targets) > 40
    assert [target for target in targets if "#" in target and target != "#"] == []
