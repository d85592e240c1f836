"""Fault injection: each fault at each statement of each request, and a repeated request."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable, Iterator
from typing import Any

from django.db import Error as DatabaseError
from django.db import connection, connections
from django.db.backends.signals import connection_created
from django.test.utils import override_settings

from django_tokenauth.conf.settings import load
from tests.campaigns.crash import settings as crash_settings
from tests.campaigns.crash.application import Server
from tests.campaigns.crash.blocker import Statement
from tests.campaigns.crash.clients import Gate, KeptConnection, Response
from tests.campaigns.crash.faults import Fault, faults
from tests.campaigns.crash.operations import OPERATIONS, Case, Operation
from tests.campaigns.crash.proxy import Proxy, proxy
from tests.campaigns.crash.report import Progress, Row, print_line

# The attempts at a fault that only sometimes succeeds.
ATTEMPTS = 5
_VERBS = ("SELECT", "INSERT", "UPDATE", "DELETE")


class FaultInjector:
    """Record the statements of a request, and inject a fault into one of them."""

    def __init__(self) -> None:
        self.set(None, 0)

    def set(self, fault: Fault | None, at: int) -> None:
        """Inject ``fault`` once into statement number ``at``, counted from 1."""
        self.fault, self.at = fault, at
        self.statements: list[Statement] = []
        self.has_failed = False

    def __call__(
        self, execute: Callable[..., Any], sql: str, params: Any, many: bool, context: Any
    ) -> Any:
        statement = Statement(sql.lstrip("(").split(None, 1)[0], sql)
        # Skip the statements of the driver itself.
        if statement.verb not in _VERBS or statement.model is None:
            return execute(sql, params, many, context)
        self.statements.append(statement)
        if self.fault is None or len(self.statements) != self.at:
            return execute(sql, params, many, context)
        fault, self.fault = self.fault, None
        try:
            return fault.inject(statement, lambda: execute(sql, params, many, context))
        except DatabaseError:
            self.has_failed = True
            raise


class FaultServer:
    """A server in a thread of this process, with injected faults."""

    def __init__(
        self, client: KeptConnection, injector: FaultInjector, proxy: Proxy | None
    ) -> None:
        self.faults = faults(proxy)
        self._client = client
        self._injector = injector
        self._proxy = proxy
        #: Whether the database is a server, which can be unreachable.
        self.is_remote = proxy is not None

    def statements(self, operation: Operation) -> list[Statement]:
        """Return the statements of ``operation`` without a fault."""
        with self._prepared(operation) as case:
            self._injector.set(None, 0)
            response = case.send()
            statements = [*self._injector.statements]
            assert case.is_done(response), response
            return statements

    def errors_when_unreachable(self, operation: Operation) -> list[str]:
        """Return the errors of ``operation`` while the database accepts no connection."""
        assert self._proxy is not None
        with self._prepared(operation) as case:
            self._proxy.block()
            response = case.send()
            self._proxy.unblock()
            return self._check(operation, case, response, may_succeed=operation.ignores_all)

    def errors_after(self, operation: Operation, at: int, fault: Fault) -> list[str] | None:
        """Return the errors after ``fault`` at a statement, or ``None`` if it did not happen."""
        for _ in range(ATTEMPTS):
            with self._prepared(operation) as case:
                self._injector.set(fault, at)
                response = case.send()
                if self._proxy is not None:
                    self._proxy.unblock()
                if not self._injector.has_failed:
                    continue
                statement = self._injector.statements[at - 1]
                may_succeed = operation.ignores_all or statement.verb in operation.ignored_verbs
                return self._check(
                    operation, case, response, may_succeed=may_succeed, is_bug=not fault.is_outage
                )
        return None

    def _check(
        self,
        operation: Operation,
        case: Case,
        response: Response,
        *,
        may_succeed: bool,
        is_bug: bool = False,
    ) -> list[str]:
        errors = []
        is_503 = response.status == 503 and response.retry_after == "1"
        if (
            not (is_503 and not operation.ignores_all)
            and not (may_succeed and response.status == 200)
            and not (is_bug and response.status == 500)
        ):
            errors.append(f"the response is {response}, Retry-After {response.retry_after}")
        if not case.is_consistent():
            errors.append("the rows are inconsistent")
        self._injector.set(None, 0)
        repeated = case.send()
        if repeated.status == 503:
            errors.append("the repeated request also returned 503")
        elif not self._is_done(case, repeated):
            errors.append(f"the repeated request returned {repeated}")
        return errors

    def _is_done(self, case: Case, response: Response) -> bool:
        try:
            return case.is_done(response)
        except (KeyError, TypeError):
            # The body has another form.
            return False

    @contextlib.contextmanager
    def _prepared(self, operation: Operation) -> Iterator[Case]:
        with override_settings(TOKENAUTH={**crash_settings.TOKENAUTH, **operation.settings}):
            # This also clears the verified tokens and the list of revoked sessions.
            load.cache_clear()
            yield operation.prepare(self._client)


@contextlib.contextmanager
def fault_server() -> Iterator[FaultServer]:
    """Run a fault server with persistent connections to the database of this process.

    Alice and bob must exist.
    """
    injector = FaultInjector()
    main = connection
    main.ensure_connection()

    def install(*, connection: Any, **keywords: Any) -> None:
        if connection is connections["default"] and injector not in connection.execute_wrappers:
            connection.execute_wrappers.append(injector)

    with contextlib.ExitStack() as stack:
        stack.enter_context(
            override_settings(
                ROOT_URLCONF=crash_settings.ROOT_URLCONF, MIDDLEWARE=crash_settings.MIDDLEWARE
            )
        )
        database_proxy = stack.enter_context(_proxied(main.settings_dict))
        connection_created.connect(install)
        stack.callback(connection_created.disconnect, install)
        listening = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
        server = Server(listening)
        thread = threading.Thread(target=server.serve_forever, args=[0.01])
        thread.start()
        stack.callback(thread.join)
        stack.callback(server.shutdown)
        client = KeptConnection(listening.getsockname(), Gate())
        stack.callback(client.close)
        yield FaultServer(client, injector, database_proxy)


@contextlib.contextmanager
def _proxied(database: dict[str, Any]) -> Iterator[Proxy | None]:
    """Route new connections through a proxy; the connection of this thread stays direct."""
    original = {name: database[name] for name in ("HOST", "PORT", "CONN_MAX_AGE")}
    default_ports = {"postgresql": 5432, "mysql": 3306}
    with contextlib.ExitStack() as stack:
        instance = None
        if (port := default_ports.get(connection.vendor)) is not None:
            target = (original["HOST"] or "127.0.0.1", int(original["PORT"] or port))
            instance = stack.enter_context(proxy(target))
            database.update(HOST="127.0.0.1", PORT=instance.port)
        database["CONN_MAX_AGE"] = None
        stack.callback(database.update, original)
        yield instance


def rows() -> list[Row]:
    """Inject every fault into every statement. Return a row for each operation."""
    with fault_server() as server:
        names = "; ".join(fault.name for fault in server.faults)
        print_line(f"Faults on {connection.display_name}: {names}")
        return [_row(server, operation) for operation in OPERATIONS]


def _row(server: FaultServer, operation: Operation) -> Row:
    row = Row(f"faults: {operation.name}", connection.display_name)
    statements = server.statements(operation)
    cases = [
        (at, fault)
        for at, statement in enumerate(statements, 1)
        for fault in server.faults
        if fault.applies(statement)
    ]
    progress = Progress(row, len(cases) + server.is_remote)
    if server.is_remote:
        row.errors += [
            f"unreachable: {error}" for error in server.errors_when_unreachable(operation)
        ]
        progress.step(row.errors)
    for at, fault in cases:
        errors = server.errors_after(operation, at, fault)
        if errors is None:
            errors = ["the fault did not happen"]
        row.errors += [f"{fault.name}, statement {at}: {error}" for error in errors]
        progress.step(row.errors)
    verbs = ", ".join(statement.verb for statement in statements)
    row.figures = {f"statements ({verbs})": len(statements)}
    return row
