"""What a request makes the server do: statements, connections to elsewhere, files that it opens."""

from __future__ import annotations

import socket
import sys
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from django.db import connection

# Names of Python's audit events: what could reach out of the process.
_CONNECTING = frozenset(
    {"socket.connect", "socket.getaddrinfo", "socket.gethostbyname", "socket.sendto"}
)
_OTHERS = frozenset({"open", "os.exec", "os.posix_spawn", "os.system", "subprocess.Popen"})

_at_work = threading.local()


@dataclass
class Seen:
    """What happened in the course of one request, in its thread."""

    statements: list[str] = field(default_factory=list)
    connections: list[str] = field(default_factory=list)
    files_and_commands: list[str] = field(default_factory=list)


class Watch:
    """A WSGI application around Django's that notes what each request makes it do."""

    def __init__(self, application: Callable[..., Any]) -> None:
        self._application = application
        self.requests: list[Seen] = []
        _listen()

    def __call__(self, environ: Any, start_response: Any) -> Iterable[bytes]:
        seen = _at_work.seen = Seen()
        try:
            with connection.execute_wrapper(_noting(seen)):
                # Django has made the whole answer when this returns.
                answer: Iterable[bytes] = self._application(environ, start_response)
        finally:
            del _at_work.seen
            self.requests.append(seen)
        return answer


def watching(seen: Seen, action: Callable[[], object]) -> None:
    """Do ``action`` under watch, in this thread."""
    _listen()
    _at_work.seen = seen
    try:
        action()
    finally:
        del _at_work.seen


def _noting(seen: Seen) -> Callable[..., Any]:
    def note(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        seen.statements.append(sql)
        return execute(sql, params, many, context)

    return note


@cache
def _listen() -> None:
    # For good: Python has no way to take such a hook away, and it costs nothing elsewhere.
    sys.addaudithook(_heard)


def _heard(event: str, arguments: tuple[Any, ...]) -> None:
    seen: Seen | None = getattr(_at_work, "seen", None)
    if seen is None:
        return
    if event in _CONNECTING:
        where = [each for each in arguments if not isinstance(each, socket.socket)]
        if not _is_database(where):
            seen.connections.append(f"{event} {where}")
    elif event in _OTHERS:
        seen.files_and_commands.append(f"{event} {arguments}")


def _is_database(where: list[Any]) -> bool:
    """That the app reaches its own database is no news."""
    host, port = connection.settings_dict["HOST"], connection.settings_dict["PORT"]
    return where[:2] == [host, port] or where == [(host, port)]
