"""Users are the objects that the default manager of the user model returns, everywhere."""

from __future__ import annotations

import pytest

from tests.support.scenarios.running import run_scenario


def scenario_result(model):
    return run_scenario(
        "tests.support.scenarios.managed_users.scenario",
        "tests.support.scenarios.managed_users.settings",
        USER_MODEL=model,
    )


@pytest.mark.parametrize(
    ("model", "expected", "statements"),
    [
        (
            "AnnotatedUser",
            {"class": "AnnotatedUser", "loud": "ALICE@EXAMPLE.COM", "notes": 3, "subject": None},
            1,
        ),
        *(
            (
                name,
                {"class": name, "loud": "ALICE@EXAMPLE.COM", "notes": 1, "subject": None},
                1,
            )
            for name in ("RankedUser", "ProxyUser")
        ),
        (
            "PolymorphicUser",
            {"class": "Teacher", "loud": None, "notes": None, "subject": "maths"},
            # django-polymorphic reads the columns of the subtype with a statement of its own.
            2,
        ),
    ],
)
def test_user_is_the_object_of_the_default_manager(model, expected, statements):
    result = scenario_result(model)
    assert result["expected"] == expected
    assert result["claims"] == [expected, expected]
    assert result["request"] == [expected, []]
    assert result["statements"] == statements
    # The documentation promises one statement more. The user and the actor are loaded together.
    assert result["impersonated"] == [statements + 1, statements + 2]
    # Three sign-ins, a refresh, and the ends of three sessions.
    assert result["signals"] == [expected] * 7
    assert result["admin"] >= 3
    assert result["command"]
