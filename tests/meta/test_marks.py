"""The marks that connect tests with the lines of the documentation."""

from __future__ import annotations

import pytest

from tests.support.marks import marked_in, parse_entry


def test_marks_of_functions_classes_and_modules_are_found():
    source = """
pytestmark = [pytest.mark.attack(9), pytest.mark.django_db]


@pytest.mark.attack(1)
class TestA:
    @pytest.mark.parametrize("a", [1])
    @pytest.mark.attack(2, 3)
    def test_b(self): ...

    def test_c(self): ...


@pytest.mark.standard("rfc7009-2-1")
def test_d(): ...


@pytest.mark.other(4)
def test_e(): ...
"""
    assert marked_in(source) == {
        "test_b": {("attack", 1), ("attack", 2), ("attack", 3), ("attack", 9)},
        "test_c": {("attack", 1), ("attack", 9)},
        "test_d": {("standard", "rfc7009-2-1"), ("attack", 9)},
        "test_e": {("attack", 9)},
    }


def test_function_without_a_mark_has_an_empty_set_of_marks():
    assert marked_in("def test_f(): ...") == {"test_f": set()}


def test_role_text_is_parsed_as_mark_and_argument():
    assert parse_entry("attack 130") == ("attack", 130)
    assert parse_entry("standard rfc7009-2-1") == ("standard", "rfc7009-2-1")


@pytest.mark.parametrize("text", ["", "attack", "other 1"])
def test_role_text_without_a_known_mark_is_an_error(text):
    with pytest.raises(ValueError, match="not a mark"):
        parse_entry(text)
