"""Run a project in a separate process, for settings that a process can have only once."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[3]


def run_scenario(module: str, settings: str, **environment: str) -> Any:
    """Run the function ``scenario`` of *module* with these settings and return its result.

    The result must be JSON. Any warning is an error.
    """
    command = [sys.executable, "-W", "error", "-m", "tests.support.scenarios", module]
    process = subprocess.run(  # noqa: S603
        command,
        check=False,
        cwd=ROOT,
        env={**os.environ, **environment, "DJANGO_SETTINGS_MODULE": settings},
        stdout=subprocess.PIPE,
        text=True,
        encoding="utf-8",
    )
    assert process.returncode == 0, process.stdout
    return json.loads(process.stdout.splitlines()[-1])
