"""Uses of an API token against its rotation and its revocation, in processes.

``TOKENAUTH_TEST_ROUNDS`` and ``TOKENAUTH_TEST_SEED`` have the effect that they have for sessions.
"""

from __future__ import annotations

from functools import partial

import pytest

from tests.campaigns.races.api_tokens import (
    CHANGES,
    ROTATIONS,
    create_api_tokens,
    play_rotation,
    play_use,
)
from tests.campaigns.races.options import ROUNDS, TOKENAUTH
from tests.campaigns.races.rounds import assert_invalidations_inside, repeat, summary
from tests.campaigns.races.worker_pool import worker_pool

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(scope="module")
def two_clients(django_db_setup, django_db_blocker):
    with django_db_blocker.unblock(), worker_pool(2, 1, TOKENAUTH=TOKENAUTH) as pool:
        yield pool


@pytest.fixture
def play_rounds(settings, progress):
    def play_rounds(name, play):
        settings.TOKENAUTH = TOKENAUTH
        outcomes = repeat(name, ROUNDS, create_api_tokens, play, progress(name, ROUNDS))
        print(summary(name, outcomes))  # noqa: T201
        assert_invalidations_inside(outcomes, ROUNDS)

    return play_rounds


@pytest.mark.parametrize("name", CHANGES)
def test_api_token_changed_during_uses(two_clients, play_rounds, name):
    play_rounds(name, partial(play_use, two_clients, CHANGES[name]))


@pytest.mark.parametrize("name", ROTATIONS)
def test_api_token_changed_during_a_rotation(two_clients, play_rounds, name):
    play_rounds(name, partial(play_rotation, two_clients, ROTATIONS[name]))
