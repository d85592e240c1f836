"""The activity of the server during a request: queries, connections, files and commands."""

from __future__ import annotations

import socket
import sys
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from django.db import connection

# Names of Python's audit events for access outside the process.
_CONNECTION_EVENTS = frozenset(
    {"socket.connect", "socket.getaddrinfo", "socket.gethostbyname", "socket.sendto"}
)
_FILE_AND_COMMAND_EVENTS = frozenset(
    {"open", "os.exec", "os.posix_spawn", "os.system", "subprocess.Popen"}
)

_current = threading.local()


@dataclass
class Activity:
    """The events of one request, in its thread."""

    statements: list[str] = field(default_factory=list)
    connections: list[str] = field(default_factory=list)
    files_and_commands: list[str] = field(default_factory=list)


class ActivityMonitor:
    """WSGI middleware that records the activity of each request."""

    def __init__(self, application: Callable[..., Any]) -> None:
        self._application = application
        self.requests: list[Activity] = []
        _install_audit_hook()

    def __call__(self, environ: Any, start_response: Any) -> Iterable[bytes]:
        activity = _current.activity = Activity()
        try:
            with connection.execute_wrapper(_recorder(activity)):
                # Django has built the whole response when this returns.
                response: Iterable[bytes] = self._application(environ, start_response)
        finally:
            del _current.activity
            self.requests.append(activity)
        return response


def record_activity(activity: Activity, action: Callable[[], object]) -> None:
    """Call ``action`` in this thread and record what it does."""
    _install_audit_hook()
    _current.activity = activity
    try:
        action()
    finally:
        del _current.activity


def _recorder(activity: Activity) -> Callable[..., Any]:
    def record(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        activity.statements.append(sql)
        return execute(sql, params, many, context)

    return record


@cache
def _install_audit_hook() -> None:
    # Python cannot remove an audit hook; outside of a recorded request it does nothing.
    sys.addaudithook(_record_event)


def _record_event(event: str, arguments: tuple[Any, ...]) -> None:
    activity: Activity | None = getattr(_current, "activity", None)
    if activity is None:
        return
    if event in _CONNECTION_EVENTS:
        target = [each for each in arguments if not isinstance(each, socket.socket)]
        if not _is_database(target):
            activity.connections.append(f"{event} {target}")
    elif event in _FILE_AND_COMMAND_EVENTS:
        activity.files_and_commands.append(f"{event} {arguments}")


def _is_database(target: list[Any]) -> bool:
    """Return whether the target is the database of the app, which is allowed."""
    host, port = connection.settings_dict["HOST"], connection.settings_dict["PORT"]
    return target[:2] == [host, port] or target == [(host, port)]
