"""Syntax of scopes (RFC 6749 section 3.3)."""

from __future__ import annotations

import pytest

from django_tokenauth._scope import MAX_SCOPE_LENGTH, is_scope_name, parse_scope
from django_tokenauth.models import Session

# scope-token = 1*( %x21 / %x23-5B / %x5D-7E )
PERMITTED = {chr(code) for code in (0x21, *range(0x23, 0x5C), *range(0x5D, 0x7F))}


def test_scope_name_permits_exactly_the_characters_of_rfc_6749():
    characters = [chr(code) for code in range(0x3000)]
    assert {character for character in characters if is_scope_name(character)} == PERMITTED
    assert {character for character in characters if parse_scope(character)} == PERMITTED


@pytest.mark.parametrize("name", ["", "a b", "a\n", " a", "a ", "\ud800"])
def test_malformed_scope_name_is_rejected(name):
    assert not is_scope_name(name)


@pytest.mark.parametrize(
    ("scope", "names"),
    [
        ("notes:read", {"notes:read"}),
        ("notes:read notes:write", {"notes:read", "notes:write"}),
        ("b a b", {"a", "b"}),
    ],
)
def test_scope_is_split_into_a_set_of_names(scope, names):
    assert parse_scope(scope) == names


@pytest.mark.parametrize("scope", ["", " ", " a", "a ", "a  b", "a\tb", "a\n", 'a "b"', "a\\b"])
def test_malformed_scope_is_parsed_as_none(scope):
    assert parse_scope(scope) is None


def test_session_scope_column_has_the_maximum_scope_length():
    assert Session._meta.get_field("scope").max_length == MAX_SCOPE_LENGTH == 1024
