"""Strict JSON for requests, tokens and key files (RFC 8259, RFC 8725 section 3.7)."""

from __future__ import annotations

import json
from typing import Any

#: Maximum nesting depth of arrays and objects. Requests, registered claims and JWKs need fewer than
#: 16 levels, and common JSON parsers support 16 levels.
MAX_DEPTH = 16
# Whitespace in JSON (RFC 8259 section 2).
_WHITESPACE = " \t\n\r"
# The result for invalid JSON: an object that no JSON text can represent.
_INVALID = object()


class Malformed(ValueError):
    """The text is not JSON, or two JSON parsers could read it differently."""


def loads(data: bytes) -> Any:
    """Return the value of the JSON text *data*.

    Raises :class:`Malformed` if *data* is not strict JSON in UTF-8. Strict JSON has no duplicate
    names in an object, no infinite numbers, no unpaired surrogates, and no nesting deeper than
    :data:`MAX_DEPTH`.
    """
    value = _read(data)
    # Malformed is raised outside the exception handler: in the handler, its context would be the
    # json library's error, which contains all of data.
    if value is _INVALID:
        raise Malformed
    if data.count(b"{") + data.count(b"[") > MAX_DEPTH and _is_deeper(value, MAX_DEPTH):
        raise Malformed
    return value


def _read(data: bytes) -> Any:
    try:
        text = data.decode("utf-8").strip(_WHITESPACE)
        # JSONDecoder.decode() skips whitespace with regular expressions, which are slower than
        # str.strip().
        value, end = _DECODER.raw_decode(text)
        if end != len(text):
            return _INVALID
        if b"\\u" in data:
            # Only an escape can express an unpaired surrogate, which UTF-8 cannot encode.
            json.dumps(value, ensure_ascii=False).encode("utf-8")
    except (ValueError, RecursionError):
        return _INVALID
    return value


def _is_deeper(value: Any, depth: int) -> bool:
    """Return whether *value* is nested deeper than *depth*.

    The search is iterative, because a recursive search of a deep value raises ``RecursionError``.
    """
    level = [value]
    for _ in range(depth):
        level = [
            child
            for item in level
            if isinstance(item, (dict, list))
            for child in (item.values() if isinstance(item, dict) else item)
        ]
    return any(isinstance(item, (dict, list)) for item in level)


def _reject_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise Malformed
    return members


def _parse_finite(digits: str) -> float:
    value = float(digits)
    if value in (float("inf"), float("-inf")):
        raise Malformed
    return value


def _reject_constant(name: str) -> None:
    raise Malformed


_DECODER = json.JSONDecoder(
    object_pairs_hook=_reject_duplicates,
    parse_float=_parse_finite,
    parse_constant=_reject_constant,
)
