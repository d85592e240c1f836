"""User models with other primary keys, username fields and managers, each in its own process."""

from __future__ import annotations

import json
from functools import cache

import pytest

from tests.support.scenarios.running import run_scenario

SIGNED_OUT = [401, 400, 401]


@cache
def email_users():
    """Return the results of all scenarios of EmailUser, which share a process."""
    return run_scenario(
        "tests.support.scenarios.user_models.email_users",
        "tests.support.scenarios.user_models.settings",
        USER_MODEL="EmailUser",
    )


def scenario_result(model, **tokenauth):
    return run_scenario(
        "tests.support.scenarios.user_models.scenario",
        "tests.support.scenarios.user_models.settings",
        USER_MODEL=model,
        TOKENAUTH=json.dumps(tokenauth),
    )


@pytest.mark.parametrize(
    ("model", "tokenauth", "subject"),
    [
        ("EmailUser", {}, "pk"),
        ("EmailUser", {"USER_ID_FIELD": "email"}, "email"),
        ("UUIDUser", {}, "pk"),
        ("TextUser", {}, "pk"),
        ("PublicIdUser", {"USER_ID_FIELD": "public_id"}, "public_id"),
        ("HiddenUser", {}, "pk"),
    ],
)
def test_custom_user_model_allows_sign_in_refresh_and_sign_out(model, tokenauth, subject):
    own_process = model != "EmailUser"
    result = scenario_result(model, **tokenauth) if own_process else email_users()[subject]
    assert result == {
        "subject": subject,
        "requests": [200, 200, 200, 200, 200, 1],
        "command": 200,
        "sign-out": [204, *SIGNED_OUT],
        "new password": SIGNED_OUT,
        "deactivated": SIGNED_OUT,
        # A user that the default manager hides cannot sign in or use the API.
        "hidden": [400, *SIGNED_OUT[:2]] if model == "HiddenUser" else None,
        "deleted": [*SIGNED_OUT, 1],
    }


@pytest.mark.attack(149)
def test_username_that_a_numeric_field_cannot_hold_is_rejected():
    assert run_scenario(
        "tests.support.scenarios.user_models.numbers",
        "tests.support.scenarios.user_models.settings",
        USER_MODEL="NumberUser",
    ) == {"7": 200, "8": 400, "alice": 400, "é": 400, "guesses": [400] * 20 + [429] * 30}


CHANGED, DELETED, NEITHER = ["user_changed", ""], ["user_deleted", ""], ["", ""]


@pytest.mark.attack(95)
def test_change_through_child_model_revokes_user_sessions():
    """The child has the primary key of another user, whose session must continue."""
    assert email_users()["children"] == {
        "password": CHANGED,
        "inactive": CHANGED,
        "proxy": CHANGED,
        "parent": CHANGED,
        "deleted": DELETED,
        "proxy deleted": DELETED,
        "child deleted": NEITHER,
        "saved": NEITHER,
        "fixture": NEITHER,
        "new child": CHANGED,
        "archive": NEITHER,
        # The subject is the user's key. Each user can list and revoke only their own session.
        "sign-in": [[True, True], True, 1, [1, 0], [200, 401]],
    }


@pytest.mark.attack(95)
def test_change_through_parent_model_revokes_user_sessions():
    assert run_scenario(
        "tests.support.scenarios.user_models.parents",
        "tests.support.scenarios.user_models.settings",
        USER_MODEL="AccountUser",
    ) == {
        "set_password": CHANGED,
        "deactivate": CHANGED,
        "save": NEITHER,
        "load_fixture": NEITHER,
        "deactivate_many": CHANGED[:1],
    }
