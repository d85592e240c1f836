"""The requirements of the browser tests: Playwright and Chromium."""

from __future__ import annotations

import os
import shutil
from importlib.util import find_spec


def find_chromium():
    """Return the path of Chromium, or ``None``."""
    names = (os.environ.get("CHROMIUM"), "chromium", "chromium-browser", "google-chrome")
    return next(filter(None, (shutil.which(name) for name in names if name)), None)


def missing_requirement():
    """Return the missing requirement, or ``None``."""
    if find_spec("playwright") is None:
        return "the browser tests: the package playwright is not installed"
    if find_chromium() is None:
        return "the browser tests: no Chromium on the PATH, and CHROMIUM does not name one"
    return None
