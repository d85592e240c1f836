"""The permitted values of settings: one parser per kind of setting.

A parser takes the value that the project wrote and returns the value that the package uses, or
raises :class:`InvalidSetting`. An error shows a value only if the value cannot be a key, for
example a short string or a misspelled name.
"""

from __future__ import annotations

import difflib
import json
import os
import re
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from django.utils.encoding import force_bytes
from django.utils.module_loading import import_string

KeyMaterial = str | bytes | Mapping[str, Any]

#: The last second of the year 9999, in seconds since the epoch: the latest ``datetime``.
LAST_SECOND = 253402300799

#: Maximum of a lifetime setting, which keeps the expiry of every session a valid datetime.
MAX_LIFETIME = timedelta(days=36500)
# Maximum of SIGN_IN_DELAY_USER: a longer delay lets attackers lock a user out for over a day.
_MAX_DELAY = timedelta(days=1)
_PERIODS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
# An HMAC key with fewer bytes than the hash is weaker than the hash (RFC 7518 section 3.2).
_SHORTEST_SECRET = 32
_RATE = re.compile(r"([1-9][0-9]*)/(s|sec|second|m|min|minute|h|hour|d|day)\Z")
_PERIOD_NAMES = ("second", "minute", "hour", "day")
# Matches common misspellings of a rate: another period, spaces, "per".
_ALMOST_RATE = re.compile(r"\s*0*([1-9][0-9]{0,8})\s*(?:/|per\b)?\s*([A-Za-z]{0,10})\s*", re.ASCII)
_FLAGS = {
    **dict.fromkeys(("true", "yes", "on", "1"), True),
    **dict.fromkeys(("false", "no", "off", "0"), False),
}
# Maximum length of a string that an error shows although the string resembles no permitted value.
# Secrets of this package have at least 32 bytes.
_SHORTER_THAN_SECRETS = 10
_FUNCTION = "a function or its dotted path"
# Each part of a dotted path has at most 40 characters, which excludes a JWT: its payload is longer.
_DOTTED_PATH = re.compile(r"[^\W\d]\w{0,39}(\.[^\W\d]\w{0,39})+")
_ONE_KEY = "PEM text, a JWK (a dict or its JSON) or a secret string"


class InvalidSetting(ValueError):
    """The value of a setting is invalid.

    *expected* is a noun phrase for the permitted values, and *hint* is a sentence with advice.
    *shown* permits the error to show the value, because the value cannot be a secret.
    """

    def __init__(self, expected: str, hint: str = "", *, shown: bool = False) -> None:
        super().__init__(f"expected {expected}")
        self.expected = expected
        self.hint = hint
        self.shown = shown


@dataclass(frozen=True, slots=True)
class Rate:
    """At most ``limit`` events in ``seconds``."""

    limit: int
    seconds: int


def did_you_mean(value: object, permitted: Iterable[object]) -> str:
    """Return "Did you mean ...?" with the most similar of the *permitted* values, or ""."""
    by_spelling = {str(each).casefold(): each for each in permitted}
    close = difflib.get_close_matches(str(value).strip().casefold(), by_spelling, n=1)
    return f"Did you mean {by_spelling[close[0]]!r}?" if close else ""


def can_be_shown(value: object, permitted: Iterable[object]) -> bool:
    """Return whether an error may show *value*.

    A string can be shown if it is too short for a secret or resembles a *permitted* value.
    """
    return isinstance(value, str) and bool(
        len(value) <= _SHORTER_THAN_SECRETS or did_you_mean(value, permitted)
    )


def one_of(*permitted: str) -> Callable[[object], str]:
    """Return a parser that accepts the strings *permitted*."""

    def choice(value: object) -> str:
        if not isinstance(value, str) or value not in permitted:
            shown = can_be_shown(value, permitted)
            raise InvalidSetting(
                f"one of the strings {', '.join(permitted)}",
                did_you_mean(value, permitted) if shown else "",
                shown=shown,
            )
        return value

    return choice


def string(value: object) -> str:
    # The iss and aud claims have at most 255 printable characters: with a longer issuer, the server
    # would reject its own tokens.
    if not isinstance(value, str) or not 0 < len(value) <= 255 or not value.isprintable():
        raise InvalidSetting("a string of 1 to 255 printable characters")
    return value


def optional_string(value: object) -> str | None:
    return None if value is None else string(value)


def flag(value: object) -> bool:
    if not isinstance(value, bool):
        meant = _FLAGS.get(str(value).strip().casefold())
        raise InvalidSetting(
            "True or False",
            "" if meant is None else f"Did you mean {meant}?",
            shown=can_be_shown(value, _FLAGS),
        )
    return value


def lifetime(value: object) -> timedelta:
    if not isinstance(value, timedelta) or not timedelta(seconds=1) <= value <= MAX_LIFETIME:
        raise InvalidSetting(
            "a timedelta from 1 second to 100 years", "For example timedelta(minutes=5)."
        )
    return value


def optional_lifetime(value: object) -> timedelta | None:
    return None if value is None else lifetime(value)


def optional_moment(value: object) -> datetime | None:
    """Return the time in UTC, rounded up to whole seconds, the precision of tokens."""
    if value is None:
        return None
    try:
        # A datetime without an offset is ambiguous, so it is rejected.
        if isinstance(value, datetime) and value.utcoffset() is not None:
            moment = value.astimezone(UTC)
            return (moment + timedelta(microseconds=999_999)).replace(microsecond=0)
    except OverflowError:
        pass
    raise InvalidSetting(
        "None or a datetime with a time zone",
        "For example datetime(2026, 11, 23, 12, tzinfo=UTC).",
    )


