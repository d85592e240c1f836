"""What a value in ``TOKENAUTH`` may be: one function per kind of setting.

Each takes the value as the project wrote it and returns it as the package uses it, or raises
:class:`InvalidSetting` with a sentence that says what to write instead. No message repeats a value,
because it may be a key.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from types import MappingProxyType
from typing import Any

from django.utils.module_loading import import_string

KeyMaterial = str | bytes | Mapping[str, Any]

# Beyond it, no end of a session can be written as a date.
_LONGEST = timedelta(days=36500)
_PERIODS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_RATE = re.compile(r"([1-9][0-9]*)/(s|sec|second|m|min|minute|h|hour|d|day)\Z")
# RFC 6749 section 3.3: printable ASCII without blank, quotation mark and backslash.
_SCOPE = re.compile(r"[\x21\x23-\x5b\x5d-\x7e]+\Z")
# SHA-256 in hex, as manage.py tokenauth_client prints it.
_CLIENT_SECRET = re.compile(r"sha256\$[0-9a-f]{64}")


class InvalidSetting(ValueError):
    """A value that a setting cannot have; the text says what it can have."""


@dataclass(frozen=True, slots=True)
class Rate:
    """At most ``limit`` events in ``seconds``."""

    limit: int
    seconds: int


def text(value: object) -> str:
    if not isinstance(value, str) or not 0 < len(value) <= 255 or not value.isprintable():
        raise InvalidSetting("Give a text that is not empty, of at most 255 printable characters.")
    return value


def optional_text(value: object) -> str | None:
    return None if value is None else text(value)


def flag(value: object) -> bool:
    if not isinstance(value, bool):
        raise InvalidSetting("Give True or False.")
    return value


def lifetime(value: object) -> timedelta:
    if not isinstance(value, timedelta):
        raise InvalidSetting("Give a datetime.timedelta, for example timedelta(minutes=5).")
    if not timedelta(seconds=1) <= value <= _LONGEST:
        raise InvalidSetting(
            "Give a timedelta of at least a second, and of a hundred years at most."
        )
    return value


def optional_lifetime(value: object) -> timedelta | None:
    return None if value is None else lifetime(value)


def at_most(seconds: int) -> Callable[[object], timedelta]:
    """A duration from zero to ``seconds``."""

    def duration(value: object) -> timedelta:
        if not isinstance(value, timedelta):
            raise InvalidSetting("Give a datetime.timedelta, for example timedelta(seconds=10).")
        if not timedelta(0) <= value <= timedelta(seconds=seconds):
            raise InvalidSetting(f"Give a timedelta from 0 to {seconds} seconds.")
        return value

    return duration


def count(value: object) -> int:
    if type(value) is not int or value < 1:
        raise InvalidSetting("Give a whole number above zero.")
    return value


def optional_count(value: object) -> int | None:
    return None if value is None else count(value)


def optional_rate(value: object) -> Rate | None:
    if value is None:
        return None
    match = _RATE.match(value) if isinstance(value, str) else None
    if match is None:
        raise InvalidSetting('Give None or a rate such as "20/hour" (second, minute, hour or day).')
    return Rate(int(match[1]), _PERIODS[match[2][0]])


def scopes(value: object) -> tuple[str, ...]:
    if not isinstance(value, (list, tuple, set, frozenset)) or not all(
        isinstance(item, str) and _SCOPE.match(item) for item in value
    ):
        raise InvalidSetting(
            'Give a list of scope names without blanks, for example ["notes:read"].'
        )
    return tuple(value)


def hook(value: object) -> Callable[..., Any] | None:
    if value is None:
        return None
    if isinstance(value, str):
        try:
            value = import_string(value)
        except (ImportError, TypeError, ValueError):
            raise InvalidSetting(
                "The dotted path does not lead to anything that can be imported."
            ) from None
    if not callable(value):
        raise InvalidSetting("Give a function, or the dotted path of one.")
    return value


def key_material(value: object) -> KeyMaterial:
    if not isinstance(value, (str, bytes, Mapping)):
        raise InvalidSetting(
            "Give a key as PEM text, as a JWK (a dict or its JSON), or as a secret text."
        )
    if not value:
        raise InvalidSetting(
            "The key is empty. Make one with at least 32 random bytes, or give None."
        )
    return value


def optional_key_material(value: object) -> KeyMaterial | None:
    return None if value is None else key_material(value)


def keys(value: object) -> tuple[KeyMaterial, ...]:
    # A text is a sequence too: each of its letters would be taken for a key.
    if isinstance(value, (str, bytes, Mapping)) or not isinstance(value, Sequence):
        raise InvalidSetting("Give a list of keys, even for a single one.")
    return tuple(key_material(item) for item in value)


def optional_key_set(value: object) -> tuple[Mapping[str, Any], ...]:
    """JWKs in a list, or in a JWK Set (RFC 7517 section 5) as a dict or as its JSON."""
    if value is None:
        return ()
    if isinstance(value, (str, bytes)):
        try:
            value = json.loads(value)
        except (ValueError, RecursionError):
            # The library's error repeats the text, which has keys in it.
            value = None
    if isinstance(value, Mapping):
        value = value.get("keys")
    if isinstance(value, (str, bytes)) or not isinstance(value, Sequence):
        raise InvalidSetting(
            'Give a list of JWKs, or a JWK Set as a dict or as its JSON: {"keys": [...]}.'
        )
    # An empty one would turn to the secret that is used where nothing is set.
    if not value or not all(isinstance(item, Mapping) and item for item in value):
        raise InvalidSetting(
            "Give each key as a JWK: a dict with kty and the other members of RFC 7517."
        )
    return tuple(value)


def optional_path(value: object) -> Path | None:
    if value is None:
        return None
    if not isinstance(value, (str, os.PathLike)) or not Path(value).is_absolute():
        raise InvalidSetting('Give an absolute path, for example BASE_DIR / "keys".')
    return Path(value)


def clients(value: object) -> Mapping[str, str | None]:
    """Return the ``sha256$`` value of each client's secret; ``None`` shuts the client out.

    A hash by one of Django's hashers is rejected: it would slow down each request of the client.
    Malformed hex is rejected too, because it was cut or changed while being pasted. No secret could
    match it.
    """
    if value is None:
        value = {}
    if not isinstance(value, Mapping):
        raise InvalidSetting('Give a dict such as {"reports": "sha256$..."}.')
    for client_id in value:
        text(client_id)
    wrong = [
        repr(client_id)
        for client_id, encoded in value.items()
        if encoded is not None
        and not (isinstance(encoded, str) and _CLIENT_SECRET.fullmatch(encoded))
    ]
    if wrong:
        raise InvalidSetting(
            f"The value is wrong for {', '.join(wrong)}. Run manage.py tokenauth_client NAME and "
            "paste the sha256$ value that it prints, or give None to shut the client out. Hashes "
            "by Django's hashers (make_password) and plain secrets are rejected."
        )
    return MappingProxyType(dict(value))
