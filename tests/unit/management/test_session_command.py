"""The base class of the commands on sessions: errors in one line, and counted sessions."""

from __future__ import annotations

from io import StringIO

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.core.management import CommandError, call_command
from django.db import OperationalError, ProgrammingError, connections

from django_tokenauth.management.sessions import SessionCommand, counted


def command(error):
    """Return a command that raises *error*."""

    class Command(SessionCommand):
        requires_system_checks = []

        def handle(self, *args, **options):
            raise error

    return Command()


@pytest.mark.parametrize(
    ("message", "shown"),
    [
        (
            'relation "x" does not exist\nLINE 1: SELECT x FROM x\n       ^',
            'relation "x" does not exist',
        ),
        ("There is no table X.", "There is no table X"),
    ],
)
def test_session_command_shows_first_line_of_a_database_error(message, shown):
    error = ProgrammingError(message)
    with pytest.raises(CommandError) as caught:
        call_command(command(error))
    assert str(caught.value) == (
        f"The database reports: {shown}. If a table or column is missing, run manage.py migrate."
    )
    assert caught.value.__cause__ is error


def test_session_command_with_an_outage_says_what_to_do():
    error = OperationalError("the connection was refused")
    with pytest.raises(CommandError) as caught:
        call_command(command(error))
    assert str(caught.value) == (
        "The database reports: the connection was refused. Start the database or correct "
        "DATABASES, and run the command again."
    )
    assert caught.value.__cause__ is error


def test_session_command_without_a_database_is_rejected(monkeypatch):
    monkeypatch.setitem(connections.settings["default"], "ENGINE", "django.db.backends.dummy")
    with pytest.raises(CommandError, match=r"^DATABASES is empty\. "):
        call_command(command(ImproperlyConfigured("settings.DATABASES is improperly configured.")))


def test_session_command_propagates_an_error_of_the_project():
    with pytest.raises(ImproperlyConfigured, match="a bug of the project"):
        call_command(command(ImproperlyConfigured("a bug of the project")))


def test_session_command_passes_arguments_and_options_to_handle():
    class Command(SessionCommand):
        requires_system_checks = []

        def add_arguments(self, parser):
            parser.add_argument("args", nargs="*")

        def handle(self, *args, **options):
            return f"{args} {options['verbosity']}"

    returned = call_command(Command(), "a", "b", verbosity=2, stdout=StringIO())
    assert returned == "('a', 'b') 2"


@pytest.mark.parametrize(
    ("number", "text"), [(0, "0 sessions"), (1, "1 session"), (2, "2 sessions")]
)
def test_counted_function_writes_plural_unless_number_is_one(number, text):
    assert counted(number, "session") == text
