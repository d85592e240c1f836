"""The format of API tokens, and a secret scanner that finds them in a large file."""

from __future__ import annotations

import re
import string

import pytest

from django_tokenauth.api_tokens import formats
from tests.support.api_tokens import UNKNOWN

PREFIX = "tokenauth"
#: Lines that look like an API token, as a scanner meets them in the files of a project.
LOOKALIKES = (
    "tokenauth_",
    f"tokenauth_{'a' * 37}",
    f"tokenauth_{'a' * 39}",
    f"tokenauth_{'a' * 37}_",
    f"tokenauth_{'a' * 37}-b",
    f"Tokenauth_{'a' * 38}",
    f"tokenauth-{'a' * 38}",
    f"other_{'a' * 38}",
    "def tokenauth_prune_the_sessions_of_a_user_in_batches(connection):",
    "eyJhbGciOiJIUzI1NiIsInR5cCI6ImF0K2p3dCJ9.eyJpc3MiOiJkamFuZ28ifQ.c2lnbmF0dXJl",
)
LINES = 1_000_000


def test_token_has_prefix_random_part_and_checksum():
    tokens = {formats.generate(PREFIX) for _ in range(100)}
    assert len(tokens) == 100
    for token in tokens:
        assert re.fullmatch(r"tokenauth_[0-9A-Za-z]{38}", token)
        assert formats.is_complete(token, PREFIX)
    assert len(formats.ALPHABET) ** formats.RANDOM_LENGTH > 2**160


def test_each_wrong_character_is_detected():
    for place in range(len(PREFIX) + 1, len(UNKNOWN)):
        for character in string.ascii_letters + string.digits:
            wrong = UNKNOWN[:place] + character + UNKNOWN[place + 1 :]
            assert formats.is_complete(wrong, PREFIX) == (wrong == UNKNOWN)


def test_each_exchange_of_neighbours_is_detected():
    token = formats.generate(PREFIX)
    for place in range(len(PREFIX) + 1, len(token) - 1):
        wrong = token[:place] + token[place + 1] + token[place] + token[place + 2 :]
        assert formats.is_complete(wrong, PREFIX) == (wrong == token)


@pytest.mark.parametrize("length", range(len(UNKNOWN)))
def test_truncated_token_is_detected(length):
    assert not formats.is_complete(UNKNOWN[:length], PREFIX)


@pytest.mark.parametrize(
    "wrong",
    [f"{UNKNOWN}0", f"{UNKNOWN}\n", f" {UNKNOWN}", UNKNOWN.upper(), f"{UNKNOWN[:-1]}é"],
)
def test_token_with_another_character_is_detected(wrong):
    assert not formats.is_complete(wrong, PREFIX)


def test_token_of_another_prefix_is_detected():
    assert not formats.is_complete(UNKNOWN, "acme")
    assert not formats.is_complete(UNKNOWN, "token")
    assert formats.is_complete(formats.generate("acme"), "acme")


@pytest.mark.parametrize(
    ("token", "expected"),
    [(UNKNOWN, True), ("tokenauth", True), ("a.b.c", False), ("tokenauth_a.b.c", False)],
)
def test_form_of_the_token_decides_its_kind(token, expected):
    assert formats.has_prefix(token, PREFIX) is expected


@pytest.mark.parametrize("token", [None, 1, b"tokenauth_", ["tokenauth_"]])
def test_other_types_are_no_api_tokens(token):
    assert not formats.has_prefix(token, PREFIX)


@pytest.mark.parametrize("form", ["{}", "TOKEN={}", '"token": "{}",', "-H 'Bearer {}'", "({})."])
def test_pattern_finds_a_token_in_each_syntax(form):
    assert re.findall(formats.pattern(PREFIX), form.format(UNKNOWN)) == [UNKNOWN]


def test_scanner_finds_all_tokens_in_a_million_lines(tmp_path):
    tokens = [formats.generate(PREFIX) for _ in range(100)]
    lines = [f"{each}\n" for each in LOOKALIKES] * (LINES // len(LOOKALIKES))
    distance = LINES // len(tokens)
    for number, token in enumerate(tokens):
        lines[number * distance + number] = f"API_TOKEN={token}\n"
    file = tmp_path / "repository.txt"
    file.write_text("".join(lines), encoding="ascii")
    found = re.findall(formats.pattern(PREFIX), file.read_text(encoding="ascii"))
    assert found == tokens
    assert all(formats.is_complete(token, PREFIX) for token in found)
