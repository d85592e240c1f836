"""What the browser tests need: a browser, and the demo of the example project to look at.

Without a browser they are skipped and say so. Where nothing may be left out (CI=true) that is an
error, for there nobody would notice.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import pytest

from tests import left_out

MANAGE = Path(__file__).resolve().parents[2] / "example_project" / "manage.py"


def find_chromium():
    names = (os.environ.get("CHROMIUM"), "chromium", "chromium-browser", "google-chrome")
    return next(filter(None, (shutil.which(name) for name in names if name)), None)


def what_is_missing():
    if find_spec("playwright") is None:
        return "the browser tests: the package playwright is not installed"
    if find_chromium() is None:
        return "the browser tests: no Chromium on the PATH, and CHROMIUM does not name one"
    return None


def pytest_configure():
    if missing := what_is_missing():
        if left_out.in_ci():
            raise pytest.UsageError(f"Nothing may be left out in CI, but {missing}.")
        left_out.note(missing)


@pytest.fixture(scope="session")
def chromium():
    if missing := what_is_missing():
        pytest.skip(missing)
    return find_chromium()


@dataclass
class Demo:
    """What `manage.py demo` printed."""

    page: str
    api: str
    passwords: dict[str, str]


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    database = tmp_path_factory.mktemp("demo") / "demo.sqlite3"
    command = [sys.executable, MANAGE, "demo", "--api-port", "0", "--page-port", "0"]
    # The project has settings of its own, whatever those of this suite are.
    environment = {k: v for k, v in os.environ.items() if k != "DJANGO_SETTINGS_MODULE"}
    with subprocess.Popen(  # noqa: S603
        [*command, "--database", database], stdout=subprocess.PIPE, text=True, env=environment
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
        )
        process.send_signal(signal.SIGINT)
        rest, _ = process.communicate(timeout=30)
    assert (process.returncode, rest.strip()) == (0, "Stopped.")
