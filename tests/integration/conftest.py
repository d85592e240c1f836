"""Fixtures of the integration tests."""

from __future__ import annotations

import pytest

from tests.support.broken import renamed_session_table


@pytest.fixture
def missing_session_table():
    """Rename the session table, as if ``migrate`` had not run yet."""
    with renamed_session_table():
        yield
