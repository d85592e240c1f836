"""The permitted values of settings: one parser per kind of setting.

A parser takes the value that the project wrote and returns the value that the package uses, or
raises :class:`InvalidSetting`. No error contains the value, because it may be a key.
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

from .._scope import is_scope_name

KeyMaterial = str | bytes | Mapping[str, Any]

#: The last second of the year 9999, in seconds since the epoch: the latest ``datetime``.
LAST_SECOND = 253402300799

# now + this is a valid datetime, and so is the end of every session.
_MAX_LIFETIME = timedelta(days=36500)
_PERIODS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_RATE = re.compile(r"([1-9][0-9]*)/(s|sec|second|m|min|minute|h|hour|d|day)\Z")
# SHA-256 in hexadecimal digits, as manage.py tokenauth_client prints it.
_CLIENT_SECRET = re.compile(r"sha256\$[0-9a-f]{64}")
_CLIENTS = "a dict of client ids and hashed secrets"
_ONE_KEY = "PEM text, a JWK (a dict or its JSON) or a secret string"


class InvalidSetting(ValueError):
    """A value that a setting cannot have.

    *expected* is a noun phrase for the values that it can have, *hint* a sentence on how to get
    one.
    """

    def __init__(self, expected: str, hint: str = "") -> None:
        super().__init__(f"expected {expected}")
        self.expected = expected
        self.hint = hint


@dataclass(frozen=True, slots=True)
class Rate:
    """At most ``limit`` events in ``seconds``."""

    limit: int
    seconds: int


def string(value: object) -> str:
    # A claim has the same limits: the server would reject its own tokens.
    if not isinstance(value, str) or not 0 < len(value) <= 255 or not value.isprintable():
        raise InvalidSetting("a string of 1 to 255 printable characters")
    return value


def optional_string(value: object) -> str | None:
    return None if value is None else string(value)


def flag(value: object) -> bool:
    if not isinstance(value, bool):
        raise InvalidSetting("True or False")
    return value


def lifetime(value: object) -> timedelta:
    if not isinstance(value, timedelta) or not timedelta(seconds=1) <= value <= _MAX_LIFETIME:
        raise InvalidSetting(
            "a timedelta from 1 second to 100 years", "For example timedelta(minutes=5)."
        )
    return value


def optional_lifetime(value: object) -> timedelta | None:
    return None if value is None else lifetime(value)


def duration_up_to(seconds: int) -> Callable[[object], timedelta]:
    """Return the parser of durations from zero to *seconds*."""

    def duration(value: object) -> timedelta:
        if not isinstance(value, timedelta) or not timedelta(0) <= value <= timedelta(
            seconds=seconds
        ):
            raise InvalidSetting(
                f"a timedelta from 0 to {seconds} seconds", "For example timedelta(seconds=10)."
            )
        return value

    return duration


def count(value: object) -> int:
    if type(value) is not int or value < 1:
        raise InvalidSetting("a positive integer")
    return value


def optional_count(value: object) -> int | None:
    return None if value is None else count(value)


def optional_rate(value: object) -> Rate | None:
    if value is None:
        return None
    match = _RATE.match(value) if isinstance(value, str) else None
    if match is None:
        raise InvalidSetting(
            'None or a rate such as "20/hour"', "The period is second, minute, hour or day."
        )
    return Rate(int(match[1]), _PERIODS[match[2][0]])


def scopes(value: object) -> tuple[str, ...]:
    if not isinstance(value, (list, tuple, set, frozenset)) or not all(
        isinstance(name, str) and is_scope_name(name) for name in value
    ):
        raise InvalidSetting(
            "a list of scope names: printable ASCII without spaces, quotes and backslashes",
            'For example ["notes:read"].',
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
                "a function or its dotted path", "The dotted path cannot be imported."
            ) from None
    if not callable(value):
        raise InvalidSetting("a function or its dotted path")
    return value


def key_material(value: object) -> KeyMaterial:
    if not isinstance(value, (str, bytes, Mapping)):
        raise InvalidSetting(_ONE_KEY)
    if not value:
        raise InvalidSetting(
            _ONE_KEY, "The key is empty. Give at least 32 random bytes, or None for no key."
        )
    return value


def optional_key_material(value: object) -> KeyMaterial | None:
    return None if value is None else key_material(value)


def keys(value: object) -> tuple[KeyMaterial, ...]:
    # A string is a sequence too: each of its characters would be one key.
    if isinstance(value, (str, bytes, Mapping)) or not isinstance(value, Sequence):
        raise InvalidSetting("a list of keys", "A single key needs a list too.")
    try:
        return tuple(key_material(item) for item in value)
    except InvalidSetting as error:
        raise InvalidSetting(f"a list of keys, each of them {_ONE_KEY}", error.hint) from None


def optional_key_set(value: object) -> tuple[Mapping[str, Any], ...]:
    """Parse JWKs in a list, or in a JWK Set (RFC 7517 section 5) as a dict or its JSON."""
    if value is None:
        return ()
    if isinstance(value, (str, bytes)):
        try:
            value = json.loads(value)
        except (ValueError, RecursionError):
            # The library's error contains the text, which contains keys.
            value = None
    if isinstance(value, Mapping):
        value = value.get("keys")
    if isinstance(value, (str, bytes)) or not isinstance(value, Sequence):
        raise InvalidSetting(
            "a list of JWKs, or a JWK Set as a dict or its JSON", 'For example {"keys": [...]}.'
        )
    # With an empty list, the key derived from SECRET_KEY would sign.
    if not value or not all(isinstance(item, Mapping) and item for item in value):
        raise InvalidSetting(
            "at least one key, each of them a JWK",
            "A JWK is a dict with kty and the other members of RFC 7517.",
        )
    return tuple(value)


def optional_path(value: object) -> Path | None:
    if value is None:
        return None
    if not isinstance(value, (str, os.PathLike)) or not Path(value).is_absolute():
        raise InvalidSetting("an absolute path", 'For example BASE_DIR / "keys".')
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
        raise InvalidSetting(_CLIENTS, 'For example {"reports": "sha256$..."}.')
    for client_id in value:
        try:
            string(client_id)
        except InvalidSetting as error:
            raise InvalidSetting(_CLIENTS, f"A client id is {error.expected}.") from None
    wrong = [
        repr(client_id)
        for client_id, encoded in value.items()
        if encoded is not None
        and not (isinstance(encoded, str) and _CLIENT_SECRET.fullmatch(encoded))
    ]
    if wrong:
        raise InvalidSetting(
            _CLIENTS,
            f"The value is wrong for {', '.join(wrong)}. Run manage.py tokenauth_client NAME and "
            "paste the sha256$ value that it prints, or give None to shut the client out. Hashes "
            "by Django's hashers (make_password) and plain secrets are rejected.",
        )
    return MappingProxyType(dict(value))
