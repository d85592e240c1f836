"""The types of arguments of commands."""

from __future__ import annotations

from argparse import ArgumentTypeError
from datetime import timedelta

import pytest

from django_tokenauth.management.arguments import duration


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("90", timedelta(seconds=90)),
        ("90s", timedelta(seconds=90)),
        ("30m", timedelta(minutes=30)),
        ("12h", timedelta(hours=12)),
        ("7d", timedelta(days=7)),
        ("PT30M", timedelta(minutes=30)),
        ("1 12:00:00", timedelta(days=1, hours=12)),
    ],
)
def test_duration_has_a_unit_or_a_format_of_django(text, expected):
    assert duration(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "0",
        "0m",
        "-5m",
        "-5",
        "1.5",
        "12 h",
        "1w",
        "h",
        "\u0661h",
        "9" * 20,
        "9" * 5000,
        "x",
    ],
    ids=lambda text: text[:10],
)
def test_other_text_is_not_a_duration(text):
    with pytest.raises(ArgumentTypeError) as caught:
        duration(text)
    assert str(caught.value) == (
        f"{text!r} is not a duration. Write 30m, 12h, 7d, or a number of seconds."
    )
