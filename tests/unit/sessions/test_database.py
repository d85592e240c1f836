"""An error of Django's about the settings: of a service without a database, or of the project."""

from __future__ import annotations

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.db import connections

from django_tokenauth.conf.settings import UnusableSettings
from django_tokenauth.sessions.database import (
    database_errors_as_unavailable,
    database_required,
)


@pytest.mark.parametrize("manager", [database_required, database_errors_as_unavailable])
def test_error_without_a_database_names_the_databases_setting(manager, monkeypatch):
    monkeypatch.setitem(connections.settings["default"], "ENGINE", "django.db.backends.dummy")
    with pytest.raises(UnusableSettings, match="DATABASES is empty"), manager():
        raise ImproperlyConfigured("settings.DATABASES is improperly configured.")


@pytest.mark.parametrize("manager", [database_required, database_errors_as_unavailable])
def test_improperly_configured_error_of_project_propagates(manager):
    with pytest.raises(ImproperlyConfigured) as caught, manager():
        raise ImproperlyConfigured("a bug of the project")
    assert not isinstance(caught.value, UnusableSettings)
