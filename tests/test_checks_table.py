"""The system check that looks into the database."""

from __future__ import annotations

from io import StringIO

import pytest
from django.core.checks import WARNING, run_checks
from django.core.management import call_command
from django.db import connection

from django_tokenauth.checks import check_table
from django_tokenauth.models import Session

pytestmark = pytest.mark.django_db(transaction=True)


def found(**options):
    return [message for message in run_checks(**options) if message.id == "tokenauth.W020"]


@pytest.fixture
def _missing():
    """The table is elsewhere for a while, as before the first ``migrate``."""
    table = connection.ops.quote_name(Session._meta.db_table)
    with connection.cursor() as cursor:
        cursor.execute(f"ALTER TABLE {table} RENAME TO elsewhere")
    yield
    with connection.cursor() as cursor:
        cursor.execute(f"ALTER TABLE elsewhere RENAME TO {table}")


@pytest.mark.usefixtures("_missing")
class TestMissing:
    def test_it_is_warned_of_where_databases_are_checked(self):
        [message] = found(databases=["default"])
        assert message.level == WARNING
        assert message.msg == "The table of sessions is missing: nobody can sign in."
        assert "manage.py migrate makes it." in message.hint
        assert found() == []

    @pytest.mark.parametrize("databases", [None, [], ["other"]])
    def test_where_its_database_is_not_checked_nothing_is_said(self, databases):
        assert check_table(databases=databases) == []

    def test_no_error_because_migrate_would_stop_at_it(self):
        output = StringIO()
        call_command("check", databases=["default"], stdout=output, stderr=output)
        assert "tokenauth.W020" in output.getvalue()

    @pytest.mark.parametrize("given", [{"STATELESS_REFRESH": True}, {"ISUER": "x"}])
    def test_without_sessions_or_settings_it_is_not_missed(self, settings, given):
        settings.TOKENAUTH = given
        assert found(databases=["default"]) == []


def test_of_a_table_that_is_there_nothing_is_said():
    assert found(databases=["default"]) == []
