"""System check of the database: the session table exists, is up to date and is pruned."""

from __future__ import annotations

from datetime import timedelta
from io import StringIO

import pytest
from django.core.checks import WARNING, run_checks
from django.core.management import call_command
from django.db import connection, connections
from django.utils import timezone

from django_tokenauth.api_tokens.models import APIToken
from django_tokenauth.checks import check_database
from django_tokenauth.models import Session
from tests.support.broken import renamed_table
from tests.support.client import post

COMMITTED = pytest.mark.django_db(transaction=True)
LONG = timedelta(days=30)
MIGRATE = "Run manage.py migrate."


def warnings(**options):
    """Run the system checks and return the warnings about the session table."""
    return [
        message
        for message in run_checks(**options)
        if message.id in ("tokenauth.W016", "tokenauth.W020")
    ]


class SessionRouter:
    """A router that stores the sessions in another database."""

    def db_for_write(self, model, **hints):
        return "sessions" if model is Session else None


@pytest.mark.attack(142)
@COMMITTED
@pytest.mark.usefixtures("missing_session_table")
class TestMissingTable:
    def test_missing_session_table_is_a_check_warning(self):
        [message] = warnings(databases=["default"])
        assert message.level == WARNING
        assert message.msg == "The table of sessions does not exist, so users cannot sign in."
        assert message.hint == MIGRATE
        assert warnings() == []

    def test_check_command_succeeds_before_the_first_migrate(self):
        output = StringIO()
        call_command("check", databases=["default"], stdout=output, stderr=output)
        assert "tokenauth.W020" in output.getvalue()

    @pytest.mark.usefixtures("alice")
    def test_sign_in_without_the_session_table_returns_500(self):
        response = post("token/", {"username": "alice", "password": "correct horse"})
        assert response.status_code == 500

    @pytest.mark.parametrize("command", ["migrate", "check"])
    def test_migrate_prints_no_warning_about_a_table_that_it_creates(self, command):
        output, errors = StringIO(), StringIO()
        options = {"plan": True} if command == "migrate" else {"databases": ["default"]}
        if command == "migrate":
            # call_command() skips the checks that the command line runs.
            options["skip_checks"] = False
        call_command(command, **options, stdout=output, stderr=errors)
        warned = "tokenauth.W020" in output.getvalue() + errors.getvalue()
        assert warned is (command == "check")

    def test_session_table_check_skips_table_in_another_database(self, settings):
        settings.DATABASE_ROUTERS = [SessionRouter()]
        assert warnings(databases=["default"]) == []

    def test_missing_table_in_another_database_names_this_database(self, settings):
        """``migrate`` without ``--database`` would not create the table there."""
        connections.databases["sessions"] = connection.settings_dict
        connections["sessions"] = connection
        settings.DATABASE_ROUTERS = [SessionRouter()]
        try:
            [message] = warnings(databases=["default", "sessions"])
        finally:
            del connections["sessions"], connections.databases["sessions"]
        assert message.msg == (
            "The table of sessions does not exist in the database 'sessions', so users cannot "
            "sign in."
        )
        assert message.hint == "Run manage.py migrate --database=sessions."

    def test_session_table_check_skips_stateless_or_invalid_settings(self, settings):
        for values in ({"STATELESS_REFRESH": True}, {"ISUER": "x"}):
            settings.TOKENAUTH = values
            assert warnings(databases=["default"]) == []


@pytest.fixture
def _missing_column():
    """Rename a column, as after an upgrade of the package without ``migrate``."""
    quote = connection.ops.quote_name
    rename = f"ALTER TABLE {quote(Session._meta.db_table)} RENAME COLUMN {{}} TO {{}}"
    names = quote("user_agent"), quote("elsewhere")
    with connection.cursor() as cursor:
        cursor.execute(rename.format(*names))
    yield
    with connection.cursor() as cursor:
        cursor.execute(rename.format(*reversed(names)))


