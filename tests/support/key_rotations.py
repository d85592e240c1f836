"""Rotations in a key folder, and the state of each key."""

from __future__ import annotations

from datetime import timedelta

import pytest

from django_tokenauth.errors import InvalidKey
from django_tokenauth.keys.directory import POLL_INTERVAL
from django_tokenauth.keys.files import read_files, write_jwk
from django_tokenauth.keys.generating import make_jwk
from django_tokenauth.keys.rotating import (
    MARGIN,
    rotate,
    state_of,
)
from django_tokenauth.keys.schedule import KeySchedule
from tests.support.raw_tokens import read_settings

NOW = 1_700_000_000
LIFETIME, LEEWAY, MAX_AGE = 300, 10, 600
MIN_DELAY = MAX_AGE + int(2 * POLL_INTERVAL)
SETTINGS = read_settings(
    ACCESS_TOKEN_LIFETIME=timedelta(seconds=LIFETIME),
    LEEWAY=timedelta(seconds=LEEWAY),
    JWKS_MAX_AGE=timedelta(seconds=MAX_AGE),
)
DRAIN_TIME = LIFETIME + LEEWAY + MARGIN


def put(folder, name, not_before=NOW - 1000, **changes):
    """Write a key file with a new key, whose kid is its name."""
    jwk = {**make_jwk("EdDSA", now=NOW, not_before=not_before), "kid": name, **changes}
    write_jwk(folder / f"{name}.jwk", jwk)


def states(folder, now=NOW):
    """Return the state of each key by its kid."""
    files = read_files(folder)
    keys = KeySchedule([file.key for file in files]).at(now)
    return {file.key.kid: str(state_of(file.key, keys, now)) for file in files}


def rotated(folder, now=NOW, delay=MIN_DELAY):
    return rotate(folder, SETTINGS, "EdDSA", now=now, delay=delay)


def key_error(function, *arguments, **options):
    """Call ``function``, which must raise InvalidKey, and return the error."""
    with pytest.raises(InvalidKey) as caught:
        function(*arguments, **options)
    return caught.value


def public():
    jwk = make_jwk("EdDSA", now=NOW, not_before=NOW)
    return {name: jwk[name] for name in ("kty", "crv", "x")}
