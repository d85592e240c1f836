"""Programs that listen at an address."""

from __future__ import annotations

import socket
import subprocess
import time
from contextlib import contextmanager, suppress

START_TIMEOUT = 60
STOP_TIMEOUT = 30


def free_address():
    """Return an address with a port that is free now."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()


@contextmanager
def running(command, address, log, environment=None, folder=None):
    """Run *command* until the block ends, with its output in the file *log*.

    Wait until it accepts connections at *address*.
    """
    with (
        log.open("wb") as output,
        subprocess.Popen(  # noqa: S603
            command, cwd=folder, env=environment, stdout=output, stderr=output
        ) as process,
    ):
        try:
            _wait_for(process, address, log)
            yield
        finally:
            process.terminate()
            try:
                process.wait(STOP_TIMEOUT)
            except subprocess.TimeoutExpired:
                process.kill()
                raise


def _wait_for(process, address, log):
    end = time.monotonic() + START_TIMEOUT
    while process.poll() is None and time.monotonic() < end:
        with suppress(ConnectionRefusedError), socket.create_connection(address):
            return
        time.sleep(0.02)
    raise AssertionError(f"{process.args[0]} did not start.\n{log.read_text(errors='replace')}")
