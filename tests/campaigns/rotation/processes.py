"""Server processes that share a key folder and a database, and management commands.

``python -m tests.campaigns.rotation.processes DESCRIPTOR`` serves the project on the listening
socket with this file descriptor, until its standard input ends.
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from tests.campaigns.crash.application import ROOT, Server
from tests.support.client import PASSWORDS

TIMEOUT = 60


class ServerProcess:
    """A process that serves the project. Only requests and files reach it."""

    def __init__(self, name: str, environment: Mapping[str, str], log: IO[bytes]) -> None:
        self.name = name
        with socket.create_server(("127.0.0.1", 0), backlog=64) as listening:
            self.address: tuple[str, int] = listening.getsockname()
            descriptor = listening.fileno()
            # An early client waits in the backlog of the socket.
            self._process = subprocess.Popen(  # noqa: S603
                [
                    sys.executable,
                    "-W",
                    "error",
                    "-m",
                    "tests.campaigns.rotation.processes",
                    str(descriptor),
                ],
                cwd=ROOT,
                env=environment,
                pass_fds=[descriptor],
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
            )

    def end(self) -> None:
        """Stop the process gracefully."""
        with self._process as process:
            assert process.stdin is not None
            process.stdin.close()
            try:
                process.wait(TIMEOUT)
            finally:
                process.kill()


@dataclass(frozen=True)
class Deployment:
    """The shared files and settings of the processes. Times are in seconds."""

    folder: Path
    lifetime: float
    max_age: float

    @property
    def directory(self) -> Path:
        """Return the key folder."""
        return self.folder / "keys"

    @property
    def log(self) -> Path:
        return self.folder / "log"

    def prepare(self) -> None:
        """Create the first key, the tables and the user alice."""
        self.manage("tokenauth_keys", "generate")
        self.manage("migrate", "--verbosity", "0")
        user = ("--username", "alice", "--email", "alice@example.com")
        self.manage("createsuperuser", "--noinput", *user)

    def serve(self, name: str) -> ServerProcess:
        """Start a process that reads the key folder."""
        with self.log.open("ab") as log:
            return ServerProcess(name, self._environment(directory=str(self.directory)), log)

    def serve_settings(self, name: str) -> ServerProcess:
        """Start a process with the current keys of the folder in its settings."""
        with self.log.open("ab") as log:
            return ServerProcess(name, self._environment(keys=self.jwks()), log)

    def file(self, kid: str) -> Path:
        """Return the path of the key."""
        return self.directory / f"{kid}.jwk"

    def jwks(self) -> list[dict[str, Any]]:
        """Return the keys in the folder."""
        return [json.loads(path.read_bytes()) for path in self.directory.glob("[!.]*.jwk")]

    def manage(self, *arguments: str) -> str:
        """Run a management command in a new process and return its output."""
        completed = subprocess.run(  # noqa: S603
            [sys.executable, "-W", "error", "-m", "django", *arguments],
            check=False,
            cwd=ROOT,
            env={
                **self._environment(directory=str(self.directory)),
                "DJANGO_SUPERUSER_PASSWORD": PASSWORDS["alice"],
            },
            text=True,
            encoding="utf-8",
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        if completed.returncode:
            raise AssertionError(completed.stdout)
        return completed.stdout

    def _environment(self, **keys: Any) -> dict[str, str]:
        # Coverage and the development mode would make the processes slow.
        inherited = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("COVERAGE_", "PYTHONDEVMODE"))
        }
        values = {
            "database": str(self.folder / "db.sqlite3"),
            "lifetime": self.lifetime,
            "max_age": self.max_age,
            **keys,
        }
        return {
            **inherited,
            "DJANGO_SETTINGS_MODULE": "tests.campaigns.rotation.settings",
            "TOKENAUTH_ROTATION": json.dumps(values),
        }


def _serve(listening: socket.socket) -> None:
    server = Server(listening)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    sys.stdin.read()
    server.shutdown()
    thread.join()


if __name__ == "__main__":
    _serve(socket.socket(fileno=int(sys.argv[1])))
