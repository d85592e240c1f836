"""Concurrent refreshes of one token, alone and with calls that revoke the session.

The clients are processes on PostgreSQL and MariaDB, and threads on SQLite.
``TOKENAUTH_TEST_ROUNDS`` and ``TOKENAUTH_TEST_CLIENTS`` make the tests longer.
"""

from __future__ import annotations

import os
from datetime import timedelta
from functools import partial

import pytest
from django.db import connection
from django.utils import timezone

from django_tokenauth import services
from django_tokenauth.conf.settings import load
from django_tokenauth.errors import InvalidGrant
from django_tokenauth.models import RevokedReason, Session
from django_tokenauth.tokens.refresh import refresh_tokens
from tests.campaigns.races.calls import refreshing
from tests.campaigns.races.options import ROUNDS_OF_MANY, TOKENAUTH
from tests.campaigns.races.worker_pool import worker_pool
from tests.support.session_rows import create_session

CLIENTS = int(os.environ.get("TOKENAUTH_TEST_CLIENTS", "64"))
PROCESSES = 0 if connection.vendor == "sqlite" else 8


pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(scope="module")
def clients(django_db_setup, django_db_blocker):
    with (
        django_db_blocker.unblock(),
        worker_pool(PROCESSES, CLIENTS // (PROCESSES or 1), TOKENAUTH=TOKENAUTH) as make,
    ):
        yield make


@pytest.fixture
def token(alice):
    return services.sign_in(alice).refresh_token


def refresh_error(token):
    """Return the error of a refresh with the token."""
    with pytest.raises(InvalidGrant) as error:
        services.refresh(token)
    return str(error.value)


@pytest.mark.promise(8)
@pytest.mark.attack(131, 143)
def test_concurrent_refreshes_rotate_the_token_once(clients, token, progress):
    row = progress(f"{CLIENTS} refreshes", ROUNDS_OF_MANY)
    for generation in range(2, ROUNDS_OF_MANY + 2):
        call = "observed", {"call": refreshing(token), "delays": []}
        responses = clients([call] * CLIENTS)
        assert [status for status, _ in responses] == [200] * CLIENTS
        writes = [
            sum(rows for verb, rows, _ in observed["statements"] if verb == "UPDATE")
            for _, observed in responses
        ]
        # A rotation that took longer than a second restarts the grace period by a second write.
        [written] = filter(None, writes)
        assert written in (1, 2)
        bodies = [observed["body"] for _, observed in responses]
        tokens = {body["refresh_token"] for body in bodies}
        assert len(tokens) <= written
        assert len({body["access_token"] for body in bodies}) == CLIENTS
        decode = partial(refresh_tokens(load()).decode, now=timezone.now().timestamp())
        session = Session.objects.get()
        assert {decode(each).generation for each in tokens} == {session.generation} == {generation}
        token = tokens.pop()
        assert session.revoked_at is None
        row.step()
    assert services.refresh(token).session.generation == ROUNDS_OF_MANY + 2


@pytest.mark.attack(130)
def test_concurrent_reuse_of_refresh_token_revokes_session(clients, token):
    services.refresh(services.refresh(token).refresh_token)
    responses = clients([refreshing(token)] * CLIENTS)
    assert {status for status, _ in responses} == {400}
    assert {body["error"] for _, body in responses} == {"invalid_grant"}
    session = Session.objects.get()
    assert (session.generation, session.revoked_reason) == (3, RevokedReason.REUSED)


@pytest.mark.attack(136, 137)
@pytest.mark.parametrize(
    ("revocation", "reason"),
    [
        (
            lambda token: ("post", {"path": "token/revoke/", "body": {"token": token}}),
            RevokedReason.SIGNED_OUT,
        ),
        (
            lambda token: ("change password", {"username": "alice", "password": "another"}),
            RevokedReason.USER_CHANGED,
        ),
    ],
    ids=["sign-out", "new-password"],
)
def test_session_revoked_during_parallel_refreshes_is_unusable(
    clients, alice, revocation, reason, progress
):
    row = progress(f"{reason.value} among {CLIENTS - 1} refreshes", ROUNDS_OF_MANY)
    for number in range(ROUNDS_OF_MANY):
        alice.refresh_from_db()
        token = services.sign_in(alice).refresh_token
        requests = [refreshing(token)] * CLIENTS
        # The position of the revocation moves from the first to the last requests.
        requests[number * CLIENTS // ROUNDS_OF_MANY] = revocation(token)
        responses = clients(requests)
        assert {status for status, _ in responses} <= {200, 400}
        session = Session.objects.latest("created_at")
        assert session.revoked_reason == reason
        tokens = {body.get("refresh_token", token) for _, body in responses}
        assert {refresh_error(each) for each in tokens} == {"invalid_grant"}
        row.step()


def test_concurrent_sign_ins_all_succeed(clients, alice):
    last_year = timezone.now() - timedelta(days=365)
    for _ in range(CLIENTS):
        create_session(alice, created_at=last_year, idle_expires_at=last_year)
    body = {"username": "alice", "password": "correct horse"}
    responses = clients([("post", {"path": "token/", "body": body})] * CLIENTS)
    assert [status for status, _ in responses] == [200] * CLIENTS
    services.sign_in(alice)
    assert services.list_sessions(alice).count() == 10
