"""The option --database of the commands on sessions.

``tests.support.scenarios.tenants`` runs the commands with two databases.
"""

from __future__ import annotations

from io import StringIO
from threading import Thread

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group
from django.core.management import CommandError, call_command
from django.db import connections, router

from django_tokenauth.management.databases import database
from django_tokenauth.models import Session

COMMANDS = {
    "tokenauth_prune": [],
    "tokenauth_revoke": ["--all"],
    "tokenauth_session": ["3f9a0c51d2e7"],
    "tokenauth_token": ["alice"],
}


@pytest.fixture(autouse=True)
def _other(monkeypatch):
    options = {**connections.settings["default"], "NAME": "file:other?mode=memory"}
    monkeypatch.setitem(connections.settings, "other", options)


def aliases(*models):
    return [(router.db_for_read(model), router.db_for_write(model)) for model in models]


def test_database_of_a_command_has_users_rights_and_sessions():
    with database("other"):
        assert set(aliases(Session, get_user_model(), Group)) == {("other", "other")}
    assert set(aliases(Session, get_user_model(), Group)) == {("default", "default")}


def test_database_of_a_command_has_no_other_models():
    with database("other"):
        assert aliases(LogEntry) == [("default", "default")]


def test_database_of_a_command_is_used_in_its_thread_only():
    found = []
    with database("other"):
        thread = Thread(target=lambda: found.extend(aliases(Session)))
        thread.start()
        thread.join()
    assert found == [("default", "default")]


def test_failed_command_restores_the_routers():
    before = router.routers
    with pytest.raises(CommandError), database("other"):
        raise CommandError
    assert router.routers == before
    assert aliases(Session) == [("default", "default")]


def test_command_without_a_database_changes_no_router():
    before = router.routers
    with database(None):
        assert router.routers is before


@pytest.mark.parametrize("command", COMMANDS)
def test_command_rejects_an_unknown_database(command):
    message = r"^DATABASES has no alias 'another'\. It has: default, other\.$"
    with pytest.raises(CommandError, match=message):
        call_command(command, *COMMANDS[command], "--database=another", stdout=StringIO())


@pytest.mark.parametrize("command", COMMANDS)
def test_help_of_commands_on_sessions_explains_the_database(command, capsys):
    with pytest.raises(SystemExit):
        call_command(command, "--help")
    assert "--database ALIAS" in capsys.readouterr().out
