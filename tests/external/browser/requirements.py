"""The programs and packages that the browser tests need."""

from __future__ import annotations

import os
import shutil
from importlib.util import find_spec


def find_chromium():
    names = (os.environ.get("CHROMIUM"), "chromium", "chromium-browser", "google-chrome")
    return next(filter(None, (shutil.which(name) for name in names if name)), None)


def what_is_missing():
    if find_spec("playwright") is None:
        return "the browser tests: the package playwright is not installed"
    if find_chromium() is None:
        return "the browser tests: no Chromium on the PATH, and CHROMIUM does not name one"
    return None
