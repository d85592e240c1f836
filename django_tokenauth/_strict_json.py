"""Strict JSON for requests, tokens and key files (RFC 8259, RFC 8725 section 3.7)."""

from __future__ import annotations

import json
from typing import Any

#: The deepest nesting of arrays and objects. The formats read here need less, and every reader of
#: them can handle this depth.
MAX_DEPTH = 16
# RFC 8259 section 2.
_WHITESPACE = " \t\n\r"
# A value that JSON cannot express.
_INVALID = object()


class Malformed(ValueError):
    """Not JSON, or JSON that two readers could understand differently."""


def loads(data: bytes) -> Any:
    """Return the value of the JSON text *data*.

    Raises :class:`Malformed`, also for encodings other than UTF-8, duplicate names in an object,
    infinite numbers, unpaired surrogates, and nesting deeper than :data:`MAX_DEPTH`.
    """
    value = _read(data)
    # Raised here and not in the handler: there, the library's error would become the context of
    # this one, and it contains all of data.
    if value is _INVALID:
        raise Malformed
    if data.count(b"{") + data.count(b"[") > MAX_DEPTH and _is_deeper(value, MAX_DEPTH):
        raise Malformed
    return value


def _read(data: bytes) -> Any:
    try:
        text = data.decode("utf-8").strip(_WHITESPACE)
        # JSONDecoder.decode() does the same, but finds whitespace with regular expressions, which
        # takes as long as the other checks here together.
        value, end = _DECODER.raw_decode(text)
        if end != len(text):
            return _INVALID
        if b"\\u" in data:
            # Only escapes can express an unpaired surrogate. UTF-8 cannot encode it.
            json.dumps(value, ensure_ascii=False).encode("utf-8")
    except (ValueError, RecursionError):
        return _INVALID
    return value


def _is_deeper(value: Any, depth: int) -> bool:
    """Return whether *value* is nested deeper than *depth*. Iterative: it may be very deep."""
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
