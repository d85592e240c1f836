"""The token endpoints, one test for each."""

from __future__ import annotations

import pytest

from tests.support.client import NAMES

EACH = pytest.mark.parametrize("path", NAMES)
