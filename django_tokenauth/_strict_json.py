"""JSON from strangers and key files, read strictly (RFC 8259, RFC 8725 section 3.7)."""

from __future__ import annotations

import json
from typing import Any

#: How deep it may be nested: more than anything here needs, less than troubles any reader of it.
MAX_DEPTH = 16
# RFC 8259 section 2.
_BLANKS = " \t\n\r"
# What no JSON can say.
_NOTHING = object()


class Malformed(ValueError):
    """Not JSON, or JSON that two readers could understand in two ways."""


def loads(data: bytes) -> Any:
    """Read JSON: UTF-8 only, no name twice in an object, no number that JSON does not have, no half
    of a surrogate pair, not nested deeper than :data:`MAX_DEPTH`. Raises :class:`Malformed`.
    """
    value = _read(data)
    # Raised out here, so that the library's error, which repeats all of data, does not even hang on
    # ours as its context.
    if value is _NOTHING:
        raise Malformed
    if data.count(b"{") + data.count(b"[") > MAX_DEPTH and _is_deeper(value, MAX_DEPTH):
        raise Malformed
    return value


def _read(data: bytes) -> Any:
    try:
        text = data.decode("utf-8").strip(_BLANKS)
        # What decode() of it does, which looks for the blanks with regular expressions: half of the
        # time that it takes more than json.loads.
        value, end = _DECODER.raw_decode(text)
        if end != len(text):
            return _NOTHING
        if b"\\u" in data:
            # Half a surrogate pair can only come escaped; such a text could not be written again.
            json.dumps(value, ensure_ascii=False).encode("utf-8")
    except (ValueError, RecursionError):
        return _NOTHING
    return value


def _is_deeper(value: Any, depth: int) -> bool:
    """Whether ``value`` is nested deeper than ``depth``. Level by level: it may be very deep."""
    level = [value]
    for _ in range(depth):
        level = [
            child
            for item in level
            if isinstance(item, (dict, list))
            for child in (item.values() if isinstance(item, dict) else item)
        ]
    return any(isinstance(item, (dict, list)) for item in level)


def _without_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise Malformed
    return members


def _finite(digits: str) -> float:
    value = float(digits)
    if value in (float("inf"), float("-inf")):
        raise Malformed
    return value


def _refuse(name: str) -> None:
    raise Malformed


_DECODER = json.JSONDecoder(
    object_pairs_hook=_without_duplicates, parse_float=_finite, parse_constant=_refuse
)
