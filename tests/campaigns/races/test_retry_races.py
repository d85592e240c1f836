"""``REFRESH_RETRY``: a client that lost the answer, and others at the same moment."""

from __future__ import annotations

from datetime import timedelta

import pytest

from django_tokenauth.models import RevokedReason, Session
from tests.campaigns.races.calls import refreshing
from tests.campaigns.races.ends import GENERATION, targets
from tests.campaigns.races.options import ROUNDS
from tests.campaigns.races.options import TOKENAUTH as USUAL
from tests.campaigns.races.rounds import nothing_works
from tests.campaigns.races.worker_pool import crowd

CLIENTS = 8
TOKENAUTH = {**USUAL, "REFRESH_RETRY": True}
AN_HOUR = timedelta(hours=1)

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(scope="module")
def clients(django_db_setup, django_db_blocker):
    with django_db_blocker.unblock(), crowd(2, CLIENTS // 2, TOKENAUTH=TOKENAUTH) as make:
        yield make


def test_one_retry_of_many_rotates_and_all_get_the_same_token(clients):
    for target in targets(ROUNDS // 4, ago=AN_HOUR):
        answers = clients([refreshing(target.predecessor)] * CLIENTS)
        assert [status for status, _ in answers] == [200] * CLIENTS
        [token] = {body["refresh_token"] for _, body in answers}
        session = Session.objects.get(pk=target.session)
        assert (session.generation, session.revoked_at) == (GENERATION + 1, None)
        assert clients([refreshing(token)])[0][0] == 200


@pytest.mark.promise(10)
def test_who_retries_and_who_has_the_successor_do_not_both_go_on(clients, settings):
    settings.TOKENAUTH = TOKENAUTH
    for target in targets(ROUNDS // 2, ago=AN_HOUR):
        wanted = [refreshing(target.predecessor), refreshing(target.current)]
        answers = clients(wanted)
        assert {status for status, _ in answers} <= {200, 400}
        assert Session.objects.get(pk=target.session).revoked_reason == RevokedReason.REUSED
        nothing_works(target, [{"status": status, "body": body} for status, body in answers])
