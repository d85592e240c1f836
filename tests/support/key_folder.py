"""A folder of key files, for the tests of reading it."""

from __future__ import annotations

import pytest

from django_tokenauth.errors import InvalidKey
from django_tokenauth.keys.directory import POLL_INTERVAL, KeyDirectory
from django_tokenauth.keys.files import (
    write_jwk,
)
from django_tokenauth.keys.generating import make_jwk

NOW = 1_700_000_000


class Clock:
    """A KeyDirectory with its clock, which each step moves by one poll interval."""

    def __init__(self, directory, verifiers=()):
        self.keys = KeyDirectory(directory, verifiers)
        self.now = float(NOW)

    def advance(self, seconds=POLL_INTERVAL):
        self.now += seconds
        return self.keys.at(self.now)

    def kids(self, seconds=POLL_INTERVAL):
        return list(self.advance(seconds).verifying)


def put(folder, name="a", algorithm="EdDSA", **changes):
    """Write a key file with a new key, whose kid is its name, and return the JWK."""
    jwk = {**make_jwk(algorithm, now=NOW, not_before=NOW - 100), "kid": name, **changes}
    write_jwk(folder / f"{name}.jwk", jwk)
    return jwk


def put_text(folder, text, name="bad.jwk"):
    (folder / name).write_bytes(text if isinstance(text, bytes) else text.encode())


def key_error(read, *arguments):
    """Call ``read``, which must raise InvalidKey, and return the error."""
    with pytest.raises(InvalidKey) as caught:
        read(*arguments)
    error = caught.value
    assert error.__suppress_context__ or error.__context__ is None
    return error
