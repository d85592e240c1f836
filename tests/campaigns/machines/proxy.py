"""nginx with the documented configuration, in front of local machines."""

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
START_TIMEOUT = 60
STOP_TIMEOUT = 60
# All written paths are in one folder, so that any user can start nginx.
_TEMPLATE = """\
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
    log_format requests '$request_method $uri|$status|$upstream_addr|$upstream_status';
    access_log {folder}/access.log requests;
{documented}
}}
"""


class ProxiedRequest(NamedTuple):
    """A request of the access log, with its upstream machines and their statuses."""

    request: str
    status: int
    upstreams: tuple[str, ...]
    upstream_statuses: tuple[str, ...]


@dataclass(frozen=True)
class Proxy:
    """A handle of the nginx process."""

    address: Address
    folder: Path

    def requests(self) -> list[ProxiedRequest]:
        """Return all requests of the access log."""
        lines = (self.folder / "access.log").read_text(encoding="utf-8").splitlines()
        return [_parse(line) for line in lines]

    def log_end(self) -> str:
        """Return the end of the error log."""
        return (self.folder / "error.log").read_text(encoding="utf-8")[-2000:]


def find_nginx() -> str | None:
    """Return the path of nginx, also in folders that are on the path of root only."""
    return shutil.which("nginx") or shutil.which("nginx", path="/usr/local/sbin:/usr/sbin")


@contextmanager
def proxy(address: Address, machines: Sequence[Address], folder: Path) -> Iterator[Proxy]:
    """Run nginx at ``address`` in front of ``machines``, with files in the empty ``folder``."""
    nginx = find_nginx()
    assert nginx is not None
    file = folder / "nginx.conf"
    file.write_text(configuration(address, machines, folder), encoding="utf-8")
    errors = ("-e", str(folder / "error.log"))
    command = [nginx, "-p", str(folder), "-c", str(file), *errors]
    with subprocess.Popen(command) as process:  # noqa: S603
        try:
            _wait_for(address)
            yield Proxy(address, folder)
        finally:
            process.terminate()
            process.wait(STOP_TIMEOUT)


def _wait_for(address: Address) -> None:
    end = time.monotonic() + START_TIMEOUT
    while True:
        with suppress(ConnectionRefusedError), socket.create_connection(address):
            return
        assert time.monotonic() < end, "nginx did not start"
        time.sleep(0.01)


def configuration(address: Address, machines: Sequence[Address], folder: Path) -> str:
    """Return the documented configuration with these addresses and without TLS."""
    text = DOCUMENTED.read_text(encoding="utf-8")
    addresses = iter(machines)
    text, servers = re.subn(
        r"app\d\.example\.com:8000", lambda _: _host_port(next(addresses)), text
    )
    text, listens = re.subn(r"listen 443 ssl;", f"listen {_host_port(address)};", text)
    assert (servers, listens) == (len(machines), 1), text
    # nginx drops the rights of root, and then could not write to a folder of root.
    user = "" if os.geteuid() else f"user {pwd.getpwuid(0).pw_name};"
    return _TEMPLATE.format(folder=folder, user=user, documented=text)


def _host_port(address: Address) -> str:
    host, port = address
    return f"{host}:{port}"


def _parse(line: str) -> ProxiedRequest:
    request, status, upstreams, statuses = line.split("|")
    return ProxiedRequest(
        request, int(status), tuple(upstreams.split(", ")), tuple(statuses.split(", "))
    )
