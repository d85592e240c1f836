"""The databases to compare, and whether they answer; ``tests.support.servers`` names servers."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from typing import Any
from urllib.parse import SplitResult, unquote

from django.core.management import call_command
from django.db import connection

from tests.support import servers

SECONDS_TO_CONNECT = 5
#: SQLite is in the memory of the process, or in a file where its bytes or processes count.
TITLES = {
    "sqlite": "SQLite",
    "sqlite-file": "SQLite, a file",
    "postgresql": "PostgreSQL",
    "mariadb": "MariaDB",
}


def entry(name: str, folder: str) -> dict[str, Any]:
    """The entry of ``DATABASES``. Files are made in ``folder``."""
    match name:
        case "sqlite":
            return {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}
        case "sqlite-file":
            return {"ENGINE": "django.db.backends.sqlite3", "NAME": f"{folder}/benchmark.sqlite3"}
        case "postgresql":
            found = servers.as_database(servers.postgresql(), "postgresql")
        case _:
            found = servers.as_database(servers.mariadb(), "mysql")
    # Two runs can use one server at the same time.
    return {**found, "NAME": f"{found['NAME']}_benchmark_{os.getpid()}"}


@contextmanager
def made() -> Iterator[None]:
    """The tables of the project, in a database that is gone afterwards."""
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


def answers(name: str) -> tuple[str | None, str]:
    """The version of a database, or ``None``; and where it is or what is wrong."""
    if name.startswith("sqlite"):
        return sqlite3.sqlite_version, "in process"
    url = servers.postgresql() if name == "postgresql" else servers.mariadb()
    place = f"{url.hostname}:{url.port}" if url.port else f"{url.hostname}"
    try:
        return (_postgresql if name == "postgresql" else _mariadb)(url), place
    except Exception as error:  # noqa: BLE001 - drivers have no class of errors in common
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        return None, f"cannot be used at {place} ({reason})"


def _postgresql(url: SplitResult) -> str:
    with import_module("psycopg").connect(
        host=url.hostname,
        port=url.port,
        user=unquote(url.username or "") or None,
        password=unquote(url.password or "") or None,
        dbname="postgres",
        connect_timeout=SECONDS_TO_CONNECT,
    ) as opened:
        # Debian tells its own version behind it.
        return str(opened.info.parameter_status("server_version")).split()[0]


def _mariadb(url: SplitResult) -> str:
    opened = import_module("pymysql").connect(
        host=url.hostname,
        port=url.port or 3306,
        user=unquote(url.username or "") or None,
        password=unquote(url.password or ""),
        connect_timeout=SECONDS_TO_CONNECT,
    )
    with opened, opened.cursor() as cursor:
        # What it tells when a connection opens begins with a version for old clients.
        cursor.execute("SELECT VERSION()")
        return str(cursor.fetchone()[0]).partition("-")[0]
