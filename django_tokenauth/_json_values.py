"""The JSON values of common types of Python, as in ``JSONEncoder`` of REST framework 3.18."""

from __future__ import annotations

import ipaddress
import uuid
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

from django.utils.functional import Promise

_ADDRESSES = (
    *(ipaddress.IPv4Address, ipaddress.IPv4Interface, ipaddress.IPv4Network),
    *(ipaddress.IPv6Address, ipaddress.IPv6Interface, ipaddress.IPv6Network),
)

_STRINGS = (Promise, uuid.UUID, *_ADDRESSES)


class NotJSON(TypeError):
    """JSON cannot represent a value. ``type_name`` is the name of its type."""

    def __init__(self, value: object) -> None:
        self.type_name = type(value).__name__
        super().__init__(self.type_name)


def as_json_value(value: Any) -> str | float:
    """Return the JSON value of *value*: the ``default`` argument of ``json.dumps()``.

    A ``Decimal`` becomes a number, and a ``timedelta`` a string of its seconds. A ``datetime`` in
    UTC ends with ``Z``. A lazy string is in the active language. Raises :class:`NotJSON` for other
    types, for times with a time zone, and for decimals that are not finite.
    """
    if isinstance(value, datetime):
        return value.isoformat().replace("+00:00", "Z")
    if isinstance(value, timedelta):
        return str(value.total_seconds())
    if isinstance(value, date) or (isinstance(value, time) and value.utcoffset() is None):
        return value.isoformat()
    if isinstance(value, Decimal) and value.is_finite():
        return float(value)
    if isinstance(value, _STRINGS):
        return str(value)
    raise NotJSON(value)
