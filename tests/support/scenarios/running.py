"""A project in a process of its own: for what a process can have only one of, a user model say."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[3]


def outcome_of(module: str, settings: str, **environment: str) -> Any:
    """Run ``module`` with these settings and return what it tells, which is JSON.

    The module has a function ``scenario``; any warning is an error.
    """
    command = [sys.executable, "-W", "error", "-m", "tests.support.scenarios", module]
    ended = subprocess.run(  # noqa: S603
        command,
        check=False,
        cwd=ROOT,
        env={**os.environ, **environment, "DJANGO_SETTINGS_MODULE": settings},
        stdout=subprocess.PIPE,
        text=True,
        encoding="utf-8",
    )
    assert ended.returncode == 0, ended.stdout
    return json.loads(ended.stdout.splitlines()[-1])
