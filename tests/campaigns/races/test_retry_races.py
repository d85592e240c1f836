"""Concurrent retries with ``REFRESH_RETRY``, after a client lost the response."""

from __future__ import annotations

from datetime import timedelta

import pytest

from django_tokenauth.models import RevokedReason, Session
from tests.campaigns.races.calls import refreshing
from tests.campaigns.races.invalidations import GENERATION, create_targets
from tests.campaigns.races.options import ROUNDS
from tests.campaigns.races.options import TOKENAUTH as DEFAULTS
from tests.campaigns.races.rounds import assert_session_unusable
from tests.campaigns.races.worker_pool import worker_pool

CLIENTS = 8
TOKENAUTH = {**DEFAULTS, "REFRESH_RETRY": True}
ONE_HOUR = timedelta(hours=1)

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(scope="module")
def clients(django_db_setup, django_db_blocker):
    with django_db_blocker.unblock(), worker_pool(2, CLIENTS // 2, TOKENAUTH=TOKENAUTH) as make:
        yield make


def test_concurrent_refresh_retries_rotate_the_token_once(clients, progress):
    row = progress(f"{CLIENTS} late retries", ROUNDS // 4)
    for target in create_targets(ROUNDS // 4, ago=ONE_HOUR):
        responses = clients([refreshing(target.predecessor)] * CLIENTS)
        assert [status for status, _ in responses] == [200] * CLIENTS
        [token] = {body["refresh_token"] for _, body in responses}
        session = Session.objects.get(pk=target.session)
        assert (session.generation, session.revoked_at) == (GENERATION + 1, None)
        assert clients([refreshing(token)])[0][0] == 200
        row.step()


@pytest.mark.promise(10)
def test_concurrent_previous_and_current_token_revoke_session(clients, settings, progress):
    settings.TOKENAUTH = TOKENAUTH
    row = progress("late retry and successor", ROUNDS // 2)
    for target in create_targets(ROUNDS // 2, ago=ONE_HOUR):
        responses = clients([refreshing(target.predecessor), refreshing(target.current)])
        assert {status for status, _ in responses} <= {200, 400}
        assert Session.objects.get(pk=target.session).revoked_reason == RevokedReason.REUSED
        assert_session_unusable(
            target, [{"status": status, "body": body} for status, body in responses]
        )
        row.step()
