"""A parameter for tests that run once per token endpoint."""

from __future__ import annotations

import pytest

from tests.support.client import REQUIRED_PARAMETERS

EACH_ENDPOINT = pytest.mark.parametrize("path", REQUIRED_PARAMETERS)
