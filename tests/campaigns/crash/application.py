"""The application as a deployment runs it: a master, and one worker process that answers.

The master has the project loaded and the listening socket at hand, so that a new worker answers a
few milliseconds after the former one was killed.
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
    # Without it the answer waits for the client to have acknowledged the headers.
    disable_nagle_algorithm = True
    wbufsize = -1

    def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002
        """Say nothing: the log is read for what went wrong."""


class Server(ThreadedWSGIServer):
    """Serves the project at a socket that listens already, with a thread for each connection."""

    def __init__(self, listening: socket.socket) -> None:
        super().__init__(listening.getsockname(), _Handler, bind_and_activate=False)
        self.socket.close()
        self.socket = listening
        self.server_name, self.server_port = listening.getsockname()
        self.setup_environ()
        self.set_app(get_wsgi_application())


@contextlib.contextmanager
def application(database: dict[str, Any]) -> Iterator[Application]:
    """A master on the database of the suite with these settings of its own, and its worker."""
    with (
        socket.create_server(("127.0.0.1", 0), backlog=64) as listening,
        tempfile.TemporaryFile("w+", encoding="utf-8") as log,
    ):
        number = listening.fileno()
        with subprocess.Popen(  # noqa: S603
            [sys.executable, "-W", "error", "-m", "tests.campaigns.crash.application", str(number)],
            cwd=ROOT,
            env=_environment(database),
            pass_fds=[number],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
            encoding="utf-8",
        ) as master:
            app = Application(master, listening.getsockname(), log)
            try:
                yield app
            except Exception as error:
                error.add_note(app.last_words())
                raise
            finally:
                # It ends with its standard input.
                master.stdin.close()  # type: ignore[union-attr]


class Application:
    """The master as the test sees it."""

    def __init__(self, master: subprocess.Popen[str], address: tuple[str, int], log: Any) -> None:
        self.address = address
        self._master = master
        self._log = log

    def start(self) -> None:
        """Start a worker, which soon answers at :attr:`address`."""
        self._tell("start")

    def kill(self) -> None:
        """End the worker by ``SIGKILL``; it is gone when this returns."""
        self._tell("kill")

    def last_words(self) -> str:
        """The end of what the processes wrote to their standard error."""
        self._log.seek(0)
        return str(self._log.read())[-4000:]

    def _tell(self, word: str) -> None:
        assert self._master.stdin is not None
        assert self._master.stdout is not None
        self._master.stdin.write(f"{word}\n")
        self._master.stdin.flush()
        if self._master.stdout.readline() != f"{word}\n":
            raise AssertionError(self.last_words())


def _environment(database: dict[str, Any]) -> dict[str, str]:
    # Whatever measures and checks this suite stays with the suite: this process is killed.
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


def _master(listening: socket.socket) -> None:
    django.setup()
    # Loads the views, so that a worker need not.
    get_resolver().reverse_dict  # noqa: B018
    worker = 0
    for line in sys.stdin:
        if line == "start\n":
            worker = os.fork()
            if not worker:
                Server(listening).serve_forever()
        else:
            _end(worker)
            worker = 0
        sys.stdout.write(line)
        sys.stdout.flush()
    if worker:
        _end(worker)


def _end(worker: int) -> None:
    os.kill(worker, signal.SIGKILL)
    os.waitpid(worker, 0)


if __name__ == "__main__":
    _master(socket.socket(fileno=int(sys.argv[1])))
