"""A machine: gunicorn at an address of its own, which is killed or stopped as a whole."""

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
from tests.campaigns.crash.clients import Answer, Gate, Line

THREADS = 4
SECONDS_TO_START = 60
SECONDS_TO_END = 60
# Below those that a system gives to connections which go out: while a machine is down, nobody
# takes its place.
_PORTS = range(20_000, 32_000)


def free_addresses(number: int) -> list[tuple[str, int]]:
    """So many different addresses at which nobody listens."""
    found = []
    for port in random.SystemRandom().sample(_PORTS, len(_PORTS)):
        with suppress(OSError), socket.create_server(("127.0.0.1", port)):
            found.append(("127.0.0.1", port))
        if len(found) == number:
            return found
    raise AssertionError("no port is free")


class Direct:
    """A connection to one machine, past the proxy; it says what the proxy would say."""

    def __init__(self, address: tuple[str, int]) -> None:
        self._line = Line(address, Gate())

    def get(self, path: str, token: str) -> Answer:
        return self._ask("GET", path, None, Authorization=f"Bearer {token}")

    def post(self, path: str, body: str) -> Answer:
        return self._ask("POST", path, body)

    def close(self) -> None:
        self._line.close()

    def _ask(self, method: str, path: str, body: str | None, **headers: str) -> Answer:
        return self._line.ask(method, path, body, **headers, **{"X-Forwarded-Proto": "https"})


class Machine:
    """One of several. :meth:`start` may be called again once it is down."""

    def __init__(
        self, name: str, address: tuple[str, int], environment: Mapping[str, str], log: Path
    ) -> None:
        self.name = name
        self.address = address
        #: How often it was started: another number is another process.
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
                # With its workers: a machine that loses its power loses all of them.
                start_new_session=True,
            )

    def wait(self) -> None:
        """Until it answers. Raises ``AssertionError`` with its last words."""
        end = time.monotonic() + SECONDS_TO_START
        with closing(Direct(self.address)) as line:
            while line.get("/who/", "x").status != 401:
                running = self._process is not None and self._process.poll() is None
                if not running or time.monotonic() > end:
                    raise AssertionError(f"{self.name} does not answer.\n{self.last_words()}")
                time.sleep(0.05)

    def kill(self) -> None:
        """``SIGKILL`` for all of its processes; they are gone when this returns."""
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        """``SIGTERM``, as for a new release: it answers what is under way, and is gone."""
        self._end(signal.SIGTERM)

    def freeze(self) -> None:
        """``SIGSTOP``: it takes connections and answers nothing. What follows is :meth:`kill`."""
        if self._process is not None:
            os.killpg(self._process.pid, signal.SIGSTOP)

    def last_words(self) -> str:
        return self._log.read_text(encoding="utf-8", errors="replace")[-4000:]

    def _end(self, how: signal.Signals) -> None:
        process = self._process
        if process is None:
            return
        if how == signal.SIGKILL:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, how)
        else:
            process.send_signal(how)
        try:
            process.wait(SECONDS_TO_END)
        finally:
            # Nothing of it outlives the test, whatever it made of the signal.
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            self._process = None
