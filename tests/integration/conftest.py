"""Fixtures of the integration tests."""

from __future__ import annotations

import pytest
from django.db import connection

from django_tokenauth.models import Session


@pytest.fixture
def missing_session_table():
    """Rename the session table, as if ``migrate`` had not run yet."""
    table = connection.ops.quote_name(Session._meta.db_table)
    with connection.cursor() as cursor:
        cursor.execute(f"ALTER TABLE {table} RENAME TO elsewhere")
    yield
    with connection.cursor() as cursor:
        cursor.execute(f"ALTER TABLE elsewhere RENAME TO {table}")
