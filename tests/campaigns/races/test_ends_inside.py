"""The end of a session between the reading and the answer of a refresh, each time and everywhere.

The other process ends the session while the refresh, which has read it alive, stands still; or it
waits itself for a transaction that is about to end the session.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import transaction
from django.utils import timezone

from django_tokenauth.models import RevokedReason, Session
from django_tokenauth.sessions import store as sessions
from tests.campaigns.races import calls
from tests.campaigns.races.ends import ENDINGS, targets
from tests.campaigns.races.options import TOKENAUTH
from tests.campaigns.races.rounds import is_written_down, nothing_works
from tests.campaigns.races.waiting import until_somebody_waits
from tests.campaigns.races.worker_pool import crowd

pytestmark = pytest.mark.django_db(transaction=True)

UNHEARD = "a deactivation that nobody is told of"


@pytest.fixture(scope="module")
def other(django_db_setup, django_db_blocker):
    with django_db_blocker.unblock(), crowd(1, 1, TOKENAUTH=TOKENAUTH) as make:
        yield make


@pytest.fixture
def refreshed_while(settings, other):
    """Refresh with a token; the other process makes the call after the session was read."""

    def refreshed_while(token, call):
        answers = []

        def stand_still(user, session, request):
            if not answers:
                answers.extend(other([call]))
            return {}

        settings.TOKENAUTH = {**TOKENAUTH, "EXTRA_CLAIMS": stand_still}
        status, observed = calls.make(("observed", {"call": calls.refreshing(token), "pauses": []}))
        settings.TOKENAUTH = TOKENAUTH
        [(ended, _)] = answers
        return ended, {"status": status, **observed}

    return refreshed_while


@pytest.mark.promise(6)
@pytest.mark.attack(136, 137)
@pytest.mark.parametrize("name", ENDINGS)
def test_a_refresh_that_read_a_session_alive_gives_nothing_that_works_after_its_end(
    refreshed_while, name
):
    ending = ENDINGS[name]
    rotating, repeated = targets(2)
    status, refresh = refreshed_while(rotating.current, ending.call(rotating))
    assert status == ending.status
    # Nobody told the session: it is rotated, for a user who cannot come in any more.
    assert refresh["status"] == (200 if name == UNHEARD else 400)
    assert [verb for verb, _, _ in refresh["statements"]][:2] == ["SELECT", "UPDATE"]
    nothing_works(rotating, [refresh])
    is_written_down(rotating, ending)
    # The one that writes nothing cannot know; what it hands out is as dead.
    status, refresh = refreshed_while(repeated.predecessor, ending.call(repeated))
    assert (status, refresh["status"]) == (ending.status, 200)
    assert [verb for verb, _, _ in refresh["statements"]] == ["SELECT"]
    nothing_works(repeated, [refresh])
    is_written_down(repeated, ending)


# Statements that take their locks in another order would end one of the two: a deadlock.
@pytest.mark.attack(136, 137)
@pytest.mark.parametrize(
    ("call", "expected"),
    [
        (lambda it: calls.refreshing(it.current), 400),
        (ENDINGS["a sign-out"].call, 200),
        (ENDINGS["a reuse"].call, 400),
    ],
    ids=["a refresh", "a sign-out", "a reuse"],
)
def test_who_comes_while_a_session_is_being_ended_waits_and_disturbs_nobody(
    other, settings, call, expected
):
    settings.TOKENAUTH = TOKENAUTH
    [target] = targets(1)
    with ThreadPoolExecutor(1) as pool:
        with transaction.atomic():
            session = Session.objects.select_for_update().get(pk=target.session)
            answers = pool.submit(other, [call(target)])
            until_somebody_waits()
            now = timezone.now()
            assert (
                sessions.revoke_of_user(session.user_id, RevokedReason.USER_DELETED, now=now) == 1
            )
        [(status, _)] = answers.result()
    assert status == expected
    nothing_works(target, [])
    is_written_down(target, ENDINGS["a deletion"])
