"""The entry point of the pytest plugin, which pytest loads in each run of its environment.

This module imports neither Django nor another module of this package, because the project under
test may not use either of them. If the project has installed this app, the plugin registers the
fixtures of ``django_tokenauth.test.fixtures``.
"""

from __future__ import annotations

import sys

import pytest


# First, so that pytest reads these fixtures before those of a conftest, which may replace them.
@pytest.hookimpl(tryfirst=True)
def pytest_sessionstart(session: pytest.Session) -> None:
    """Register the fixtures if Django is set up and ``INSTALLED_APPS`` contains this app.

    pytest-django sets up Django before this hook, and so does a conftest that calls
    ``django.setup()``.
    """
    django = sys.modules.get("django.apps")
    if django is not None and django.apps.ready and django.apps.is_installed("django_tokenauth"):
        # pytest imports the module, so that this one has no import that depends on the project.
        session.config.pluginmanager.import_plugin("django_tokenauth.test.fixtures")
