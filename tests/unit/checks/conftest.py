"""The key folder of tests of system checks."""

from __future__ import annotations

import pytest

from tests.support.system_checks import URL


@pytest.fixture
def folder(tmp_path, settings):
    """Return an empty key folder, the value of ``KEY_DIRECTORY``."""
    folder = tmp_path / "keys"
    folder.mkdir(mode=0o700)
    settings.TOKENAUTH = {**URL, "KEY_DIRECTORY": folder}
    return folder
