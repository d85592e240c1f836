"""The races in projects with another isolation level of the database.

A serialization failure returns 503, and a retry succeeds.
"""

from __future__ import annotations

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.db import connection, transaction

from django_tokenauth import services
from django_tokenauth.models import Session
from tests.campaigns.races import calls
from tests.campaigns.races.invalidations import GENERATION, INVALIDATIONS, create_targets
from tests.campaigns.races.options import ROUNDS_OF_LEVEL, TOKENAUTH
from tests.campaigns.races.rounds import assert_invalidations_inside, play_rounds, summary
from tests.campaigns.races.waiting import wait_for_blocked_connection
from tests.campaigns.races.worker_pool import worker_pool

CLIENTS = 16


def _default_isolation(level: str) -> dict[str, Any]:
    # Django's isolation_level applies in atomic() only; this option applies everywhere.
    return {"options": f"-c default_transaction_isolation={level}"}


# OPTIONS of a database. The other tests use Django's default level. SQLite has one level, but its
# transactions can lock the database at their start or at their first write ("deferred").
LEVELS: dict[str, dict[str, dict[str, Any]]] = {
    "postgresql": {
        "repeatable-read": _default_isolation(r"repeatable\ read"),
        "serializable": _default_isolation("serializable"),
    },
    "mysql": {
        "repeatable-read": {"isolation_level": "repeatable read"},
        "serializable": {"isolation_level": "serializable"},
    },
    "sqlite": {"deferred": {"transaction_mode": None}},
}

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(scope="module", params=LEVELS[connection.vendor])
def level(request):
    return request.param


@pytest.fixture(scope="module")
def clients(level, django_db_setup, django_db_blocker):
    options = LEVELS[connection.vendor][level]
    with (
        django_db_blocker.unblock(),
        worker_pool(2, CLIENTS // 2, options=options, TOKENAUTH=TOKENAUTH) as make,
    ):
        yield make


@pytest.mark.attack(131)
def test_concurrent_refreshes_with_503_retries_rotate_token_once(
    clients, settings, level, progress
):
    settings.TOKENAUTH = TOKENAUTH
    row = progress(f"{CLIENTS} refreshes, {level}", ROUNDS_OF_LEVEL)
    [target] = create_targets(1)
    token = target.current
    statuses: Counter[int] = Counter()
    for generation in range(GENERATION + 1, GENERATION + 1 + ROUNDS_OF_LEVEL):
        responses = clients([calls.refreshing(token)] * CLIENTS)
        statuses.update(status for status, _ in responses)
        assert {status for status, _ in responses} <= {200, 503}
        responses += [
            calls.make(calls.refreshing(token)) for status, _ in responses if status == 503
        ]
        [token] = {body["refresh_token"] for status, body in responses if status == 200}
        session = Session.objects.get()
        assert (session.generation, session.revoked_at) == (generation, None)
        row.step()
    print(f"{CLIENTS} concurrent refreshes: {dict(statuses)}")  # noqa: T201


def test_refresh_blocked_by_another_rotates_the_token_once(clients, settings):
    settings.TOKENAUTH = TOKENAUTH
    [target] = create_targets(1)
    with ThreadPoolExecutor(1) as pool:
        with transaction.atomic():
            first = services.refresh(target.current, ip="127.0.0.1")
            responses = pool.submit(clients, [calls.refreshing(target.current)])
            wait_for_blocked_connection()
        [(status, body)] = responses.result()
    if connection.vendor == "postgresql":
        assert (status, body["error"]) == (503, "temporarily_unavailable")
        status, body = calls.make(calls.refreshing(target.current))
    assert (status, body["refresh_token"]) == (200, first.refresh_token)
    assert services.refresh(first.refresh_token).session.generation == GENERATION + 2


@pytest.mark.attack(136, 137)
@pytest.mark.parametrize("name", INVALIDATIONS)
def test_invalidated_session_is_unusable_at_each_isolation_level(
    clients, settings, name, level, progress
):
    settings.TOKENAUTH = TOKENAUTH
    row = progress(f"{name}, {level}", ROUNDS_OF_LEVEL)
    outcomes = play_rounds(clients, name, ROUNDS_OF_LEVEL, may_be_unavailable=True, progress=row)
    print(summary(name, outcomes))  # noqa: T201
    assert_invalidations_inside(outcomes, ROUNDS_OF_LEVEL)
