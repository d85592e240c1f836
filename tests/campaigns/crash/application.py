"""The application as in a deployment: a main process, and one worker process.

The main process has loaded the project and holds the socket. A new worker therefore answers a few
milliseconds after the previous one was killed.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import django
from django.core.servers.basehttp import ThreadedWSGIServer, WSGIRequestHandler
from django.core.wsgi import get_wsgi_application
from django.urls import get_resolver

ROOT = Path(__file__).resolve().parents[3]


class _Handler(WSGIRequestHandler):
    # Otherwise the body waits until the client has acknowledged the headers.
    disable_nagle_algorithm = True
    wbufsize = -1

    def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002
        """Log nothing: the output contains only errors."""


class Server(ThreadedWSGIServer):
    """Serve the project on a listening socket, with a thread for each connection."""

    def __init__(self, listening: socket.socket) -> None:
        super().__init__(listening.getsockname(), _Handler, bind_and_activate=False)
        self.socket.close()
        self.socket = listening
        self.server_name, self.server_port = listening.getsockname()
        self.setup_environ()
        self.set_app(get_wsgi_application())


@contextlib.contextmanager
def application(database: dict[str, Any]) -> Iterator[Application]:
    """Run a main process with these database settings."""
    with (
        socket.create_server(("127.0.0.1", 0), backlog=64) as listening,
        tempfile.TemporaryFile("w+", encoding="utf-8") as log,
    ):
        descriptor = listening.fileno()
        with subprocess.Popen(  # noqa: S603
            [
                sys.executable,
                "-W",
                "error",
                "-m",
                "tests.campaigns.crash.application",
                str(descriptor),
            ],
            cwd=ROOT,
            env=_environment(database),
            pass_fds=[descriptor],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
            encoding="utf-8",
        ) as main_process:
            app = Application(main_process, listening.getsockname(), log)
            try:
                yield app
            except Exception as error:
                error.add_note(app.error_output())
                raise
            finally:
                # The main process ends at the end of its standard input.
                main_process.stdin.close()  # type: ignore[union-attr]


class Application:
    """A handle of the main process."""

    def __init__(
        self, main_process: subprocess.Popen[str], address: tuple[str, int], log: Any
    ) -> None:
        self.address = address
        self._main_process = main_process
        self._log = log

    def start(self) -> None:
        """Start a worker, which will serve :attr:`address`."""
        self._send("start")

    def kill(self) -> None:
        """Kill the worker with ``SIGKILL`` and wait for its end."""
        self._send("kill")

    def error_output(self) -> str:
        """Return the end of the standard error of the processes."""
        self._log.seek(0)
        return str(self._log.read())[-4000:]

    def _send(self, command: str) -> None:
        assert self._main_process.stdin is not None
        assert self._main_process.stdout is not None
        self._main_process.stdin.write(f"{command}\n")
        self._main_process.stdin.flush()
        if self._main_process.stdout.readline() != f"{command}\n":
            raise AssertionError(self.error_output())


def _environment(database: dict[str, Any]) -> dict[str, str]:
    # Coverage and the development mode are not for a process that is killed.
    inherited = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("COVERAGE_", "PYTHONDEVMODE"))
    }
    return {
        **inherited,
        "DJANGO_SETTINGS_MODULE": "tests.campaigns.crash.settings",
        "TOKENAUTH_CRASH": json.dumps(database),
    }


def _run_main_process(listening: socket.socket) -> None:
    django.setup()
    # Load the views before workers are forked.
    get_resolver().reverse_dict  # noqa: B018
    worker = 0
    for line in sys.stdin:
        if line == "start\n":
            worker = os.fork()
            if not worker:
                Server(listening).serve_forever()
        else:
            _kill_worker(worker)
            worker = 0
        sys.stdout.write(line)
        sys.stdout.flush()
    if worker:
        _kill_worker(worker)


def _kill_worker(worker: int) -> None:
    os.kill(worker, signal.SIGKILL)
    os.waitpid(worker, 0)


if __name__ == "__main__":
    _run_main_process(socket.socket(fileno=int(sys.argv[1])))
