"""Run a project in a separate process, for settings that a process can have only once."""

from __future__ import annotations

import atexit
import json
import os
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[3]
#: Begins the line after the output of a scenario.
END = "scenario ended: "


@cache
def _server() -> subprocess.Popen[str]:
    """Start the process that has imported the libraries, and runs each scenario in a fork."""
    process = subprocess.Popen(
        [sys.executable, "-W", "error", "-m", "tests.support.scenarios"],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        encoding="utf-8",
    )
    atexit.register(_stop, process)
    return process


def _stop(process: subprocess.Popen[str]) -> None:
    with process:
        assert process.stdin is not None
        process.stdin.write("\n")


def run_scenario(module: str, settings: str, **environment: str) -> Any:
    """Run the function ``scenario`` of *module* with these settings and return its result.

    The result must be JSON. Any warning is an error.
    """
    process = _server()
    assert process.stdin is not None
    assert process.stdout is not None
    variables = {**os.environ, **environment, "DJANGO_SETTINGS_MODULE": settings}
    process.stdin.write(f"{json.dumps([module, variables])}\n")
    process.stdin.flush()
    output = []
    while not (line := process.stdout.readline()).startswith(END):
        assert line, "The process ended."
        output.append(line)
    assert line == f"{END}0\n", "".join(output)
    return json.loads(output[-1])
