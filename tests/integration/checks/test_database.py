"""The system check that looks into the database: the table is there, is ours, and is pruned."""

from __future__ import annotations

from datetime import timedelta
from io import StringIO

import pytest
from django.core.checks import WARNING, run_checks
from django.core.management import call_command
from django.db import connection
from django.utils import timezone

from django_tokenauth.checks import check_database
from django_tokenauth.models import Session
from tests.support.client import post

pytestmark = pytest.mark.django_db(transaction=True)


LONG = timedelta(days=30)


def found(**options):
    """What is said of the database, which is not looked into without ``databases``."""
    return [
        message
        for message in run_checks(**options)
        if message.id in ("tokenauth.W016", "tokenauth.W020")
    ]


@pytest.fixture
def _missing():
    """The table is elsewhere for a while, as before the first ``migrate``."""
    table = connection.ops.quote_name(Session._meta.db_table)
    with connection.cursor() as cursor:
        cursor.execute(f"ALTER TABLE {table} RENAME TO elsewhere")
    yield
    with connection.cursor() as cursor:
        cursor.execute(f"ALTER TABLE elsewhere RENAME TO {table}")


@pytest.mark.attack(142)
@pytest.mark.usefixtures("_missing")
class TestMissing:
    def test_it_is_warned_of_where_databases_are_checked(self):
        [message] = found(databases=["default"])
        assert message.level == WARNING
        assert message.msg == "The table of sessions does not exist, so users cannot sign in."
        assert message.hint.startswith("Run manage.py migrate.")
        assert found() == []

    def test_where_its_database_is_not_checked_nothing_is_said(self):
        for databases in (None, [], ["other"]):
            assert check_database(databases=databases) == []

    def test_no_error_because_migrate_would_stop_at_it(self):
        output = StringIO()
        call_command("check", databases=["default"], stdout=output, stderr=output)
        assert "tokenauth.W020" in output.getvalue()

    @pytest.mark.usefixtures("alice")
    def test_no_token_is_given_out_that_could_not_be_revoked(self):
        answer = post("token/", {"username": "alice", "password": "correct horse"})
        assert (answer.status_code, answer.json()["error"]) == (503, "temporarily_unavailable")

    def test_without_sessions_or_settings_it_is_not_missed(self, settings):
        for given in ({"STATELESS_REFRESH": True}, {"ISUER": "x"}):
            settings.TOKENAUTH = given
            assert found(databases=["default"]) == []


@pytest.fixture
def _before_a_migration():
    """The table lacks a column of the model, as after an update without ``migrate``."""
    quote = connection.ops.quote_name
    rename = f"ALTER TABLE {quote(Session._meta.db_table)} RENAME COLUMN {{}} TO {{}}"
    names = quote("user_agent"), quote("elsewhere")
    with connection.cursor() as cursor:
        cursor.execute(rename.format(*names))
    yield
    with connection.cursor() as cursor:
        cursor.execute(rename.format(*reversed(names)))


@pytest.mark.attack(142)
@pytest.mark.usefixtures("_before_a_migration")
def test_a_table_without_a_column_of_the_model_is_warned_of():
    [message] = found(databases=["default"])
    assert (message.id, message.level) == ("tokenauth.W020", WARNING)
    assert (
        message.msg
        == "The table of sessions lacks columns of this version, so users cannot sign in."
    )


def test_of_a_table_that_is_there_nothing_is_said():
    assert found(databases=["default"]) == []


@pytest.mark.django_db
class TestPruning:
    def ended(self, count, ago):
        """``count`` sessions of nobody, which ended ``ago`` ago."""
        end = timezone.now() - ago
        moments = dict.fromkeys(
            ("created_at", "refreshed_at", "idle_expires_at", "absolute_expires_at"), end
        )
        Session.objects.bulk_create(Session(**moments) for _ in range(count))

    def test_a_thousand_rows_that_nobody_deletes_are_warned_of(self):
        week = timedelta(days=7)
        self.ended(1000, week + LONG + timedelta(minutes=1))
        self.ended(1, week + LONG - timedelta(minutes=1))
        assert found(databases=["default"]) == []
        self.ended(1, week + LONG + timedelta(minutes=1))
        [message] = found(databases=["default"])
        assert (message.id, message.level) == ("tokenauth.W016", WARNING)
        assert "tokenauth_prune" in message.hint
        assert found() == []
        call_command("tokenauth_prune", verbosity=0)
        assert found(databases=["default"]) == []

    def test_they_count_from_the_end_of_their_retention(self, settings):
        settings.TOKENAUTH = {"SESSION_RETENTION": timedelta(days=60)}
        self.ended(1001, timedelta(days=60) + LONG - timedelta(minutes=1))
        assert found(databases=["default"]) == []
