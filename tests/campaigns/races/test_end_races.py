"""Refreshes against every way to end their session, in processes and with random delays.

After the end has returned, no token of the session works and no new refresh succeeds.
``TOKENAUTH_TEST_ROUNDS`` makes the races longer, and ``TOKENAUTH_TEST_SEED`` repeats the delays of
a run. ``pytest -rP`` shows where the ends fell.
"""

from __future__ import annotations

import pytest

from tests.campaigns.races.calls import make
from tests.campaigns.races.endings import ENDINGS
from tests.campaigns.races.options import ROUNDS, TOKENAUTH
from tests.campaigns.races.rounds import (
    MAXIMUM_FACTOR,
    assert_ends_inside,
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
@pytest.mark.parametrize("name", ENDINGS)
def test_session_ended_during_refreshes_is_unusable(two_clients, settings, name, progress):
    settings.TOKENAUTH = TOKENAUTH
    outcomes = play_rounds(two_clients, name, ROUNDS, progress=progress(name, ROUNDS))
    print(summary(name, outcomes))  # noqa: T201
    assert_ends_inside(outcomes, ROUNDS)


def test_race_fails_if_no_session_ends_during_a_refresh(settings):
    """Sequential clients end each session after its refreshes."""
    settings.TOKENAUTH = TOKENAUTH
    outcomes = play_rounds(lambda requests: list(map(make, requests)), "sign-out", 1)
    assert outcomes.total() == MAXIMUM_FACTOR
    with pytest.raises(AssertionError, match="0 of 30 ends fell inside a refresh, expected 1"):
        assert_ends_inside(outcomes, 1)
