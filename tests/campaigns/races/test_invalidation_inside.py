"""The invalidation of a session between the read and the response of a refresh, by every event.

Another process invalidates the session while the refresh waits after its read. In the last test,
the other process waits for a transaction that revokes the session.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import transaction
from django.utils import timezone

from django_tokenauth.models import RevokedReason, Session
from django_tokenauth.sessions import store as sessions
from tests.campaigns.races import calls
from tests.campaigns.races.invalidations import INVALIDATIONS, create_targets
from tests.campaigns.races.options import TOKENAUTH
from tests.campaigns.races.rounds import assert_invalidation_stored, assert_session_unusable
from tests.campaigns.races.waiting import wait_for_blocked_connection
from tests.campaigns.races.worker_pool import worker_pool

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(scope="module")
def other_process(django_db_setup, django_db_blocker):
    with django_db_blocker.unblock(), worker_pool(1, 1, TOKENAUTH=TOKENAUTH) as make:
        yield make


@pytest.fixture
def refresh_during(settings, other_process):
    """Refresh with a token. The other process makes the call after the session was read."""

    def refresh_during(token, call):
        responses = []

        def call_in_other_process(user, session, request):
            if not responses:
                responses.extend(other_process([call]))
            return {}

        settings.TOKENAUTH = {**TOKENAUTH, "EXTRA_CLAIMS": call_in_other_process}
        status, observed = calls.make(("observed", {"call": calls.refreshing(token), "delays": []}))
        settings.TOKENAUTH = TOKENAUTH
        [(invalidated, _)] = responses
        return invalidated, {"status": status, **observed}

    return refresh_during


@pytest.mark.promise(6)
@pytest.mark.attack(136, 137)
@pytest.mark.parametrize("name", INVALIDATIONS)
def test_session_invalidated_during_a_refresh_is_unusable(refresh_during, name):
    invalidation = INVALIDATIONS[name]
    rotating, repeated = create_targets(2)
    status, refresh = refresh_during(rotating.current, invalidation.call(rotating))
    assert status == invalidation.status
    # A bare UPDATE of the user does not change the session, so the refresh rotates it.
    assert refresh["status"] == (400 if invalidation.reason else 200)
    assert [verb for verb, _, _ in refresh["statements"]][:2] == ["SELECT", "UPDATE"]
    assert_session_unusable(rotating, [refresh])
    assert_invalidation_stored(rotating, invalidation)
    # A repeated refresh writes nothing and succeeds, but its tokens are unusable.
    status, refresh = refresh_during(repeated.predecessor, invalidation.call(repeated))
    assert (status, refresh["status"]) == (invalidation.status, 200)
    assert [verb for verb, _, _ in refresh["statements"]] == ["SELECT"]
    assert_session_unusable(repeated, [refresh])
    assert_invalidation_stored(repeated, invalidation)


# Statements with another order of locks would cause a deadlock.
@pytest.mark.attack(136, 137)
@pytest.mark.parametrize(
    ("call", "expected"),
    [
        (lambda target: calls.refreshing(target.current), 400),
        (INVALIDATIONS["sign-out"].call, 200),
        (INVALIDATIONS["reuse"].call, 400),
    ],
    ids=["refresh", "sign-out", "reuse"],
)
def test_request_during_revocation_waits_without_deadlock(other_process, settings, call, expected):
    settings.TOKENAUTH = TOKENAUTH
    [target] = create_targets(1)
    with ThreadPoolExecutor(1) as pool:
        with transaction.atomic():
            session = Session.objects.select_for_update().get(pk=target.session)
            responses = pool.submit(other_process, [call(target)])
            wait_for_blocked_connection()
            now = timezone.now()
            assert (
                sessions.revoke_of_user(session.user_id, RevokedReason.USER_DELETED, now=now) == 1
            )
        [(status, _)] = responses.result()
    assert status == expected
    assert_session_unusable(target, [])
    assert_invalidation_stored(target, INVALIDATIONS["user-deletion"])
