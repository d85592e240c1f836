"""The project of the quick start, which several pages of the documentation continue."""

from __future__ import annotations

import pytest

from tests.meta.docs_examples import quick_start_project


@pytest.fixture(scope="session")
def quick_start(tmp_path_factory):
    """Return the project. Tests that change it use a copy."""
    return quick_start_project(tmp_path_factory.mktemp("quick_start"))
