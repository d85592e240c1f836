"""The data of a session as a JSON value."""

from __future__ import annotations

import uuid
from datetime import date
from decimal import Decimal

import pytest
from django.utils.translation import gettext_lazy

from django_tokenauth.services.session_data import as_data

PK = uuid.UUID("0f8fad5b-d9cb-469f-a165-70867728950e")
CIRCULAR = []
CIRCULAR.append(CIRCULAR)


def nested(depth):
    value = 1
    for _ in range(depth):
        value = [value]
    return value


@pytest.mark.parametrize(
    ("data", "stored"),
    [
        (None, None),
        (False, False),
        (0, 0),
        ("acme", "acme"),
        ({}, {}),
        ({"org": "acme", "branches": [1, 2.5, None]}, {"org": "acme", "branches": [1, 2.5, None]}),
        ((1, 2), [1, 2]),
        ({1: "one"}, {"1": "one"}),
        ({"org": PK}, {"org": str(PK)}),
        ([date(2026, 11, 23), Decimal("1.5")], ["2026-11-23", 1.5]),
        (gettext_lazy("Users"), "Users"),
        ("서울", "서울"),
        ("\\u0000", "\\u0000"),
        ("x" * 2046, "x" * 2046),
        (nested(15), nested(15)),
    ],
)
def test_session_data_is_the_value_of_its_json(data, stored):
    assert as_data(data) == stored


@pytest.mark.parametrize(("data", "size"), [("x" * 2047, 2049), ("서" * 683, 2051)])
def test_session_data_with_too_many_bytes_is_rejected(data, size):
    with pytest.raises(ValueError, match=f"at most 2048 bytes as JSON, not {size}"):
        as_data(data)


@pytest.mark.parametrize(
    "data",
    [
        "\0",
        "\\\0",
        {"a\0": 1},
        "\ud800",
        float("nan"),
        float("inf"),
        nested(16),
        {1: "a", "1": "b"},
        CIRCULAR,
    ],
    ids=repr,
)
def test_session_data_that_no_database_can_store_is_rejected(data):
    with pytest.raises(ValueError, match=r"^data must be nested at most 15 levels deep, without"):
        as_data(data)


@pytest.mark.parametrize(
    ("data", "error"),
    [
        (object(), "It contains an object of object."),
        ({"org": b"acme"}, "It contains an object of bytes."),
        ([{1, 2}], "It contains an object of set."),
        ({(1, 2): 3}, "The keys of a dict must be strings."),
    ],
)
def test_session_data_of_other_types_is_rejected(data, error):
    with pytest.raises(TypeError) as caught:
        as_data(data)
    assert str(caught.value) == f"data must be a JSON value. {error}"
