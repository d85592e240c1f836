"""The Django project of a benchmark: setup, database, settings and users."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from typing import Any

import django
from django.conf import settings
from django.contrib.auth import get_user_model
from django.core.handlers.wsgi import WSGIHandler
from django.core.management import call_command
from django.core.signals import setting_changed
from django.core.wsgi import get_wsgi_application
from django.db import connection
from django.db.models import Max

from .catalog import Run


def set_up() -> None:
    if Run.from_environment().database == "mariadb":
        import_module("pymysql").install_as_MySQLdb()
    django.setup()
    logging.disable()


def application() -> WSGIHandler:
    """Return the WSGI application that gunicorn serves."""
    set_up()
    return get_wsgi_application()


@contextmanager
def created_database() -> Iterator[None]:
    """Create the tables, and on a server a database that is dropped afterwards."""
    if connection.vendor == "sqlite":
        call_command("migrate", verbosity=0)
        yield
        return
    name = connection.settings_dict["NAME"]
    connection.creation.create_test_db(verbosity=0, autoclobber=True)
    try:
        yield
    finally:
        connection.creation.destroy_test_db(name, verbosity=0)


def print_version() -> None:
    """Print the version of the database. Raises an error if it cannot be used."""
    sqlite = connection.vendor == "sqlite"
    with connection.cursor() if sqlite else connection._nodb_cursor() as cursor:
        cursor.execute(f"SELECT {'sqlite_version' if sqlite else 'version'}()")
        # Without the name and the build.
        print(re.findall(r"\d[\d.]*", cursor.fetchone()[0])[0])  # noqa: T201


def change_tokenauth(**values: Any) -> None:
    """Change these values of ``TOKENAUTH``."""
    settings.TOKENAUTH = {**settings.TOKENAUTH, **values}
    setting_changed.send(sender=None, setting="TOKENAUTH", value=settings.TOKENAUTH, enter=True)


def new_users(number: int) -> list[Any]:
    """Add users without a password."""
    manager = get_user_model()._default_manager
    last = manager.aggregate(pk=Max("pk"))["pk"] or 0
    users = (manager.model(username=f"user{last + place}") for place in range(number))
    manager.bulk_create(users, batch_size=1000)
    return list(manager.filter(pk__gt=last).order_by("pk"))
