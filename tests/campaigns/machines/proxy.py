"""nginx with the configuration of the documents, in front of machines on this one."""

from __future__ import annotations

import os
import pwd
import re
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from tests.campaigns.crash.application import ROOT

Address = tuple[str, int]

DOCUMENTED = ROOT / "docs" / "nginx.conf"
SECONDS_TO_START = 60
SECONDS_TO_END = 60
# The paths that are written: all of them in one folder, so that anybody may start it.
_FRAME = """\
daemon off;
worker_processes 1;
pid {folder}/nginx.pid;
error_log {folder}/error.log warn;
{user}
events {{ worker_connections 512; }}
http {{
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    log_format passed '$request_method $uri|$status|$upstream_addr|$upstream_status';
    access_log {folder}/access.log passed;
{documented}
}}
"""


class Passed(NamedTuple):
    """A request that the proxy has answered: which machines it asked, and what each answered."""

    request: str
    status: int
    asked: tuple[str, ...]
    answered: tuple[str, ...]


@dataclass(frozen=True)
class Proxy:
    address: Address
    folder: Path

    def passed(self) -> list[Passed]:
        """All that it has answered until now."""
        lines = (self.folder / "access.log").read_text(encoding="utf-8").splitlines()
        return [_passed(line) for line in lines]

    def last_words(self) -> str:
        return (self.folder / "error.log").read_text(encoding="utf-8")[-2000:]


def program() -> str | None:
    """Where nginx is: distributions put it where only root looks for programs."""
    return shutil.which("nginx") or shutil.which("nginx", path="/usr/local/sbin:/usr/sbin")


@contextmanager
def proxy(address: Address, machines: Sequence[Address], folder: Path) -> Iterator[Proxy]:
    """Passes on to ``machines`` what comes to ``address``. ``folder`` is there and empty."""
    name = program()
    assert name is not None
    file = folder / "nginx.conf"
    file.write_text(configuration(address, machines, folder), encoding="utf-8")
    errors = ("-e", str(folder / "error.log"))
    command = [name, "-p", str(folder), "-c", str(file), *errors]
    with subprocess.Popen(command) as process:  # noqa: S603
        try:
            _wait_for(address)
            yield Proxy(address, folder)
        finally:
            process.terminate()
            process.wait(SECONDS_TO_END)


def _wait_for(address: Address) -> None:
    end = time.monotonic() + SECONDS_TO_START
    while True:
        with suppress(ConnectionRefusedError), socket.create_connection(address):
            return
        assert time.monotonic() < end, "nginx does not start"
        time.sleep(0.01)


def configuration(address: Address, machines: Sequence[Address], folder: Path) -> str:
    """The one of the documents, with these addresses and without TLS, as a file of its own."""
    text = DOCUMENTED.read_text(encoding="utf-8")
    places = iter(machines)
    text, servers = re.subn(r"app\d\.example\.com:8000", lambda _: _written(next(places)), text)
    text, listens = re.subn(r"listen 443 ssl;", f"listen {_written(address)};", text)
    assert (servers, listens) == (len(machines), 1), text
    # One that root starts gives its rights away, and could not write to a folder of root's.
    user = "" if os.geteuid() else f"user {pwd.getpwuid(0).pw_name};"
    return _FRAME.format(folder=folder, user=user, documented=text)


def _written(address: Address) -> str:
    host, port = address
    return f"{host}:{port}"


def _passed(line: str) -> Passed:
    request, status, asked, answered = line.split("|")
    return Passed(request, int(status), tuple(asked.split(", ")), tuple(answered.split(", ")))
