"""Server processes that share a folder of keys and a database, and commands that are run beside.

``python -m tests.campaigns.rotation.processes NUMBER`` serves the project at the listening socket
with this number, until its standard input ends.
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

SECONDS_TO_END = 60


class ServerProcess:
    """A process that serves the project, by itself: nothing reaches it but requests and files."""

    def __init__(self, name: str, environment: Mapping[str, str], log: IO[bytes]) -> None:
        self.name = name
        with socket.create_server(("127.0.0.1", 0), backlog=64) as listening:
            self.address: tuple[str, int] = listening.getsockname()
            number = listening.fileno()
            # A client that comes too early waits at the socket.
            self._process = subprocess.Popen(  # noqa: S603
                [
                    sys.executable,
                    "-W",
                    "error",
                    "-m",
                    "tests.campaigns.rotation.processes",
                    str(number),
                ],
                cwd=ROOT,
                env=environment,
                pass_fds=[number],
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
            )

    def end(self) -> None:
        """End it as its master would, after what is under way."""
        with self._process as process:
            assert process.stdin is not None
            process.stdin.close()
            try:
                process.wait(SECONDS_TO_END)
            finally:
                process.kill()


@dataclass(frozen=True)
class Deployment:
    """What the processes have in common; times are in seconds."""

    folder: Path
    lifetime: float
    max_age: float

    @property
    def directory(self) -> Path:
        """The folder of keys."""
        return self.folder / "keys"

    @property
    def log(self) -> Path:
        return self.folder / "log"

    def prepare(self) -> None:
        """Make the first key, the tables, and alice."""
        self.manage("tokenauth_keys", "generate")
        self.manage("migrate", "--verbosity", "0")
        who = ("--username", "alice", "--email", "alice@example.com")
        self.manage("createsuperuser", "--noinput", *who)

    def serve(self, name: str) -> ServerProcess:
        """Start a process that follows the folder of keys."""
        with self.log.open("ab") as log:
            return ServerProcess(name, self._environment(directory=str(self.directory)), log)

    def serve_settings(self, name: str) -> ServerProcess:
        """Start a process that has the keys of the folder, as they are now, in its settings."""
        with self.log.open("ab") as log:
            return ServerProcess(name, self._environment(keys=self.jwks()), log)

    def file(self, kid: str) -> Path:
        """Where the key is, or was."""
        return self.directory / f"{kid}.jwk"

    def jwks(self) -> list[dict[str, Any]]:
        """The keys in the folder."""
        return [json.loads(path.read_bytes()) for path in self.directory.glob("[!.]*.jwk")]

    def manage(self, *words: str) -> str:
        """Run a management command in a process of its own, and return what it prints."""
        ended = subprocess.run(  # noqa: S603
            [sys.executable, "-W", "error", "-m", "django", *words],
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
        if ended.returncode:
            raise AssertionError(ended.stdout)
        return ended.stdout

    def _environment(self, **keys: Any) -> dict[str, str]:
        # Whatever measures and checks this suite stays with the suite: it makes them slow.
        inherited = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("COVERAGE_", "PYTHONDEVMODE"))
        }
        told = {
            "database": str(self.folder / "db.sqlite3"),
            "lifetime": self.lifetime,
            "max_age": self.max_age,
            **keys,
        }
        return {
            **inherited,
            "DJANGO_SETTINGS_MODULE": "tests.campaigns.rotation.settings",
            "TOKENAUTH_ROTATION": json.dumps(told),
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