def duration_up_to(seconds: int) -> Callable[[object], timedelta]:
    """Return a parser of durations from zero to *seconds*."""

    def duration(value: object) -> timedelta:
        if not isinstance(value, timedelta) or not timedelta(0) <= value <= timedelta(
            seconds=seconds
        ):
            raise InvalidSetting(
                f"a timedelta from 0 to {seconds} seconds", "For example timedelta(seconds=10)."
            )
        return value

    return duration


def optional_delay(value: object) -> timedelta | None:
    if value is None:
        return None
    if not isinstance(value, timedelta) or not timedelta(seconds=1) <= value <= _MAX_DELAY:
        raise InvalidSetting(
            "None or a timedelta from 1 second to 1 day", "For example timedelta(hours=1)."
        )
    return value


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
        almost = _ALMOST_RATE.fullmatch(value) if isinstance(value, str) else None
        period = almost and difflib.get_close_matches(almost[2].lower(), _PERIOD_NAMES, n=1)
        hint = "The period is second, minute, hour or day."
        if almost and period:
            hint = f'Did you mean "{int(almost[1])}/{period[0]}"? {hint}'
        shown = bool(almost) and (bool(period) or len(str(value)) <= _SHORTER_THAN_SECRETS)
        raise InvalidSetting('None or a rate such as "20/hour"', hint, shown=shown)
    return Rate(int(match[1]), _PERIODS[match[2][0]])


def client_ids(value: object) -> tuple[str, ...]:
    if not isinstance(value, (list, tuple, set, frozenset)):
        raise InvalidSetting("a list of client ids", 'For example ["phone"].')
    for client_id in value:
        try:
            string(client_id)
        except InvalidSetting as error:
            raise InvalidSetting(
                "a list of client ids", f"A client id is {error.expected}."
            ) from None
    return tuple(value)


def secret(value: object) -> bytes:
    # force_bytes() encodes an object that is not a str or bytes as its str(), which can differ
    # between processes.
    if not isinstance(value, (str, bytes)) or len(value) < _SHORTEST_SECRET:
        raise InvalidSetting(
            f"a string of at least {_SHORTEST_SECRET} random characters",
            "In a Python shell, secrets.token_urlsafe(50) returns one.",
        )
    return force_bytes(value)


def optional_secret(value: object) -> bytes | None:
    return None if value is None else secret(value)


def secrets(value: object) -> tuple[bytes, ...]:
    if not isinstance(value, (list, tuple)):
        raise InvalidSetting("a list of secrets, as SECRET_KEY_FALLBACKS is")
    return tuple(map(secret, value))


def hook(value: object) -> Callable[..., Any] | None:
    """Return the function *value*, or import the function from the dotted path *value*.

    Exceptions inside the imported module propagate, because they are bugs of the project.
    """
    if isinstance(value, str):
        value = _import(value)
    if value is not None and not callable(value):
        raise InvalidSetting(_FUNCTION)
    return value


def _import(path: str) -> Any:
    if not _DOTTED_PATH.fullmatch(path):
        # The hint omits the path, which may be a key in the wrong setting.
        raise InvalidSetting(_FUNCTION, 'Write "module.function", for example "mysite.tokens.f".')
    module_name, _, name = path.rpartition(".")
    try:
        found = import_string(path)
    except Exception as error:
        hint = ""
        # If error.name is another module, an import inside the imported module failed.
        if isinstance(error, ModuleNotFoundError) and _is_in(module_name, error.name):
            hint = f"{path} cannot be imported: {error.msg}."
        # import_string() raises an error from an AttributeError if the module lacks the name.
        elif module_name in sys.modules and isinstance(error.__cause__, AttributeError):
            names = [each for each in dir(sys.modules[module_name]) if each[:1] != "_"]
            hint = f"The module {module_name} has no function {name}."
            hint = f"{hint} {did_you_mean(name, names)}".rstrip()
        if hint:
            raise InvalidSetting(_FUNCTION, hint, shown=True) from None
        error.add_note(f"The setting {path!r} of TOKENAUTH imports this module.")
        raise
    if not callable(found):
        raise InvalidSetting(_FUNCTION, f"{path} is not a function.", shown=True)
    return found


def _is_in(module_name: str, package: str | None) -> bool:
    return f"{module_name}.".startswith(f"{package}.")


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
    # A string is a sequence too: each character would be one key.
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
            # The error is dropped, because the json library's error contains the text and its keys.
            value = None
    if isinstance(value, Mapping):
        value = value.get("keys")
    if isinstance(value, (str, bytes)) or not isinstance(value, Sequence):
        raise InvalidSetting(
            "a list of JWKs, or a JWK Set as a dict or its JSON", 'For example {"keys": [...]}.'
        )
    # An empty list is rejected: with HMAC, a key derived from SECRET_KEY would sign instead.
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


def client_id(value: object) -> str:
    name = string(value)
    # REST framework trims the client_id in the body of a request, so a client_id with spaces at its
    # ends would not match.
    if name != name.strip():
        raise InvalidSetting("a string of 1 to 255 printable characters without spaces at its ends")
    return name
