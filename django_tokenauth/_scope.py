"""The scope syntax (RFC 6749 section 3.3), the maximum length of a scope, and decorated scopes."""

from __future__ import annotations

import re
from typing import Any

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


def decorated_scopes(view: Any, method: str) -> tuple[str, ...] | None:
    """Return the scopes of ``required_scopes()`` on the method or action of *view*, or ``None``."""
    name = getattr(view, "action", None) or ("get" if method == "HEAD" else method.lower())
    handler = getattr(view, name, None)
    # The handlers that @api_view creates contain the decorated function in their closure.
    cells = getattr(handler, "__closure__", None) or ()
    for each in (handler, *(cell.cell_contents for cell in cells)):
        scopes: tuple[str, ...] | None = getattr(each, "required_scopes", None)
        if scopes is not None:
            return scopes
    return None
