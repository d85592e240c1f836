"""A second connection to the database, which blocks a statement."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

from django.contrib.auth import get_user_model
from django.db import DatabaseError, connection

from django_tokenauth.models import Session

TIMEOUT = 30


class Statement(NamedTuple):
    """A statement before its execution, in the thread of a request."""

    verb: str
    sql: str

    @property
    def model(self) -> Any:
        """Return the model of its first table."""
        models = (Session, get_user_model())
        return next((model for model in models if model._meta.db_table in self.sql), None)

    @property
    def table(self) -> str:
        return connection.ops.quote_name(self.model._meta.db_table)

    @property
    def writes(self) -> bool:
        return self.verb != "SELECT"


def run(*statements: str) -> None:
    """Execute the statements on the connection of the request."""
    with connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)


def run_elsewhere(*statements: str) -> None:
    """Execute the statements on a new connection."""
    other: Any = connection.copy("other")
    try:
        with other.cursor() as cursor:
            for statement in statements:
                cursor.execute(statement)
    finally:
        other.close()


def connection_id() -> int:
    """Return the id of the connection of the request in the database."""
    raw: Any = connection.connection
    return int(raw.info.backend_pid if connection.vendor == "postgresql" else raw.thread_id())


_WAITING_QUERIES = {
    "postgresql": "SELECT 1 FROM pg_stat_activity WHERE pid = %s AND wait_event_type = 'Lock'",
    "mysql": "SELECT 1 FROM information_schema.processlist LEFT JOIN information_schema.innodb_trx"
    " ON trx_mysql_thread_id = id WHERE id = %s AND (trx_state = 'LOCK WAIT' OR state LIKE"
    " 'Waiting for %% lock')",
}
# MariaDB caches its table for 0.1 seconds.
_POLL_INTERVAL = {"postgresql": 0.003, "mysql": 0.11}


@contextmanager
def blocker(statements: Sequence[str], on_wait: Sequence[str]) -> Iterator[None]:
    """Execute ``statements`` on a second connection, and ``on_wait`` when the request waits for it.

    ``{id}`` is the id of the connection of the request.
    """
    request_id = connection_id()
    ready, finished = threading.Event(), threading.Event()

    def block() -> None:
        other: Any = connection.copy("blocker")
        watcher: Any = connection.copy("watcher")
        try:
            other.set_autocommit(False)
            with other.cursor() as cursor, watcher.cursor() as poll:
                for statement in statements:
                    cursor.execute(statement)
                ready.set()
                while not finished.wait(_POLL_INTERVAL[connection.vendor]):
                    poll.execute(_WAITING_QUERIES[connection.vendor], [request_id])
                    if poll.fetchone():
                        for statement in on_wait:
                            cursor.execute(statement.format(id=request_id))
                        finished.wait(TIMEOUT)
        except DatabaseError:
            # A deadlock can end the blocker instead; the caller repeats the case.
            pass
        finally:
            ready.set()
            other.close()
            watcher.close()

    thread = threading.Thread(target=block)
    thread.start()
    ready.wait(TIMEOUT)
    try:
        yield
    finally:
        finished.set()
        thread.join()


def blocking_statements(statement: Statement) -> list[str]:
    """Return the statements that make ``statement`` wait while it holds a lock itself."""
    user = connection.ops.quote_name(get_user_model()._meta.db_table)
    session = connection.ops.quote_name(Session._meta.db_table)
    if statement.verb == "INSERT":
        # The foreign key check reads the user; on PostgreSQL at the commit.
        return [f"SELECT 1 FROM {user} FOR UPDATE"]  # noqa: S608
    if statement.writes:
        return [f"SELECT 1 FROM {statement.table} FOR UPDATE"]  # noqa: S608
    if connection.vendor == "postgresql":
        return [f'REINDEX INDEX "{statement.model._meta.db_table}_pkey"']
    return [f"LOCK TABLES {user} WRITE, {session} WRITE"]
