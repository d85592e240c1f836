"""The whole text of each problem of the settings, and the settings that it makes unusable."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from django.test import override_settings

from django_tokenauth.conf import settings as conf
from django_tokenauth.conf.problems import Problem
from django_tokenauth.conf.settings import InvalidSettings, setting_fields
from tests.support.raw_tokens import SECRET_KEY, read_settings

HOUR = timedelta(hours=1)
SECRET = "s" * 32

PROBLEMS = [
    (
        [],
        Problem(
            "E008",
            "TOKENAUTH is not a dict.",
            'Write TOKENAUTH = {"...": ...}.',
            tuple(item.name for item in setting_fields().values()),
        ),
    ),
    (
        {"LEEWAY": 300},
        Problem(
            "E008",
            "TOKENAUTH['LEEWAY'] is invalid: got 300, expected a timedelta from 0 to 120 seconds.",
            "For example timedelta(seconds=10).",
            ("leeway",),
        ),
    ),
    (
        {"isssuer": "x"},
        Problem("E008", "TOKENAUTH has no setting 'isssuer'.", "Did you mean 'ISSUER'?"),
    ),
    (
        {"SIGNING_KEY": SECRET, "KEY_DIRECTORY": "/keys"},
        Problem(
            "E001",
            "SIGNING_KEY, KEY_DIRECTORY and KEYS exclude each other, and more than one is set.",
            "Keep one of them. Keys that only verify can be in VERIFYING_KEYS.",
            ("signing_key", "key_directory", "keys"),
        ),
    ),
    (
        {"CLIENTS": {"django-tokenauth": None}},
        Problem(
            "E008",
            "CLIENTS contains the ISSUER, which is the client id of sign-ins without a client.",
            "Give that client another client id.",
        ),
    ),
    (
        {"ACCESS_TOKEN_LIFETIME": HOUR, "REFRESH_TOKEN_LIFETIME": HOUR},
        Problem(
            "E004",
            "ACCESS_TOKEN_LIFETIME must be less than REFRESH_TOKEN_LIFETIME.",
            "Give an access token minutes and a refresh token days.",
        ),
    ),
    (
        {"ACCESS_TOKEN_LIFETIME": HOUR, "SESSION_LIFETIME": HOUR},
        Problem(
            "E004",
            "ACCESS_TOKEN_LIFETIME must be less than SESSION_LIFETIME.",
            "SESSION_LIFETIME is the absolute lifetime of a session. Give it days.",
        ),
    ),
    (
        {"SCOPES": ["x" * 1025]},
        Problem(
            "E008",
            "SCOPES has more than 1024 characters. A session cannot store them all, so a sign-in "
            "with the full scope fails.",
            "Remove or shorten scope names, or set a SCOPE_POLICY that grants fewer.",
        ),
    ),
    (
        {"THROTTLE_CACHE": "default2"},
        Problem(
            "E008",
            "THROTTLE_CACHE is not a name in CACHES. It is 'default2'.",
            "Did you mean 'default'? CACHES contains 'default'.",
            ("throttle_cache",),
        ),
    ),
    (
        {"THROTTLE_CACHE": "somewhere else"},
        Problem(
            "E008",
            "THROTTLE_CACHE is not a name in CACHES.",
            "CACHES contains 'default'.",
            ("throttle_cache",),
        ),
    ),
]


@pytest.mark.parametrize(("raw", "problem"), PROBLEMS)
def test_settings_problem_has_message_hint_and_unusable_fields(raw, problem, settings):
    settings.CACHES = {"default": settings.CACHES["default"]}
    assert conf.read(raw, (SECRET_KEY,))[1] == [problem]


@pytest.mark.parametrize(
    ("secret_keys", "problem"),
    [
        (
            (),
            Problem(
                "E002",
                "SECRET_KEY is empty, and the keys of tokens are derived from it.",
                "Give it at least 50 random characters.",
                ("secret_keys",),
            ),
        ),
        (
            (SECRET_KEY, b""),
            Problem(
                "E002",
                "SECRET_KEY_FALLBACKS contains an empty key, from which an attacker can derive the "
                "keys of tokens.",
                "Remove the empty key.",
                ("secret_keys",),
            ),
        ),
    ],
)
def test_secret_key_problem_has_its_message_hint_and_name(secret_keys, problem):
    assert conf.read({}, secret_keys)[1] == [problem]


def test_invalid_settings_error_has_problems_and_valid_settings():
    values = {"LEEWAY": timedelta(days=1), "ISSUER": "https://example.com", "FOO": 1}
    with override_settings(TOKENAUTH=values), pytest.raises(InvalidSettings) as caught:
        conf.load()
    assert [problem.check_id for problem in caught.value.problems] == ["E008", "E004"]
    assert caught.value.settings.issuer == "https://example.com"
    # An error without a hint ends with its message.
    error = InvalidSettings([Problem("E001", "Message.", "")], caught.value.settings)
    assert str(error) == "tokenauth.E001: Message."


def test_changed_secret_key_fallbacks_reload_the_settings():
    before = conf.load()
    with override_settings(SECRET_KEY_FALLBACKS=["f" * 50]):
        assert conf.load().secret_keys[1:] == (b"f" * 50,)
    assert conf.load() is not before


def test_settings_repr_hides_secret_settings_and_shows_others():
    settings = read_settings(SIGNING_KEY=SECRET, ISSUER="https://example.com")
    assert SECRET not in repr(settings)
    assert "issuer='https://example.com'" in repr(settings)


def test_session_created_at_time_of_not_before_is_not_revoked():
    not_before = datetime(2026, 11, 23, 12, tzinfo=UTC)
    settings = read_settings(NOT_BEFORE=not_before)
    seconds = not_before.timestamp()
    assert settings.is_revoked_by_not_before(seconds - 1)
    assert not settings.is_revoked_by_not_before(seconds)
