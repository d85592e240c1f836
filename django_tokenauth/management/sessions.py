"""The base class of the commands that read the table of sessions."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import Error as DatabaseError

from django_tokenauth.conf.settings import UnusableSettings
from django_tokenauth.management.databases import database
from django_tokenauth.sessions.database import database_required
from django_tokenauth.sessions.outages import is_outage


def counted(number: int, noun: str) -> str:
    """Return *number* and *noun*, in the plural unless *number* is 1."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


class SessionCommand(BaseCommand):
    """A command with the option ``--database``, which reports a database error in one line.

    The option ``--traceback`` shows the whole error.
    """

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--database",
            metavar="ALIAS",
            help="the database of the users and the sessions, an alias of DATABASES (default: the "
            "database that the routers select)",
        )

    def execute(self, *args: Any, **options: Any) -> str | None:
        try:
            with database(options.get("database")), database_required():
                return super().execute(*args, **options)
        except UnusableSettings as error:
            raise CommandError(str(error)) from error
        except DatabaseError as error:
            # PostgreSQL appends lines with the SQL statement to its error message.
            reported = str(error).partition("\n")[0].rstrip(".")
            remedy = "If a table or column is missing, run manage.py migrate."
            if is_outage(error):
                remedy = "Start the database or correct DATABASES, and run the command again."
            raise CommandError(f"The database reports: {reported}. {remedy}") from error
