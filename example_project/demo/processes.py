"""The other processes of the demo."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

FOLDER = Path(__file__).resolve().parent.parent
SCRIPTS = FOLDER / "scripts"


class NotStarted(Exception):
    """A process ended before it printed its address. Its error is on standard error."""


@contextmanager
def verifier(
    issuer: str, settings_module: str, *, host: str = "127.0.0.1", port: int = 0, **environment: str
) -> Iterator[str]:
    """Run `manage.py verifier` until the block exits. Yields its origin.

    The process knows only the URL of the API, the issuer, and these variables of its environment.
    """
    command = [sys.executable, str(FOLDER / "manage.py"), "verifier", "--issuer", issuer]
    options = ["--settings", settings_module, "--host", host, "--port", str(port)]
    with subprocess.Popen(  # noqa: S603
        [*command, *options], stdout=subprocess.PIPE, text=True, env=os.environ | environment
    ) as process:
        try:
            printed = process.stdout.readline() if process.stdout else ""
            if not printed:
                raise NotStarted(
                    f"The process with the settings {settings_module} did not start on {host} "
                    f"port {port} (see the error above)."
                )
            yield printed.strip().removesuffix("/")
        finally:
            process.terminate()


def run_script(name: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a script, and return its exit status and its output."""
    return subprocess.run(  # noqa: S603
        [sys.executable, str(SCRIPTS / name)],
        env=os.environ | environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
