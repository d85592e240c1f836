"""The app is optional: a project without it loads nothing of it."""

from __future__ import annotations

from tests.support.scenarios.running import run_scenario


def test_project_without_the_app_loads_nothing_of_it():
    module = "tests.support.scenarios.without_api_tokens"
    assert run_scenario(module, module) == {
        "loaded": [],
        "message": 'Add "django_tokenauth.api_tokens" to INSTALLED_APPS, and migrate.',
        "has_model": False,
    }