@pytest.mark.attack(142)
@COMMITTED
@pytest.mark.usefixtures("_missing_column")
def test_missing_session_column_is_a_check_warning():
    [message] = warnings(databases=["default"])
    assert (message.id, message.level) == ("tokenauth.W020", WARNING)
    assert (
        message.msg
        == "The table of sessions lacks columns of this version, so users cannot sign in."
    )
    assert message.hint == MIGRATE


class APITokenRouter:
    """A router that stores API tokens in another database."""

    def db_for_write(self, model, **hints):
        return "other" if model is APIToken else None


@COMMITTED
@pytest.mark.parametrize("stateless", [False, True])
def test_missing_table_of_api_tokens_is_a_check_warning(settings, stateless):
    settings.TOKENAUTH = {"STATELESS_REFRESH": stateless}
    with renamed_table(APIToken._meta.db_table):
        [message] = warnings(databases=["default"])
        assert (message.id, message.level) == ("tokenauth.W020", WARNING)
        assert (message.msg, message.hint) == ("The table of API tokens does not exist.", MIGRATE)
        settings.DATABASE_ROUTERS = [APITokenRouter()]
        assert warnings(databases=["default"]) == []
    assert warnings(databases=["default"]) == []


class UserRouter:
    """A router that stores the users in another database."""

    def db_for_write(self, model, **hints):
        return None if model is Session else "users"


@pytest.mark.django_db
@pytest.mark.parametrize("is_same", [False, True])
def test_users_in_another_database_are_a_check_warning(settings, is_same):
    """A statement cannot join tables of two databases."""
    options = {**connection.settings_dict, "NAME": "users"}
    connections.databases["users"] = connection.settings_dict if is_same else options
    settings.DATABASE_ROUTERS = [UserRouter()]
    try:
        found = [each for each in check_database(databases=["default"]) if each.id.endswith("W030")]
    finally:
        del connections["users"], connections.databases["users"]
    message = (
        "The table of sessions is in the database 'default', and the table of users in 'users'. "
        "Users cannot sign in."
    )
    assert [(each.level, each.msg) for each in found] == ([] if is_same else [(WARNING, message)])


@COMMITTED
def test_complete_session_table_gives_no_check_warning():
    assert warnings(databases=["default"]) == []


@pytest.mark.attack(142)
def test_database_check_skips_databases_that_are_not_selected():
    for databases in (None, [], ["other"]):
        assert check_database(databases=databases) == []


@pytest.mark.django_db
class TestPruning:
    def create_expired_sessions(self, count, ago):
        """Store *count* sessions without a user that expired *ago* before now."""
        end = timezone.now() - ago
        timestamps = dict.fromkeys(
            ("created_at", "refreshed_at", "idle_expires_at", "absolute_expires_at"), end
        )
        Session.objects.bulk_create(Session(**timestamps) for _ in range(count))

    def test_more_than_1000_unpruned_sessions_are_a_check_warning(self):
        week = timedelta(days=7)
        self.create_expired_sessions(1000, week + LONG + timedelta(minutes=1))
        self.create_expired_sessions(1, week + LONG - timedelta(minutes=1))
        assert warnings(databases=["default"]) == []
        self.create_expired_sessions(1, week + LONG + timedelta(minutes=1))
        [message] = warnings(databases=["default"])
        assert (message.id, message.level) == ("tokenauth.W016", WARNING)
        assert message.msg == (
            "More than 1000 expired or revoked sessions are 30 days older than SESSION_RETENTION "
            "permits. They contain IP addresses of users. Sign-ins prune too few of them."
        )
        assert message.hint == "Run manage.py tokenauth_prune, once or on a schedule."
        assert warnings() == []
        call_command("tokenauth_prune", verbosity=0)
        assert warnings(databases=["default"]) == []

    def test_prune_check_waits_30_days_after_session_retention(self, settings):
        settings.TOKENAUTH = {"SESSION_RETENTION": timedelta(days=60)}
        self.create_expired_sessions(1001, timedelta(days=60) + LONG - timedelta(minutes=1))
        assert warnings(databases=["default"]) == []
