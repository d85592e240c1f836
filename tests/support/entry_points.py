"""The entry points of setup.cfg for a process in whose environment the package is not installed."""

from __future__ import annotations

from configparser import ConfigParser
from pathlib import Path

from tests.support.documents import ROOT


def write_entry_points(folder: Path) -> Path:
    """Write the metadata of a distribution with the entry points. Add *folder* to PYTHONPATH.

    If the package is installed, its own entry points have the same names, and pytest skips one.
    """
    setup = ConfigParser()
    setup.read(ROOT / "setup.cfg", encoding="utf-8")
    info = folder / "drf_tokenauth_of_test-1.dist-info"
    info.mkdir(parents=True)
    metadata = "Metadata-Version: 2.1\nName: drf-tokenauth-of-test\nVersion: 1\n"
    (info / "METADATA").write_text(metadata, encoding="utf-8")
    group = setup["options.entry_points"]["pytest11"]
    (info / "entry_points.txt").write_text(f"[pytest11]{group}\n", encoding="utf-8")
    # pytest rewrites the assertions of the listed packages.
    (info / "RECORD").write_text("django_tokenauth/__init__.py,,\n", encoding="utf-8")
    return folder
