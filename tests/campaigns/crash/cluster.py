"""A PostgreSQL server of the test's own, in a temporary folder and on a free port."""

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

# PostgreSQL refuses to run as root; one of these is on every machine.
_USERS = ("postgres", "nobody")


def programs() -> Path | None:
    """The folder of ``initdb`` and ``pg_ctl``, or ``None`` where PostgreSQL is not installed."""
    candidates = []
    if found := shutil.which("initdb"):
        candidates.append(Path(found).parent)
    if pg_config := shutil.which("pg_config"):
        told = subprocess.run(  # noqa: S603
            [pg_config, "--bindir"], check=True, capture_output=True, text=True
        )
        candidates.append(Path(told.stdout.strip()))
    versions = Path("/usr/lib/postgresql").glob("*/bin")
    candidates += sorted(versions, key=lambda folder: float(folder.parent.name), reverse=True)
    for folder in candidates:
        if (folder / "initdb").exists() and (folder / "pg_ctl").exists():
            return folder
    return None


@dataclass(frozen=True)
class Cluster:
    """A server that can be stopped as if its machine had died, and started again."""

    programs: Path
    folder: Path
    port: int
    user: str | None

    @property
    def url(self) -> str:
        return f"postgresql://postgres@127.0.0.1:{self.port}/crash"

    def start(self) -> None:
        """Returns when it answers, which is after the recovery from a crash."""
        log = str(self.folder / "log")
        self._run("pg_ctl", "start", "--wait", "--timeout=120", "--silent", f"--log={log}")

    def start_if_stopped(self) -> None:
        """After a test that gave up."""
        if not (self._data / "postmaster.pid").exists():
            self.start()

    def stop(self) -> None:
        """Without a farewell: each connection is cut, and nothing is written any more."""
        self._run("pg_ctl", "stop", "--mode=immediate", "--wait", "--silent")

    def make(self) -> None:
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
                # What is stopped is the server and not the machine, which keeps what was written.
                f"fsync = off\n"
                # As long as it can be: what a commit did not wait for is lost.
                f"wal_writer_delay = 10s\n"
            )

    @property
    def _data(self) -> Path:
        return self.folder / "data"

    def _run(self, program: str, *arguments: str) -> None:
        # Not to a pipe, which the server would inherit and keep open.
        with (self.folder / "said").open("w+", encoding="utf-8") as said:
            ended = subprocess.run(  # noqa: S603
                [str(self.programs / program), f"--pgdata={self._data}", *arguments],
                check=False,
                cwd=self.folder,
                user=self.user,
                group=None if self.user is None else pwd.getpwnam(self.user).pw_gid,
                extra_groups=None if self.user is None else [],
                stdout=said,
                stderr=subprocess.STDOUT,
            )
            said.seek(0)
            assert ended.returncode == 0, said.read()


class Plan(NamedTuple):
    """How often it is stopped, and what the connections of the application are like."""

    times: int
    #: With ``synchronous_commit = off`` the database loses what it has said to be stored.
    may_lose: bool
    health_checks: bool


@contextmanager
def cluster(folder_of_programs: Path) -> Iterator[Cluster]:
    """A cluster that runs, and is gone afterwards."""
    user = None
    if os.geteuid() == 0:
        known = {entry.pw_name for entry in pwd.getpwall()}
        user = next(name for name in _USERS if name in known)
    with tempfile.TemporaryDirectory(prefix="tokenauth-cluster-") as name:
        if user is not None:
            shutil.chown(name, user)
        ours = Cluster(folder_of_programs, Path(name), _free_port(), user)
        ours.make()
        ours.start()
        try:
            yield ours
        finally:
            ours.stop()


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])
