"""What can go wrong with one statement. Nearly all of it is done to the real database."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from django.db import connection

from django_tokenauth.models import Session
from tests.campaigns.crash.opponent import Statement, elsewhere, number, obstacle, opponent, run
from tests.campaigns.crash.proxy import Proxy
from tests.support.locks import unreadable

Execute = Callable[[], Any]


@dataclass(frozen=True)
class Fault:
    """``strike`` is given the statement, and what executes it."""

    name: str
    strike: Callable[[Statement, Execute], Any]
    applies: Callable[[Statement], bool] = lambda statement: True
    #: It takes a while, or only sometimes succeeds.
    is_slow: bool = False


def faults(wire: Proxy | None) -> list[Fault]:
    """Those of the database in use, which the application reaches by ``wire`` if it is a server."""
    known = [Fault("lock time-out", _locked), *_FAULTS[connection.vendor]]
    if wire is not None:
        known += _on(wire)
    return [*known, *map(_raised, _ERRORS[connection.vendor])]


def _locked(statement: Statement, execute: Execute) -> Any:
    with unreadable(statement.model):
        return execute()


def _on(wire: Proxy) -> Iterator[Fault]:
    def cut_before(statement: Statement, execute: Execute) -> Any:
        wire.cut()
        return execute()

    def cut_after(statement: Statement, execute: Execute) -> Any:
        wire.lose_the_next_answer()
        return execute()

    def refused(statement: Statement, execute: Execute) -> Any:
        wire.refuse()
        return execute()

    yield Fault("connection cut before the statement", cut_before)
    yield Fault("connection cut after it, before the answer", cut_after)
    yield Fault("connection cut, and no other one accepted", refused)


def _killed(sql: str) -> Callable[[Statement, Execute], Any]:
    def strike(statement: Statement, execute: Execute) -> Any:
        elsewhere(sql.format(number=number()))
        return execute()

    return strike


def _killed_waiting(sql: str) -> Callable[[Statement, Execute], Any]:
    def strike(statement: Statement, execute: Execute) -> Any:
        with opponent(obstacle(statement), [sql]):
            return execute()

    return strike


def _timed_out(begin: str, end: str) -> Callable[[Statement, Execute], Any]:
    def strike(statement: Statement, execute: Execute) -> Any:
        take = obstacle(statement)
        if connection.vendor == "postgresql" and statement.verb == "INSERT":
            # A commit has no time-out.
            take = [f"LOCK TABLE {statement.table} IN SHARE MODE"]
        with opponent(take, []):
            run(begin)
            try:
                return execute()
            finally:
                run(end)

    return strike


def _read_only(begin: str, end: str) -> Fault:
    """As after a failover to a server that only reads."""

    def strike(statement: Statement, execute: Execute) -> Any:
        run(begin)
        try:
            return execute()
        finally:
            run(end)

    return Fault("read-only server", strike, lambda statement: statement.writes)


def _deadlock_on_postgresql(statement: Statement, execute: Execute) -> Any:
    # The statement waits for the opponent, and this for it. Who looks first is the victim.
    then = [
        "SET deadlock_timeout = '20s'",
        f"LOCK TABLE {statement.table} IN ACCESS EXCLUSIVE MODE",
    ]
    with opponent(obstacle(statement), then):
        run("SET deadlock_timeout = '200ms'")
        try:
            return execute()
        finally:
            run("SET deadlock_timeout = DEFAULT")


def _deadlock_on_mariadb(statement: Statement, execute: Execute) -> Any:
    # The victim is who has done less.
    bob = " WHERE username = 'bob'" if statement.verb == "UPDATE" else ""
    work = [f"UPDATE auth_user SET first_name = CONCAT(first_name, 'x'){bob}"] * 20  # noqa: S608
    sessions = Session._meta.db_table
    if statement.verb == "UPDATE":
        # The index without the row: the statement has the row, and waits for its index entry.
        work.append(
            f"SELECT idle_expires_at FROM {sessions} FORCE INDEX (tokenauth_session_expires)"  # noqa: S608
            " WHERE idle_expires_at > '2000-01-01' LOCK IN SHARE MODE"
        )
    with opponent(work, [f"SELECT * FROM {sessions} FOR UPDATE"]):  # noqa: S608
        return execute()


def _changed_by_others(statement: Statement, execute: Execute) -> Any:
    """A stricter isolation than Django's, under which the slower of two writers is refused."""
    same = f"UPDATE {statement.table} SET id = id"  # noqa: S608
    with opponent([same], ["COMMIT"]):
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


_TERMINATE = "SELECT pg_terminate_backend({number})"
_CANCEL = "SELECT pg_cancel_backend({number})"
_FAULTS: dict[str, list[Fault]] = {
    "postgresql": [
        Fault(
            "statement time-out",
            _timed_out("SET statement_timeout = '20ms'", "SET statement_timeout = 0"),
        ),
        Fault("backend terminated before the statement", _killed(_TERMINATE)),
        Fault("backend terminated in the midst of it", _killed_waiting(_TERMINATE)),
        Fault("statement cancelled", _killed_waiting(_CANCEL)),
        Fault("deadlock", _deadlock_on_postgresql, is_slow=True),
        Fault(
            "serialization failure",
            _changed_by_others,
            lambda statement: statement.verb in ("UPDATE", "DELETE"),
        ),
        _read_only(
            "SET default_transaction_read_only = on", "SET default_transaction_read_only = off"
        ),
    ],
    "mysql": [
        Fault(
            "statement time-out",
            _timed_out("SET max_statement_time = 0.02", "SET max_statement_time = 0"),
        ),
        Fault("connection killed before the statement", _killed("KILL {number}")),
        Fault("connection killed in the midst of it", _killed_waiting("KILL {number}")),
        Fault("statement killed", _killed_waiting("KILL QUERY {number}"), is_slow=True),
        Fault(
            "deadlock",
            _deadlock_on_mariadb,
            lambda statement: statement.verb in ("INSERT", "UPDATE") and statement.model is Session,
        ),
        _read_only("SET SESSION TRANSACTION READ ONLY", "SET SESSION TRANSACTION READ WRITE"),
    ],
    "sqlite": [
        Fault("statement interrupted", _interrupted),
        _read_only("PRAGMA query_only = ON", "PRAGMA query_only = OFF"),
    ],
}

# What no test can ask of a server, in the words of its driver: class, and arguments.
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

    def strike(statement: Statement, execute: Execute) -> Any:
        database: Any = connection
        kind = database.Database
        for part in name.split("."):
            kind = getattr(kind, part)
        with connection.wrap_database_errors:
            raise kind(*arguments)

    return Fault(f"{name.removeprefix('errors.')}{arguments}", strike)
