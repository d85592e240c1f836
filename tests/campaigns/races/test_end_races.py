"""A refresh against everything that ends its session, in processes, round after round.

After the call that ends a session has returned nothing of the session works: no token that a
refresh returned or was asked with, and no refresh that begins. ``TOKENAUTH_TEST_ROUNDS`` makes it
longer, ``TOKENAUTH_TEST_SEED`` repeats the pauses of a run; ``pytest -rP`` shows where the ends
came.
"""

from __future__ import annotations

import pytest

from tests.campaigns.races.ends import ENDINGS
from tests.campaigns.races.options import ROUNDS, TOKENAUTH
from tests.campaigns.races.rounds import rounds, summary
from tests.campaigns.races.worker_pool import crowd

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(scope="module")
def two_clients(django_db_setup, django_db_blocker):
    with django_db_blocker.unblock(), crowd(2, 1, TOKENAUTH=TOKENAUTH) as make:
        yield make


@pytest.mark.promise(6)
@pytest.mark.attack(136, 137)
@pytest.mark.parametrize("name", ENDINGS)
def test_after_its_end_nothing_of_a_session_works(two_clients, settings, name):
    settings.TOKENAUTH = TOKENAUTH
    print(summary(name, rounds(two_clients, name, ROUNDS)))  # noqa: T201
