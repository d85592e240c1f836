"""is_guessable: common secrets and patterns are detected, random secrets are not."""

from __future__ import annotations

import base64
from itertools import accumulate
from random import Random

import pytest

from django_tokenauth.keys.weak import is_guessable
from tests.support.system_checks import OTHER_SECRET, SECRET


@pytest.mark.parametrize(
    "secret",
    [
        bytes(32),
        b"\xff" * 64,
        b"0" * 40,
        b"passwordpasswordpasswordpassword",
        b"ab12" * 8 + b"cdef",
        b"my very own SECRET of the year 2026",
        b"Change-Me before you go to production",
        b"CHANGE_ME-CHANGE_ME-0123-4567-89ab",
        b"replace changeme with 32 bytes!!",
        b"django-insecure-" + SECRET.encode(),
        b"https://auth.example.com/tokens/1",
        b"secret" + SECRET[:31].encode(),
        b"insecure" + SECRET[:31].encode(),
        b"P@ssw0rd.Password1.P4SSWORD.qwer",
        bytes(range(32)),
        b"0123456789abcdefghijklmnopqrstuv",
        b"zyxwvutsrqponmlkjihgfedcba987654",
        b"2026-11-23T09:00Z2026-11-23T09:00Z",
        b"correct horse battery correct horse battery corr",
    ],
)
def test_common_or_patterned_secret_is_guessable(secret):
    assert is_guessable(secret)


@pytest.mark.parametrize(
    "secret",
    [
        SECRET.encode(),
        OTHER_SECRET.encode(),
        b"correct horse battery staple lamp",
        b"example.com secret: " + SECRET.encode(),
        b"secret" + SECRET[:32].encode(),
        b"2026-11-23T09:00Z2026-11-24T10:01Z",
        bytes(range(0, 256, 8)) + bytes(value * value % 256 for value in range(40)),
        # Only the start repeats a pattern.
        b"ab" * 4 + SECRET.encode(),
        # Less than half of the secret is repeated.
        SECRET[:16].encode() + b"+-" + SECRET[:16].encode(),
    ],
)
def test_uncommon_secret_is_not_guessable(secret):
    assert not is_guessable(secret)


@pytest.mark.parametrize(("distinct", "guessable"), [(7, True), (8, False)])
def test_secret_below_eight_distinct_bytes_is_guessable(distinct, guessable):
    random = Random(distinct)  # noqa: S311
    kinds = bytes(random.sample(range(256), distinct))
    secret = kinds + bytes(random.choices(kinds, k=40))
    assert is_guessable(secret) is guessable


@pytest.mark.parametrize(("steps", "guessable"), [(7, True), (8, False)])
def test_secret_below_eight_distinct_steps_is_guessable(steps, guessable):
    random = Random(steps)  # noqa: S311
    kinds = [1, -2, 3, -5, 7, -11, 13, -6][:steps]
    shuffled = [step for _ in range(6) for step in random.sample(kinds, steps)]
    assert is_guessable(bytes(accumulate(shuffled, initial=100))) is guessable


@pytest.mark.parametrize(
    "form",
    [bytes, lambda key: key[:16].hex().encode(), bytes.hex, base64.b64encode, base64.b32encode],
)
def test_random_secret_is_not_guessable(form):
    random = Random(2026)  # noqa: S311
    for _ in range(1000):
        secret = form(random.randbytes(32))
        assert not is_guessable(secret if isinstance(secret, bytes) else secret.encode())
