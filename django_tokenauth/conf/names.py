"""The settings that are lists of names: scopes, and values of ``acr``."""

from __future__ import annotations

from collections.abc import Callable

from .._scope import is_scope_name
from .values import InvalidSetting


def names(kind: str, example: str) -> Callable[[object], tuple[str, ...]]:
    """Return the parser of a list of *kind*, whose error shows *example*.

    The names have the characters of a scope name (RFC 6749 section 3.3), because responses list
    them separated by spaces and in quotation marks.
    """

    expected = f"a list of {kind}: printable ASCII without spaces, quotes and backslashes"
    hint = f'For example ["{example}"].'

    def parse(value: object) -> tuple[str, ...]:
        if not isinstance(value, (list, tuple, set, frozenset)):
            raise InvalidSetting(expected, hint)
        for position, name in enumerate(value, start=1):
            if not isinstance(name, str) or not is_scope_name(name):
                raise InvalidSetting(expected, f"Entry {position} is wrong. {hint}")
        return tuple(value)

    return parse


scopes = names("scope names", "notes:read")
acr_values = names("acr values", "urn:example:mfa")
