"""The other processes of the demo."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).resolve().parent.parent
SCRIPTS = FOLDER / "scripts"


# The other processes must not get the secrets of the API, such as EXAMPLE_SECRET_KEY.
OWN_VARIABLES = "EXAMPLE_"
# Ctrl-C in the terminal reaches only the demo, which stops the other processes.
OWN_GROUP: dict[str, Any] = {"start_new_session": True}
if sys.platform == "win32":
    OWN_GROUP = {"creationflags": subprocess.CREATE_NEW_PROCESS_GROUP}


class NotStarted(Exception):
    """A process ended before it printed its address. Its error is on standard error."""


@contextmanager
def verifier(
    issuer: str,
    settings_module: str,
    *,
    host: str = "127.0.0.1",
    port: int = 0,
    option: str = "--port",
    **variables: str,
) -> Iterator[str]:
    """Run `manage.py verifier` until the block exits. Yields its origin.

    The process gets the issuer, which is the URL of the API, and these environment variables.
    `option` sets the port on the command line.
    """
    command = [sys.executable, str(FOLDER / "manage.py"), "verifier", "--issuer", issuer]
    options = ["--settings", settings_module, "--host", host, "--port", str(port)]
    with subprocess.Popen(  # noqa: S603
        [*command, *options],
        stdout=subprocess.PIPE,
        text=True,
        env=environment(**variables),
        **OWN_GROUP,
    ) as process:
        try:
            printed = process.stdout.readline() if process.stdout else ""
            if not printed:
                raise NotStarted(
                    f"The process with the settings {settings_module} did not start on {host} "
                    f"port {port} (see the error above, and {option})."
                )
            yield printed.strip().removesuffix("/")
        finally:
            process.terminate()


def environment(**variables: str) -> dict[str, str]:
    """Return the environment of another process: that of the demo without its own variables."""
    inherited = {
        name: os.environ[name] for name in os.environ if not name.startswith(OWN_VARIABLES)
    }
    return inherited | variables


def run_script(name: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run a script, and return its exit status and its output."""
    return subprocess.run(  # noqa: S603
        [sys.executable, str(SCRIPTS / name)],
        env=environment(**variables),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        **OWN_GROUP,
    )
