"""Values in JSON are those of REST framework's encoder."""

from __future__ import annotations

import json
import uuid
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from ipaddress import ip_address, ip_network

import pytest
from django.utils import translation
from django.utils.translation import gettext_lazy
from rest_framework.utils.encoders import JSONEncoder

from django_tokenauth._json_values import NotJSON, as_json_value

MOMENT = datetime(2026, 11, 29, 12, 30, 15, 123456)  # noqa: DTZ001


@pytest.mark.parametrize(
    "value",
    [
        uuid.UUID(int=7),
        date(2026, 11, 29),
        MOMENT,
        MOMENT.replace(tzinfo=UTC),
        MOMENT.replace(tzinfo=timezone(timedelta(hours=9))),
        MOMENT.replace(microsecond=0, tzinfo=UTC),
        time(12, 30),
        time(12, 30, 15, 123456),
        time(12, tzinfo=UTC).replace(tzinfo=None),
        timedelta(days=1, microseconds=5),
        gettext_lazy("yes"),
    ],
    ids=repr,
)
def test_json_value_equals_that_of_rest_framework(value):
    assert as_json_value(value) == json.loads(json.dumps(value, cls=JSONEncoder))


@pytest.mark.parametrize("text", ["192.0.2.1", "2001:db8::1"])
def test_ip_addresses_and_networks_become_strings(text):
    """The oldest supported version of REST framework encodes no address."""
    assert as_json_value(ip_address(text)) == text
    assert as_json_value(ip_network(f"{text}/32", strict=False)).endswith("/32")


def test_decimal_becomes_a_number():
    """REST framework before 3.17 encodes a decimal as a string."""
    assert as_json_value(Decimal("1.50")) == 1.5


@pytest.mark.parametrize("language", ["en", "ko"])
def test_lazy_string_is_in_the_active_language(language):
    with translation.override(language):
        assert as_json_value(gettext_lazy("Monday")) == str(gettext_lazy("Monday"))


@pytest.mark.parametrize(
    "value",
    [{1}, b"x", object(), time(12, tzinfo=UTC), range(3), 1j, Decimal("NaN"), Decimal("Infinity")],
)
def test_value_that_json_cannot_represent_is_an_error(value):
    with pytest.raises(NotJSON) as error:
        as_json_value(value)
    assert error.value.type_name == type(value).__name__
