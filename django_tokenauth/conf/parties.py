"""The parsers of ``ISSUER`` and ``AUDIENCE``: constants, or functions of the request."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

from . import values

_Function = Callable[..., Any]

_EXPECTED = "a string of 1 to 255 printable characters, or a function of the request"


def issuer(value: object) -> str | _Function | None:
    """Return the constant or the function *value*, or import the function from a dotted path.

    A string is a dotted path if its module can be imported. Any other string is a constant, such as
    ``"auth.example.com"``.
    """
    if callable(value):
        return value
    if not isinstance(value, str):
        raise values.InvalidSetting(_EXPECTED)
    try:
        return values.hook(value)
    except values.InvalidSetting:
        module_name, _, _ = value.rpartition(".")
        if module_name in sys.modules:
            # The module has no such function.
            raise
        return values.string(value)


def audience(value: object) -> str | _Function | None:
    """Return *value* as :func:`issuer` does, or ``None``."""
    return None if value is None else issuer(value)


def take_functions(parsed: dict[str, Any]) -> dict[str, _Function]:
    """Remove the functions from the values *parsed*, and return them by the name of their field."""
    names = [name for name in ("issuer", "audience") if callable(parsed.get(name))]
    return {name: parsed.pop(name) for name in names}
