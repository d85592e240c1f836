"""A temporary PostgreSQL server on a free port."""

from __future__ import annotations

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

# PostgreSQL refuses to run as root. Every machine has one of these users.
_USERS = ("postgres", "nobody")


def find_binaries() -> Path | None:
    """Return the folder of ``initdb`` and ``pg_ctl``, or ``None`` without PostgreSQL."""
    candidates = []
    if initdb := shutil.which("initdb"):
        candidates.append(Path(initdb).parent)
    if pg_config := shutil.which("pg_config"):
        completed = subprocess.run(  # noqa: S603
            [pg_config, "--bindir"], check=True, capture_output=True, text=True
        )
        candidates.append(Path(completed.stdout.strip()))
    versions = Path("/usr/lib/postgresql").glob("*/bin")
    candidates += sorted(versions, key=lambda folder: float(folder.parent.name), reverse=True)
    for folder in candidates:
        if (folder / "initdb").exists() and (folder / "pg_ctl").exists():
            return folder
    return None


@dataclass(frozen=True)
class Cluster:
    """A server that can be stopped as by a power failure, and started again."""

    binaries: Path
    folder: Path
    port: int
    user: str | None

    @property
    def url(self) -> str:
        return f"postgresql://postgres@127.0.0.1:{self.port}/crash"

    def start(self) -> None:
        """Start the server and wait for the recovery from a crash."""
        log = str(self.folder / "log")
        self._run("pg_ctl", "start", "--wait", "--timeout=120", "--silent", f"--log={log}")

    def start_if_stopped(self) -> None:
        """Start the server if a failed test has left it stopped."""
        if not (self._data / "postmaster.pid").exists():
            self.start()

    def stop(self) -> None:
        """Stop the server at once: it breaks all connections and writes nothing more."""
        self._run("pg_ctl", "stop", "--mode=immediate", "--wait", "--silent")

    def create(self) -> None:
        """Create the data folder and its settings."""
        self._run(
            *("initdb", "--username=postgres", "--auth=trust", "--no-sync"),
            *("--encoding=UTF8", "--locale=C"),
        )
        with (self._data / "postgresql.conf").open("a", encoding="utf-8") as file:
            file.write(
                f"listen_addresses = '127.0.0.1'\n"
                f"port = {self.port}\n"
                f"unix_socket_directories = '{self.folder}'\n"
                f"max_connections = 50\n"
                f"shared_buffers = 32MB\n"
                # Only the server stops. The machine keeps the written data without fsync.
                f"fsync = off\n"
                # The maximum: an asynchronous commit within this time is lost.
                f"wal_writer_delay = 10s\n"
            )

    @property
    def _data(self) -> Path:
        return self.folder / "data"

    def _run(self, program: str, *arguments: str) -> None:
        # The server would inherit a pipe and keep it open.
        with (self.folder / "output").open("w+", encoding="utf-8") as output:
            completed = subprocess.run(  # noqa: S603
                [str(self.binaries / program), f"--pgdata={self._data}", *arguments],
                check=False,
                cwd=self.folder,
                user=self.user,
                group=None if self.user is None else pwd.getpwnam(self.user).pw_gid,
                extra_groups=None if self.user is None else [],
                stdout=output,
                stderr=subprocess.STDOUT,
            )
            output.seek(0)
            assert completed.returncode == 0, output.read()


class Plan(NamedTuple):
    """The number of stops, and the connection settings of the application."""

    stops: int
    #: With ``synchronous_commit = off``, the database can lose committed transactions.
    may_lose: bool
    health_checks: bool


@contextmanager
def cluster(binaries: Path) -> Iterator[Cluster]:
    """Run a temporary server."""
    user = None
    if os.geteuid() == 0:
        users = {entry.pw_name for entry in pwd.getpwall()}
        user = next(name for name in _USERS if name in users)
    with tempfile.TemporaryDirectory(prefix="tokenauth-cluster-") as name:
        if user is not None:
            shutil.chown(name, user)
        server = Cluster(binaries, Path(name), _free_port(), user)
        server.create()
        server.start()
        try:
            yield server
        finally:
            server.stop()


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])
