"""A machine: a gunicorn process group, which is killed or stopped as a whole."""

from __future__ import annotations

import os
import random
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from contextlib import closing, suppress
from pathlib import Path

from tests.campaigns.crash.application import ROOT
from tests.campaigns.crash.clients import Gate, KeptConnection, Response

THREADS = 4
START_TIMEOUT = 60
STOP_TIMEOUT = 60
# Below the ephemeral ports, so that no other socket takes the port of a stopped machine.
_PORTS = range(20_000, 32_000)


def free_addresses(number: int) -> list[tuple[str, int]]:
    """Return ``number`` addresses with free ports."""
    addresses = []
    for port in random.SystemRandom().sample(_PORTS, len(_PORTS)):
        with suppress(OSError), socket.create_server(("127.0.0.1", port)):
            addresses.append(("127.0.0.1", port))
        if len(addresses) == number:
            return addresses
    raise AssertionError("no port is free")


class DirectConnection:
    """A connection to one machine without the proxy, with the headers of the proxy."""

    def __init__(self, address: tuple[str, int]) -> None:
        self._connection = KeptConnection(address, Gate())

    def get(self, path: str, token: str) -> Response:
        return self._send("GET", path, None, Authorization=f"Bearer {token}")

    def post(self, path: str, body: str) -> Response:
        return self._send("POST", path, body)

    def close(self) -> None:
        self._connection.close()

    def _send(self, method: str, path: str, body: str | None, **headers: str) -> Response:
        return self._connection.send(
            method, path, body, **headers, **{"X-Forwarded-Proto": "https"}
        )


class Machine:
    """An application server, which can be restarted after :meth:`kill` or :meth:`stop`."""

    def __init__(
        self, name: str, address: tuple[str, int], environment: Mapping[str, str], log: Path
    ) -> None:
        self.name = name
        self.address = address
        #: The number of starts, which identifies the process.
        self.starts = 0
        self._environment = environment
        self._log = log
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        host, port = self.address
        self.starts += 1
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(  # noqa: S603
                [
                    *(sys.executable, "-W", "error", "-m", "gunicorn", "example.wsgi:application"),
                    *("--bind", f"{host}:{port}", "--worker-class", "gthread", "--workers", "1"),
                    *("--threads", str(THREADS), "--keep-alive", "5", "--no-control-socket"),
                    *("--log-level", "warning"),
                ],
                cwd=ROOT,
                env=self._environment,
                stdout=log,
                stderr=log,
                # A kill of the process group includes the workers, as a power failure does.
                start_new_session=True,
            )

    def wait(self) -> None:
        """Wait until it answers. Raises ``AssertionError`` with the end of its log."""
        end = time.monotonic() + START_TIMEOUT
        with closing(DirectConnection(self.address)) as connection:
            while connection.get("/who/", "x").status != 401:
                running = self._process is not None and self._process.poll() is None
                if not running or time.monotonic() > end:
                    raise AssertionError(f"{self.name} does not respond.\n{self.log_end()}")
                time.sleep(0.05)

    def kill(self) -> None:
        """Send ``SIGKILL`` to all its processes and wait for their end."""
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        """Send ``SIGTERM``, as for a new release: it finishes pending requests and ends."""
        self._end(signal.SIGTERM)

    def freeze(self) -> None:
        """Send ``SIGSTOP``: it accepts connections without responses. Then call :meth:`kill`."""
        if self._process is not None:
            os.killpg(self._process.pid, signal.SIGSTOP)

    def log_end(self) -> str:
        """Return the end of the log."""
        return self._log.read_text(encoding="utf-8", errors="replace")[-4000:]

    def _end(self, number: signal.Signals) -> None:
        process = self._process
        if process is None:
            return
        if number == signal.SIGKILL:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, number)
        else:
            process.send_signal(number)
        try:
            process.wait(STOP_TIMEOUT)
        finally:
            # Kill the processes that ignored the signal.
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            self._process = None
