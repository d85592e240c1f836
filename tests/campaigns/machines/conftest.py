"""Skip the tests without nginx, gunicorn, PostgreSQL or Redis; with ``CI``, raise an error."""

from __future__ import annotations

import pytest

from tests.campaigns.machines.deployment import missing_services
from tests.support import skips

MISSING = pytest.StashKey[str]()


def pytest_configure(config: pytest.Config) -> None:
    missing = ", ".join(missing_services())
    config.stash[MISSING] = missing
    if not missing:
        return
    if skips.in_ci():
        raise pytest.UsageError(
            f"CI must not skip tests, but these services are missing: {missing}."
        )
    skips.note(f"the tests on several machines; missing: {missing}")


@pytest.fixture(autouse=True)
def _skip_without_services(pytestconfig: pytest.Config) -> None:
    if missing := pytestconfig.stash[MISSING]:
        pytest.skip(f"missing: {missing}")
