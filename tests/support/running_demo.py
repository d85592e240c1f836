"""The demo of the example project, in a process of its own: for those who look at it over HTTP."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

MANAGE = Path(__file__).resolve().parents[2] / "example_project" / "manage.py"


@dataclass
class Demo:
    """What `manage.py demo` printed."""

    page: str
    api: str
    passwords: dict[str, str]
    keys: str

    def manage(self, *words):
        """Runs a command of the project in another process."""
        command = [sys.executable, MANAGE, *words]
        subprocess.run(command, check=True, env=without_settings(), stdout=subprocess.PIPE)  # noqa: S603


def without_settings():
    """The project has settings of its own, whatever those of this suite are."""
    return {k: v for k, v in os.environ.items() if k != "DJANGO_SETTINGS_MODULE"}


@contextmanager
def running_demo(folder):
    """Runs it on free ports, with a database and keys of its own in the folder, until Ctrl-C."""
    command = [sys.executable, MANAGE, "demo", "--api-port", "0", "--page-port", "0"]
    with subprocess.Popen(  # noqa: S603
        [*command, "--database", folder / "demo.sqlite3"],
        stdout=subprocess.PIPE,
        text=True,
        env=without_settings(),
    ) as process:
        printed = ""
        for line in process.stdout:
            printed += line
            if line.startswith("Ctrl-C"):
                break
        yield Demo(
            page=re.search(r"^The page +(\S+)/$", printed, re.MULTILINE)[1],
            api=re.search(r"^The API +(\S+)/ ", printed, re.MULTILINE)[1],
            passwords=dict(re.findall(r"(\w+)  with  (.+)$", printed, re.MULTILINE)),
            keys=re.search(r"^Keys in +(.+)$", printed, re.MULTILINE)[1],
        )
        process.send_signal(signal.SIGINT)
        rest, _ = process.communicate(timeout=30)
    assert (process.returncode, rest.strip()) == (0, "Stopped.")
