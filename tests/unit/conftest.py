"""Unit tests must not use a database: each attempt fails the test, even if it is caught."""

from __future__ import annotations

import pytest
from django.db.backends.base.base import BaseDatabaseWrapper

FORBIDDEN = "Unit tests must not use a database. Move the test to tests/integration/."


def fail_without_database(*args, **options):
    # pytest's own exception: ``except Exception`` in the code under test does not catch it.
    pytest.fail(FORBIDDEN)


@pytest.fixture(scope="session")
def django_db_setup():
    """Replace the fixture of pytest-django that each database mark and fixture needs."""
    pytest.fail(FORBIDDEN, pytrace=False)


@pytest.fixture(autouse=True)
def _no_connection(monkeypatch):
    for method in ("connect", "ensure_connection"):
        monkeypatch.setattr(BaseDatabaseWrapper, method, fail_without_database)
