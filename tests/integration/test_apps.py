"""The app in projects with other defaults and other receivers, in separate processes."""

from __future__ import annotations

from tests.support.scenarios.running import run_scenario


def test_package_classes_can_be_rest_framework_defaults():
    module = "tests.support.scenarios.default_classes"
    assert run_scenario(module, module) == [401, True]


def test_failing_receiver_of_the_project_keeps_no_session():
    """Django calls no receivers after one that raises an error."""
    package = "tests.support.scenarios.failing_receivers"
    reasons = run_scenario(f"{package}.scenario", f"{package}.settings")
    assert reasons == {"password": "user_changed", "deactivation": "user_changed"}
