"""Fixtures of the tests of API tokens: a fixed time, and scopes."""

from __future__ import annotations

import pytest

from django_tokenauth.api_tokens import last_use
from tests.support.api_tokens import SCOPES
from tests.support.clock import NOW


@pytest.fixture(autouse=True)
def _project(time_machine, settings):
    time_machine.move_to(NOW, tick=False)
    settings.TOKENAUTH = SCOPES
    last_use._recent.clear()
    last_use._request.pending = None
