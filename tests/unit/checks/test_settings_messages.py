"""The whole text of each message about settings and the installation."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
import time_machine

from tests.support.clock import NOW
from tests.support.system_checks import (
    ED25519,
    JWT,
    PUBLIC,
    SECRET,
    URL,
    check_ids,
    configure_clean_project,
    message_of,
)

SESSION = "rest_framework.authentication.SessionAuthentication"
UNIQUE_FIELD = (
    "Give one of 'pk', 'id', 'username', or a string, number or UUID field with unique=True and "
    "without null=True."
)
MESSAGES = [
    (
        "E001",
        {"SIGNING_KEY": ED25519},
        (
            "SIGNING_KEY is for EdDSA and ALGORITHM is HS256. Set ALGORITHM to 'EdDSA', or give a "
            "key for HS256."
        ),
    ),
    (
        "E002",
        {"KEYS": [{**ED25519, "nbf": 2**33}], **URL},
        (
            "No key signs now: every key in KEY_DIRECTORY or KEYS has expired or signs later. To "
            "show their times, run manage.py tokenauth_keys list."
        ),
    ),
    (
        "E004",
        {"NOT_BEFORE": datetime(2100, 1, 1, tzinfo=UTC)},
        (
            "TOKENAUTH['NOT_BEFORE'] is in the future: every token is rejected until then. Give "
            "the current time, or an earlier one, in the right time zone."
        ),
    ),
    (
        "E009",
        {"USER_ID_FIELD": "user_name"},
        (
            "USER_ID_FIELD is not the name of a unique field of the user model. It is 'user_name'. "
            f"Did you mean 'username'? {UNIQUE_FIELD}"
        ),
    ),
    (
        "E009",
        {"USER_ID_FIELD": SECRET},
        f"USER_ID_FIELD is not the name of a unique field of the user model. {UNIQUE_FIELD}",
    ),
    (
        "W007",
        {"STATELESS_REFRESH": True},
        (
            "STATELESS_REFRESH stores no sessions: users cannot be signed out, and a stolen "
            "refresh token is valid until it expires. Set it to False. If it is intended, silence "
            "this check."
        ),
    ),
    (
        "W007",
        {"REFRESH_GRACE": timedelta(0)},
        (
            "REFRESH_GRACE is zero: two browser tabs or a retried request sign the user out. Give "
            "a few seconds, for example timedelta(seconds=10)."
        ),
    ),
    (
        "W009",
        {"SCOPES": ["introspect"]},
        (
            "Every user can get the scope introspect, and with it read the claims of every token. "
            "Set a SCOPE_POLICY that grants it to resource servers only."
        ),
    ),
    (
        "W019",
        {"ALGORITHM": "EdDSA", "VERIFYING_KEYS": [PUBLIC], **URL},
        (
            "This project can verify access tokens but not sign them: it has no private key. If "
            "users sign in here, set KEY_DIRECTORY, KEYS or SIGNING_KEY. If this service only "
            "verifies tokens, silence this check."
        ),
    ),
]


@pytest.fixture(autouse=True)
def _clean_project(settings):
    configure_clean_project(settings)


@pytest.mark.parametrize(("check_id", "values", "message"), MESSAGES)
def test_settings_check_message_has_its_text_and_hint(settings, check_id, values, message):
    settings.TOKENAUTH = values
    assert message_of(check_id) == message


@pytest.mark.parametrize(
    ("check_id", "classes", "message"),
    [
        (
            "E010",
            JWT,
            (
                "DEFAULT_AUTHENTICATION_CLASSES of REST_FRAMEWORK is a string, so each view that "
                "uses the default raises a TypeError. Write a list, also for one class: [...]."
            ),
        ),
        (
            "W013",
            [SESSION, JWT],
            (
                "The first of DEFAULT_AUTHENTICATION_CLASSES has no WWW-Authenticate header. REST "
                "framework responds 403 instead of 401 to a missing or expired token, and clients "
                "do not refresh. Put the class of django_tokenauth first."
            ),
        ),
    ],
)
def test_authentication_class_message_has_its_text_and_hint(settings, check_id, classes, message):
    settings.REST_FRAMEWORK = {"DEFAULT_AUTHENTICATION_CLASSES": classes}
    assert message_of(check_id) == message


@pytest.mark.parametrize(("seconds", "ids"), [(300, []), (301, ["E004"])])
@time_machine.travel(NOW, tick=False)
def test_not_before_up_to_300_seconds_ahead_passes_check(settings, seconds, ids):
    settings.TOKENAUTH = {"NOT_BEFORE": NOW + timedelta(seconds=seconds)}
    assert check_ids() == ids


def test_leeway_equal_to_refresh_grace_passes_the_check(settings):
    settings.TOKENAUTH = dict.fromkeys(("REFRESH_GRACE", "LEEWAY"), timedelta(seconds=1))
    assert check_ids() == []
