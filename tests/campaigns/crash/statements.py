"""A fault at each statement of each request, over HTTP, and the same request once more."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable, Iterator
from typing import Any

from django.db import Error as DatabaseFault
from django.db import connection, connections
from django.db.backends.signals import connection_created
from django.test.utils import override_settings

from django_tokenauth.conf.settings import load
from tests.campaigns.crash import settings as crash_settings
from tests.campaigns.crash.application import Server
from tests.campaigns.crash.clients import Answer, Gate, Line
from tests.campaigns.crash.faults import Fault, faults
from tests.campaigns.crash.operations import OPERATIONS, Case, Operation
from tests.campaigns.crash.opponent import Statement
from tests.campaigns.crash.proxy import Proxy, proxy
from tests.campaigns.crash.report import Progress, Row, say

# How often a case is begun whose fault only sometimes succeeds.
ATTEMPTS = 5
_VERBS = ("SELECT", "INSERT", "UPDATE", "DELETE")


class Trap:
    """Sees the statements of a request, and lets a fault happen at one of them."""

    def __init__(self) -> None:
        self.set(None, 0)

    def set(self, fault: Fault | None, at: int) -> None:
        """Let ``fault`` strike the statement number ``at``, from 1, once."""
        self.fault, self.at = fault, at
        self.seen: list[Statement] = []
        self.has_struck = False

    def __call__(
        self, execute: Callable[..., Any], sql: str, params: Any, many: bool, context: Any
    ) -> Any:
        statement = Statement(sql.split(None, 1)[0], sql)
        # Not what a driver asks of its connection.
        if statement.verb not in _VERBS or statement.model is None:
            return execute(sql, params, many, context)
        self.seen.append(statement)
        if self.fault is None or len(self.seen) != self.at:
            return execute(sql, params, many, context)
        fault, self.fault = self.fault, None
        try:
            return fault.strike(statement, lambda: execute(sql, params, many, context))
        except DatabaseFault:
            self.has_struck = True
            raise


class Bench:
    """A server in a thread of this process, whose statements can be made to fail."""

    def __init__(self, line: Line, trap: Trap, wire: Proxy | None) -> None:
        self.faults = faults(wire)
        self._line = line
        self._trap = trap
        self._wire = wire
        #: Whether the database is a server, which can be out of reach.
        self.has_wire = wire is not None

    def statements(self, operation: Operation) -> list[Statement]:
        """What ``operation`` asks the database when nothing fails."""
        with self._begun(operation) as case:
            self._trap.set(None, 0)
            answer = case.send()
            seen = [*self._trap.seen]
            assert case.is_done(answer), answer
            return seen

    def unreachable(self, operation: Operation) -> list[str]:
        """What is wrong with ``operation`` where the database lets nobody in."""
        assert self._wire is not None
        with self._begun(operation) as case:
            self._wire.refuse()
            answer = case.send()
            self._wire.accept()
            return self._judge(operation, case, answer, spared=operation.spares_all)

    def fail(self, operation: Operation, at: int, fault: Fault) -> list[str] | None:
        """What is wrong after ``fault`` at this statement; ``None`` if it could not be made."""
        for _ in range(ATTEMPTS):
            with self._begun(operation) as case:
                self._trap.set(fault, at)
                answer = case.send()
                if self._wire is not None:
                    self._wire.accept()
                if not self._trap.has_struck:
                    continue
                verb = self._trap.seen[at - 1].verb
                spared = operation.spares_all or verb in operation.spares
                return self._judge(operation, case, answer, spared=spared)
        return None

    def _judge(
        self, operation: Operation, case: Case, answer: Answer, *, spared: bool
    ) -> list[str]:
        wrong = []
        is_503 = answer.status == 503 and answer.retry_after == "1"
        if not (is_503 and not operation.spares_all) and not (spared and answer.status == 200):
            wrong.append(f"the answer is {answer}, Retry-After {answer.retry_after}")
        if not case.is_whole():
            wrong.append("the rows are not as they may be")
        self._trap.set(None, 0)
        again = case.send()
        if again.status == 503:
            wrong.append("503 also the next time")
        elif not self._is_done(case, again):
            wrong.append(f"sent again, it is answered {again}")
        return wrong

    def _is_done(self, case: Case, answer: Answer) -> bool:
        try:
            return case.is_done(answer)
        except (KeyError, TypeError):
            # No answer of the kind that was expected.
            return False

    @contextlib.contextmanager
    def _begun(self, operation: Operation) -> Iterator[Case]:
        with override_settings(TOKENAUTH={**crash_settings.TOKENAUTH, **operation.settings}):
            # With them go the verified tokens and the snapshot of revoked sessions.
            load.cache_clear()
            yield operation.begin(self._line)


@contextlib.contextmanager
def bench() -> Iterator[Bench]:
    """On the database of this process, where alice and bob exist; its connections are kept."""
    trap = Trap()
    main = connection
    main.ensure_connection()

    def watch(*, connection: Any, **keywords: Any) -> None:
        if connection is connections["default"] and trap not in connection.execute_wrappers:
            connection.execute_wrappers.append(trap)

    with contextlib.ExitStack() as stack:
        stack.enter_context(
            override_settings(
                ROOT_URLCONF=crash_settings.ROOT_URLCONF, MIDDLEWARE=crash_settings.MIDDLEWARE
            )
        )
        wire = stack.enter_context(_wired(main.settings_dict))
        connection_created.connect(watch)
        stack.callback(connection_created.disconnect, watch)
        listening = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
        server = Server(listening)
        thread = threading.Thread(target=server.serve_forever, args=[0.01])
        thread.start()
        stack.callback(thread.join)
        stack.callback(server.shutdown)
        line = Line(listening.getsockname(), Gate())
        stack.callback(line.close)
        yield Bench(line, trap, wire)


@contextlib.contextmanager
def _wired(database: dict[str, Any]) -> Iterator[Proxy | None]:
    """New connections go by a wire that can be cut; that of this thread stays as it is."""
    former = {name: database[name] for name in ("HOST", "PORT", "CONN_MAX_AGE")}
    usual = {"postgresql": 5432, "mysql": 3306}
    with contextlib.ExitStack() as stack:
        wire = None
        if (port := usual.get(connection.vendor)) is not None:
            target = (former["HOST"] or "127.0.0.1", int(former["PORT"] or port))
            wire = stack.enter_context(proxy(target))
            database.update(HOST="127.0.0.1", PORT=wire.port)
        database["CONN_MAX_AGE"] = None
        stack.callback(database.update, former)
        yield wire


def rows() -> list[Row]:
    """For the command: every fault at every statement. A row for each operation."""
    with bench() as server:
        names = "; ".join(fault.name for fault in server.faults)
        say(f"Faults on {connection.display_name}: {names}")
        return [_row(server, operation) for operation in OPERATIONS]


def _row(server: Bench, operation: Operation) -> Row:
    row = Row(f"faults: {operation.name}", connection.display_name)
    statements = server.statements(operation)
    cases = [
        (at, fault)
        for at, statement in enumerate(statements, 1)
        for fault in server.faults
        if fault.applies(statement)
    ]
    progress = Progress(row, len(cases) + server.has_wire)
    if server.has_wire:
        row.wrong += [f"not reachable: {wrong}" for wrong in server.unreachable(operation)]
        progress.step(row.wrong)
    for at, fault in cases:
        found = server.fail(operation, at, fault)
        if found is None:
            found = ["it could not be made to happen"]
        row.wrong += [f"{fault.name}, statement {at}: {wrong}" for wrong in found]
        progress.step(row.wrong)
    verbs = ", ".join(statement.verb for statement in statements)
    row.figures = {f"statements ({verbs})": len(statements)}
    return row
