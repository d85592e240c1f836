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

    def parse(value: object) -> tuple[str, ...]:
        if not isinstance(value, (list, tuple, set, frozenset)) or not all(
            isinstance(name, str) and is_scope_name(name) for name in value
        ):
            raise InvalidSetting(
                f"a list of {kind}: printable ASCII without spaces, quotes and backslashes",
                f'For example ["{example}"].',
            )
        return tuple(value)

    return parse


scopes = names("scope names", "notes:read")
acr_values = names("acr values", "urn:example:mfa")
