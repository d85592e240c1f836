"""The races again in a project that has chosen another isolation level for its database.

A transaction that the database could not put in order is answered with 503, and the client that
tries again loses nothing.
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
from tests.campaigns.races.ends import ENDINGS, GENERATION, targets
from tests.campaigns.races.options import ROUNDS, TOKENAUTH
from tests.campaigns.races.rounds import rounds, summary
from tests.campaigns.races.waiting import until_somebody_waits
from tests.campaigns.races.worker_pool import crowd

CLIENTS = 16


def _default(level: str) -> dict[str, Any]:
    # What Django calls isolation_level counts inside of atomic() only; this one everywhere.
    return {"options": f"-c default_transaction_isolation={level}"}


# What a project writes into OPTIONS. Django's own level is that of the other tests; SQLite knows
# one, where Django's default is that a transaction becomes a writer when it first writes.
LEVELS: dict[str, dict[str, dict[str, Any]]] = {
    "postgresql": {
        "repeatable read": _default(r"repeatable\ read"),
        "serializable": _default("serializable"),
    },
    "mysql": {
        "repeatable read": {"isolation_level": "repeatable read"},
        "serializable": {"isolation_level": "serializable"},
    },
    "sqlite": {"deferred": {"transaction_mode": None}},
}

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(scope="module", params=LEVELS[connection.vendor])
def clients(request, django_db_setup, django_db_blocker):
    options = LEVELS[connection.vendor][request.param]
    with (
        django_db_blocker.unblock(),
        crowd(2, CLIENTS // 2, options=options, TOKENAUTH=TOKENAUTH) as make,
    ):
        yield make


@pytest.mark.attack(131)
def test_one_rotates_and_who_is_told_to_try_again_gets_the_same_token(clients, settings):
    settings.TOKENAUTH = TOKENAUTH
    [target] = targets(1)
    token = target.current
    told: Counter[int] = Counter()
    for generation in range(GENERATION + 1, GENERATION + 1 + ROUNDS // 4):
        answers = clients([calls.refreshing(token)] * CLIENTS)
        told.update(status for status, _ in answers)
        assert {status for status, _ in answers} <= {200, 503}
        answers += [calls.make(calls.refreshing(token)) for status, _ in answers if status == 503]
        [token] = {body["refresh_token"] for status, body in answers if status == 200}
        session = Session.objects.get()
        assert (session.generation, session.revoked_at) == (generation, None)
    print(f"{CLIENTS} refreshes at once: {dict(told)}")  # noqa: T201


def test_a_refresh_that_was_not_put_in_order_is_told_to_try_again_and_loses_nothing(
    clients, settings
):
    settings.TOKENAUTH = TOKENAUTH
    [target] = targets(1)
    with ThreadPoolExecutor(1) as pool:
        with transaction.atomic():
            faster = services.refresh(target.current)
            answers = pool.submit(clients, [calls.refreshing(target.current)])
            until_somebody_waits()
        [(status, body)] = answers.result()
    if connection.vendor == "postgresql":
        assert (status, body["error"]) == (503, "temporarily_unavailable")
        status, body = calls.make(calls.refreshing(target.current))
    assert (status, body["refresh_token"]) == (200, faster.refresh_token)
    assert services.refresh(faster.refresh_token).session.generation == GENERATION + 2


@pytest.mark.attack(136, 137)
@pytest.mark.parametrize("name", ENDINGS)
def test_after_its_end_nothing_of_a_session_works(clients, settings, name):
    settings.TOKENAUTH = TOKENAUTH
    outcomes = rounds(clients, name, ROUNDS // 4, may_be_unavailable=True)
    print(summary(name, outcomes))  # noqa: T201
