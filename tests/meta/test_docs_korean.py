"""The Korean pages have the structure, examples and literals of the English pages."""

from __future__ import annotations

import re

import pytest

from tests.support.documents import DOCS, README, sections

PAGES = {
    README: DOCS / "ko" / "README.rst",
    DOCS / "quickstart.rst": DOCS / "ko" / "quickstart.rst",
}
PAIRS = [
    pytest.param(*pair, id=f"{english.stem}-{pair[0].title}")
    for english, korean in PAGES.items()
    for pair in zip(sections(english), sections(korean), strict=True)
]
LINK = re.compile(r"<(https://[^>]+)>`_")
OTHER_LANGUAGE = {
    "https://drf-tokenauth.readthedocs.io/en/latest/ko/README.html",
    "https://github.com/drf-tokenauth/drf-tokenauth",
}


def links(found):
    """Return the links of a section, except that to the page in the other language."""
    found_links = [link for link in LINK.findall(found.text) if link not in OTHER_LANGUAGE]
    return sorted(link.replace("/ko/", "/") for link in found_links)


@pytest.mark.parametrize(("english", "korean"), PAIRS)
def test_korean_section_has_the_same_examples_and_literals(english, korean):
    assert korean.blocks == english.blocks
    assert korean.literals == english.literals


@pytest.mark.parametrize(("english", "korean"), PAIRS)
def test_korean_section_has_the_same_links(english, korean):
    assert links(korean) == links(english)


@pytest.mark.parametrize(("english", "korean"), PAIRS)
def test_korean_section_is_in_korean(english, korean):
    assert re.search("[가-힣]", korean.title + korean.text)
    assert not re.search("[가-힣]", english.title)
