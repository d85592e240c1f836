"""Another connection to the database, which gets into the way of a statement."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

from django.contrib.auth import get_user_model
from django.db import DatabaseError, connection

from django_tokenauth.models import Session

SECONDS_TO_WAIT = 30


class Statement(NamedTuple):
    """A statement that is about to be executed, by the thread that answers a request."""

    verb: str
    sql: str

    @property
    def model(self) -> Any:
        """Whose table it is about, or the first of two."""
        known = (Session, get_user_model())
        return next((model for model in known if model._meta.db_table in self.sql), None)

    @property
    def table(self) -> str:
        return connection.ops.quote_name(self.model._meta.db_table)

    @property
    def writes(self) -> bool:
        return self.verb != "SELECT"


def run(*statements: str) -> None:
    """On the connection of the request itself."""
    with connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)


def elsewhere(*statements: str) -> None:
    """On a connection of its own."""
    other: Any = connection.copy("elsewhere")
    try:
        with other.cursor() as cursor:
            for statement in statements:
                cursor.execute(statement)
    finally:
        other.close()


def number() -> int:
    """By which the database knows the connection of the request."""
    raw: Any = connection.connection
    return int(raw.info.backend_pid if connection.vendor == "postgresql" else raw.thread_id())


_WAITS = {
    "postgresql": "SELECT 1 FROM pg_stat_activity WHERE pid = %s AND wait_event_type = 'Lock'",
    "mysql": "SELECT 1 FROM information_schema.processlist LEFT JOIN information_schema.innodb_trx"
    " ON trx_mysql_thread_id = id WHERE id = %s AND (trx_state = 'LOCK WAIT' OR state LIKE"
    " 'Waiting for %% lock')",
}
# MariaDB looks again only if nobody has asked for a tenth of a second.
_PAUSE = {"postgresql": 0.003, "mysql": 0.11}


@contextmanager
def opponent(take: Sequence[str], then: Sequence[str]) -> Iterator[None]:
    """Another connection, which does ``take`` first, and ``then`` when the request waits for it.

    ``{number}`` is that of the connection of the request.
    """
    waiting = number()
    ready, over = threading.Event(), threading.Event()

    def act() -> None:
        other: Any = connection.copy("opponent")
        watcher: Any = connection.copy("watcher")
        try:
            other.set_autocommit(False)
            with other.cursor() as cursor, watcher.cursor() as looks:
                for statement in take:
                    cursor.execute(statement)
                ready.set()
                while not over.wait(_PAUSE[connection.vendor]):
                    looks.execute(_WAITS[connection.vendor], [waiting])
                    if looks.fetchone():
                        for statement in then:
                            cursor.execute(statement.format(number=waiting))
                        over.wait(SECONDS_TO_WAIT)
        except DatabaseError:
            # The one of two that a deadlock ends: the case is tried again.
            pass
        finally:
            ready.set()
            other.close()
            watcher.close()

    thread = threading.Thread(target=act)
    thread.start()
    ready.wait(SECONDS_TO_WAIT)
    try:
        yield
    finally:
        over.set()
        thread.join()


def obstacle(statement: Statement) -> list[str]:
    """What an opponent takes to make a statement wait in the midst of its work, when it holds a
    lock itself."""
    user = connection.ops.quote_name(get_user_model()._meta.db_table)
    session = connection.ops.quote_name(Session._meta.db_table)
    if statement.verb == "INSERT":
        # It looks whether its user is there; on PostgreSQL at the commit.
        return [f"SELECT 1 FROM {user} FOR UPDATE"]  # noqa: S608
    if statement.writes:
        return [f"SELECT 1 FROM {statement.table} FOR UPDATE"]  # noqa: S608
    if connection.vendor == "postgresql":
        return [f'REINDEX INDEX "{statement.model._meta.db_table}_pkey"']
    return [f"LOCK TABLES {user} WRITE, {session} WRITE"]
