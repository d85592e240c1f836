"""The demo of the example project, running in a separate process, for tests over HTTP."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
MANAGE = ROOT / "example_project" / "manage.py"


@dataclass
class Demo:
    """The values that ``manage.py demo`` prints."""

    page: str
    api: str
    reports: str
    passwords: dict[str, str]
    #: The client id and the secret of the service account.
    client: tuple[str, str]
    keys: str

    def manage(self, *words):
        """Run a command of the project in another process."""
        command = [sys.executable, MANAGE, *words]
        subprocess.run(command, check=True, env=environment(), stdout=subprocess.PIPE)  # noqa: S603


def environment():
    """Return the environment with the settings of the demo, and without the development mode."""
    return {
        **{name: value for name, value in os.environ.items() if name != "PYTHONDEVMODE"},
        "DJANGO_SETTINGS_MODULE": "tests.support.demo_settings",
        "PYTHONPATH": str(ROOT),
    }


@contextmanager
def running_demo(folder):
    """Run the demo on free ports with its database and keys in *folder*, and stop it by Ctrl-C."""
    ports = ["--api-port", "0", "--page-port", "0", "--reports-port", "0"]
    command = [sys.executable, MANAGE, "demo", *ports]
    with subprocess.Popen(  # noqa: S603
        [*command, "--database", folder / "demo.sqlite3"],
        stdout=subprocess.PIPE,
        text=True,
        env=environment(),
    ) as process:
        output = ""
        for line in process.stdout:
            output += line
            if line.startswith("Ctrl-C"):
                break
        yield Demo(
            page=re.search(r"^The page +(\S+)/$", output, re.MULTILINE)[1],
            api=re.search(r"^The API +(\S+)/ ", output, re.MULTILINE)[1],
            reports=re.search(r"^The reports +(\S+)/reports/ ", output, re.MULTILINE)[1],
            client=re.search(r"-u '([^:']+):([^']+)'", output).groups(),
            passwords=dict(re.findall(r"(\w+)  with  (.+)$", output, re.MULTILINE)),
            keys=re.search(r"^Keys in +(.+)$", output, re.MULTILINE)[1],
        )
        process.send_signal(signal.SIGINT)
        rest, _ = process.communicate(timeout=30)
    assert (process.returncode, rest.strip()) == (0, "Stopped.")
