"""An error of Django's about the settings: of a service without a database, or of the project."""

from __future__ import annotations

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.db import (
    DataError,
    InterfaceError,
    InternalError,
    OperationalError,
    ProgrammingError,
    connections,
)

from django_tokenauth.conf.settings import UnusableSettings
from django_tokenauth.errors import ServiceUnavailable
from django_tokenauth.sessions.database import (
    database_errors_as_unavailable,
    database_required,
)


@pytest.mark.parametrize("manager", [database_required, database_errors_as_unavailable])
def test_error_without_a_database_names_the_databases_setting(manager, monkeypatch):
    monkeypatch.setitem(connections.settings["default"], "ENGINE", "django.db.backends.dummy")
    with pytest.raises(UnusableSettings) as error, manager():
        raise ImproperlyConfigured("settings.DATABASES is improperly configured.")
    assert str(error.value) == (
        "DATABASES is empty. This service can verify tokens, but users cannot sign in or refresh "
        "here."
    )


@pytest.mark.parametrize("manager", [database_required, database_errors_as_unavailable])
def test_improperly_configured_error_of_project_propagates(manager):
    with pytest.raises(ImproperlyConfigured) as caught, manager():
        raise ImproperlyConfigured("a bug of the project")
    assert not isinstance(caught.value, UnusableSettings)


@pytest.mark.parametrize("kind", [OperationalError, InterfaceError])
def test_outage_is_logged_with_traceback_and_unavailable(kind, caplog):
    with pytest.raises(ServiceUnavailable) as error, database_errors_as_unavailable():
        raise kind("the server is gone")
    assert error.value.__suppress_context__
    [record] = caplog.records
    assert (record.name, record.levelname) == ("django_tokenauth", "ERROR")
    assert record.message == f"database error ({kind.__name__})"
    assert record.exc_info[0] is kind


@pytest.mark.parametrize("kind", [DataError, InternalError, ProgrammingError])
def test_database_error_that_is_a_bug_propagates(kind, caplog):
    with pytest.raises(kind), database_errors_as_unavailable():
        raise kind("value too long")
    assert caplog.records == []
