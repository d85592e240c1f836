"""Refreshes against every event that invalidates their session, with random delays in processes.

After the invalidation has returned, no token of the session works and no new refresh succeeds.
``TOKENAUTH_TEST_ROUNDS`` makes the races longer, and ``TOKENAUTH_TEST_SEED`` repeats the delays of
a run. ``pytest -rP`` shows where the invalidations fell.
"""

from __future__ import annotations

import pytest

from tests.campaigns.races.calls import make
from tests.campaigns.races.invalidations import INVALIDATIONS
from tests.campaigns.races.options import ROUNDS, TOKENAUTH
from tests.campaigns.races.rounds import (
    MAXIMUM_FACTOR,
    assert_invalidations_inside,
    play_rounds,
    summary,
)
from tests.campaigns.races.worker_pool import worker_pool

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(scope="module")
def two_clients(django_db_setup, django_db_blocker):
    with django_db_blocker.unblock(), worker_pool(2, 1, TOKENAUTH=TOKENAUTH) as pool:
        yield pool


@pytest.mark.promise(6)
@pytest.mark.attack(136, 137)
@pytest.mark.parametrize("name", INVALIDATIONS)
def test_session_invalidated_during_refreshes_is_unusable(two_clients, settings, name, progress):
    settings.TOKENAUTH = TOKENAUTH
    outcomes = play_rounds(two_clients, name, ROUNDS, progress=progress(name, ROUNDS))
    print(summary(name, outcomes))  # noqa: T201
    assert_invalidations_inside(outcomes, ROUNDS)


def test_race_fails_without_invalidation_during_a_refresh(settings):
    """Sequential clients invalidate each session after its refreshes."""
    settings.TOKENAUTH = TOKENAUTH
    outcomes = play_rounds(lambda requests: list(map(make, requests)), "sign-out", 1)
    assert outcomes.total() == MAXIMUM_FACTOR
    with pytest.raises(
        AssertionError, match="0 of 30 invalidations fell inside a request, expected 1"
    ):
        assert_invalidations_inside(outcomes, 1)
