"""The faults to inject into a statement. Most of them happen in the real database."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from django.db import connection

from django_tokenauth.models import Session
from tests.campaigns.crash.blocker import (
    Statement,
    blocker,
    blocking_statements,
    connection_id,
    run,
    run_elsewhere,
)
from tests.campaigns.crash.proxy import Proxy
from tests.support.locks import unreadable

Execute = Callable[[], Any]


@dataclass(frozen=True)
class Fault:
    """A fault. ``inject`` gets the statement and the function that executes it."""

    name: str
    inject: Callable[[Statement, Execute], Any]
    applies: Callable[[Statement], bool] = lambda statement: True
    #: Whether the fault is slow, or only sometimes succeeds.
    is_slow: bool = False
    #: Whether a later request can succeed. An error of another class can be a bug of the project.
    is_outage: bool = True


def faults(proxy: Proxy | None) -> list[Fault]:
    """Return the faults of the database. ``proxy`` is in front of a database server."""
    all_faults = [Fault("lock timeout", _locked), *_FAULTS[connection.vendor]]
    if proxy is not None:
        all_faults += _connection_faults(proxy)
    return [*all_faults, *map(_raised, _ERRORS[connection.vendor])]


def _locked(statement: Statement, execute: Execute) -> Any:
    with unreadable(statement.model):
        return execute()


def _connection_faults(proxy: Proxy) -> Iterator[Fault]:
    def cut_before(statement: Statement, execute: Execute) -> Any:
        proxy.cut()
        return execute()

    def cut_after(statement: Statement, execute: Execute) -> Any:
        proxy.drop_next_response()
        return execute()

    def block(statement: Statement, execute: Execute) -> Any:
        proxy.block()
        return execute()

    yield Fault("connection cut before the statement", cut_before)
    yield Fault("connection cut after the statement, before its result", cut_after)
    yield Fault("connection cut, and new connections rejected", block)


def _killed(sql: str) -> Callable[[Statement, Execute], Any]:
    def inject(statement: Statement, execute: Execute) -> Any:
        run_elsewhere(sql.format(id=connection_id()))
        return execute()

    return inject


def _killed_waiting(sql: str) -> Callable[[Statement, Execute], Any]:
    def inject(statement: Statement, execute: Execute) -> Any:
        with blocker(blocking_statements(statement), [sql]):
            return execute()

    return inject


def _timed_out(begin: str, end: str) -> Callable[[Statement, Execute], Any]:
    def inject(statement: Statement, execute: Execute) -> Any:
        statements = blocking_statements(statement)
        if connection.vendor == "postgresql" and statement.verb == "INSERT":
            # statement_timeout does not apply to COMMIT.
            statements = [f"LOCK TABLE {statement.table} IN SHARE MODE"]
        with blocker(statements, []):
            run(begin)
            try:
                return execute()
            finally:
                run(end)

    return inject


def _read_only(begin: str, end: str, *, is_outage: bool = True) -> Fault:
    """Return the fault of a failover to a read-only server, or of a file that is read-only."""

    def inject(statement: Statement, execute: Execute) -> Any:
        run(begin)
        try:
            return execute()
        finally:
            run(end)

    return Fault(
        "read-only server", inject, lambda statement: statement.writes, is_outage=is_outage
    )


def _deadlock_on_postgresql(statement: Statement, execute: Execute) -> Any:
    # The statement and the blocker wait for each other. The first to detect it is the victim.
    on_wait = [
        "SET deadlock_timeout = '20s'",
        f"LOCK TABLE {statement.table} IN ACCESS EXCLUSIVE MODE",
    ]
    with blocker(blocking_statements(statement), on_wait):
        run("SET deadlock_timeout = '200ms'")
        try:
            return execute()
        finally:
            run("SET deadlock_timeout = DEFAULT")


def _deadlock_on_mariadb(statement: Statement, execute: Execute) -> Any:
    # The victim is the transaction with fewer changes.
    bob = " WHERE username = 'bob'" if statement.verb == "UPDATE" else ""
    work = [f"UPDATE auth_user SET first_name = CONCAT(first_name, 'x'){bob}"] * 20  # noqa: S608
    sessions = Session._meta.db_table
    if statement.verb == "UPDATE":
        # Lock the index entry. The statement holds the row and waits for the entry.
        work.append(
            f"SELECT idle_expires_at FROM {sessions} FORCE INDEX (tokenauth_session_expires)"  # noqa: S608
            " WHERE idle_expires_at > '2000-01-01' LOCK IN SHARE MODE"
        )
    with blocker(work, [f"SELECT * FROM {sessions} FOR UPDATE"]):  # noqa: S608
        return execute()


def _serialization_failure(statement: Statement, execute: Execute) -> Any:
    """Use a stricter isolation level, at which the slower of two writers fails."""
    no_change = f"UPDATE {statement.table} SET id = id"  # noqa: S608
    with blocker([no_change], ["COMMIT"]):
        run("SET default_transaction_isolation = 'repeatable read'")
        try:
            return execute()
        finally:
            run("SET default_transaction_isolation = DEFAULT")


def _interrupted(statement: Statement, execute: Execute) -> Any:
    raw: Any = connection.connection
    raw.set_progress_handler(lambda: 1, 1)
    try:
        return execute()
    finally:
        raw.set_progress_handler(None, 1)


_TERMINATE = "SELECT pg_terminate_backend({id})"
_CANCEL = "SELECT pg_cancel_backend({id})"
_FAULTS: dict[str, list[Fault]] = {
    "postgresql": [
        Fault(
            "statement timeout",
            _timed_out("SET statement_timeout = '20ms'", "SET statement_timeout = 0"),
        ),
        Fault("backend terminated before the statement", _killed(_TERMINATE)),
        Fault("backend terminated during the statement", _killed_waiting(_TERMINATE)),
        Fault("statement cancelled", _killed_waiting(_CANCEL)),
        Fault("deadlock", _deadlock_on_postgresql, is_slow=True),
        Fault(
            "serialization failure",
            _serialization_failure,
            lambda statement: statement.verb in ("UPDATE", "DELETE"),
        ),
        _read_only(
            "SET default_transaction_read_only = on", "SET default_transaction_read_only = off"
        ),
    ],
    "mysql": [
        Fault(
            "statement timeout",
            _timed_out("SET max_statement_time = 0.02", "SET max_statement_time = 0"),
        ),
        Fault("connection killed before the statement", _killed("KILL {id}")),
        Fault("connection killed during the statement", _killed_waiting("KILL {id}")),
        Fault("statement killed", _killed_waiting("KILL QUERY {id}"), is_slow=True),
        Fault(
            "deadlock",
            _deadlock_on_mariadb,
            lambda statement: statement.verb in ("INSERT", "UPDATE") and statement.model is Session,
        ),
        _read_only("SET SESSION TRANSACTION READ ONLY", "SET SESSION TRANSACTION READ WRITE"),
    ],
    "sqlite": [
        Fault("statement interrupted", _interrupted),
        _read_only("PRAGMA query_only = ON", "PRAGMA query_only = OFF", is_outage=False),
    ],
}

# Errors that no test can provoke, as the driver raises them: class and arguments.
_ERRORS: dict[str, list[tuple[str, tuple[Any, ...]]]] = {
    "postgresql": [
        ("errors.DeadlockDetected", ("deadlock detected",)),
        ("errors.SerializationFailure", ("could not serialize access",)),
        ("errors.TooManyConnections", ("sorry, too many clients already",)),
        ("errors.CannotConnectNow", ("the database system is starting up",)),
        ("errors.DiskFull", ("could not extend file",)),
        ("errors.InternalError_", ("invalid page in block 0",)),
        ("InterfaceError", ("the connection is lost",)),
    ],
    "mysql": [
        ("OperationalError", (1213, "Deadlock found when trying to get lock")),
        ("OperationalError", (1205, "Lock wait timeout exceeded")),
        ("OperationalError", (1040, "Too many connections")),
        ("OperationalError", (1020, "Record has changed since last read")),
        ("OperationalError", (1021, "Disk full")),
        ("InternalError", (1030, "Got error from storage engine")),
        ("InterfaceError", (0, "")),
    ],
    "sqlite": [
        ("OperationalError", ("disk I/O error",)),
        ("OperationalError", ("database or disk is full",)),
        ("OperationalError", ("unable to open database file",)),
        ("DatabaseError", ("database disk image is malformed",)),
    ],
}


def _raised(error: tuple[str, tuple[Any, ...]]) -> Fault:
    name, arguments = error

    def inject(statement: Statement, execute: Execute) -> Any:
        database: Any = connection
        error_class = database.Database
        for part in name.split("."):
            error_class = getattr(error_class, part)
        with connection.wrap_database_errors:
            raise error_class(*arguments)

    return Fault(
        f"{name.removeprefix('errors.')}{arguments}",
        inject,
        is_outage=not name.startswith(("DatabaseError", "InternalError", "errors.InternalError")),
    )
