"""The app with the user models that projects have, each in a process of its own."""

from __future__ import annotations

import json

import pytest

from tests.support.scenarios.running import outcome_of

SIGNED_OUT = [401, 400, 401]


def outcome(model, **tokenauth):
    return outcome_of(
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
def test_the_whole_story_of_a_user(model, tokenauth, subject):
    assert outcome(model, **tokenauth) == {
        "subject": subject,
        "used": [200, 200, 200, 200, 200, 1],
        "signed out": [204, *SIGNED_OUT],
        "new password": SIGNED_OUT,
        "deactivated": SIGNED_OUT,
        # A user whom the default manager hides cannot sign in, and is nobody to the API.
        "hidden": [400, *SIGNED_OUT[:2]] if model == "HiddenUser" else None,
        "deleted": [*SIGNED_OUT, 1],
    }
