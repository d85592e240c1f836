"""Run a command of this project in a process."""

from __future__ import annotations

import os
import subprocess
import sys

from tests.support.documents import ROOT


def run_module(module: str, *options: str) -> tuple[int, str]:
    """Return the exit code and the output of ``python -m module``."""
    # The command would delete the notes of the tox environment that runs the test.
    environment = {
        name: value for name, value in os.environ.items() if name != "TOKENAUTH_SKIP_NOTES"
    }
    completed = subprocess.run(  # noqa: S603
        [sys.executable, "-m", module, *options],
        check=False,
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
    )
    return completed.returncode, completed.stdout
