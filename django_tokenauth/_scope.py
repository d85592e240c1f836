"""The scope syntax (RFC 6749 section 3.3) and the maximum length of a scope."""

from __future__ import annotations

import re

#: Maximum length of a scope in a request, a setting or a session, in characters.
MAX_SCOPE_LENGTH = 1024

# Printable ASCII without space, quotation mark and backslash.
_NAME = r"[\x21\x23-\x5b\x5d-\x7e]+"
_SCOPE_NAME = re.compile(rf"{_NAME}\Z")
_SCOPE = re.compile(rf"{_NAME}(?: {_NAME})*\Z")


def is_scope_name(name: str) -> bool:
    """Return whether *name* is one scope name (``scope-token``)."""
    return _SCOPE_NAME.match(name) is not None


def parse_scope(scope: str) -> frozenset[str] | None:
    """Return the scope names in *scope*, or ``None`` if its syntax is invalid."""
    return frozenset(scope.split(" ")) if _SCOPE.match(scope) else None
