"""What these tests need: nginx, gunicorn, PostgreSQL and Redis.

Without one of them the tests are skipped and say so. Where nothing may be left out (CI=true) that
is an error, for there nobody would notice.
"""

from __future__ import annotations

import pytest

from tests.campaigns.machines.deployment import is_missing
from tests.support import skips

MISSING = pytest.StashKey[str]()


def pytest_configure(config: pytest.Config) -> None:
    missing = ", ".join(is_missing())
    config.stash[MISSING] = missing
    if not missing:
        return
    if skips.in_ci():
        raise pytest.UsageError(f"Nothing may be left out in CI, but this is missing: {missing}.")
    skips.note(f"the tests on several machines, for want of: {missing}")


@pytest.fixture(autouse=True)
def _nothing_is_missing(pytestconfig: pytest.Config) -> None:
    if missing := pytestconfig.stash[MISSING]:
        pytest.skip(f"missing: {missing}")
