"""Users with an email address instead of a username, and a UUID as primary key."""

from __future__ import annotations

import pytest

from tests.support.client import WRONG_PASSWORD, malformed
from tests.support.scenarios.running import run_scenario

WRONG = [400, WRONG_PASSWORD["error_description"]]


def missing(*names):
    return [400, malformed(*names)["error_description"]]


@pytest.fixture(scope="module")
def results():
    return run_scenario(
        "tests.support.scenarios.email_uuid_users.scenario",
        "tests.support.scenarios.email_uuid_users.settings",
    )


pytestmark = pytest.mark.database


def test_email_user_with_uuid_signs_in_refreshes_and_signs_out(results):
    assert results["signed_in"] == [True, True, True, True, [401, 401]]


def test_email_in_the_body_replaces_the_username(results):
    signed_in, wrong = [200, None], WRONG
    assert results["rejected"] == [
        *(signed_in, signed_in, missing("email"), wrong, wrong),
        *(missing("email"), missing("password"), missing("username")),
    ]


def test_email_reaches_each_authentication_backend(results):
    assert results["backends"] == {
        **dict.fromkeys(("Credentials", "Static", "Username", "django"), 200),
        **dict.fromkeys(("Credentials django", "django Static"), 200),
        # The first backend forbids the sign-in, or has a mistake, whose traceback is in the log.
        "Locked django": 400,
        "Broken django": 500,
    }


def test_subject_must_be_the_canonical_uuid(results):
    assert results["subjects"] == [[200], *[[401]] * 5]


def test_uuid_key_needs_no_additional_statement(results):
    assert results["statements"] == {"request": 1, "stateless": 0, "refresh": 2}


def test_admin_lists_finds_and_revokes_sessions_of_email_users(results):
    assert results["admin"] == [[1, 1, 1, 0, 1], 200, True, [401, 401]]


def test_commands_find_email_users_and_revoke_their_sessions(results):
    assert results["commands"] == [True, True, True, [401, 401], [401, 401]]


def test_changed_or_deleted_email_user_is_signed_out(results):
    """A deletion that fails or is rolled back revokes no session."""
    assert results["ended"] == {
        "new_password": "user_changed",
        "deactivate": "user_changed",
        "delete": "user_deleted",
        "delete_company": "user_deleted",
        "roll_back_the_deletion": "",
        "delete_protected": "",
    }


def test_schema_of_email_users_has_the_email_parameter(results):
    assert results["schema"] == [True, ["password"]]
