"""Refreshes of one token at the same moment, alone and against what ends the session.

On PostgreSQL and MariaDB the clients are processes, on SQLite threads. ``TOKENAUTH_TEST_ROUNDS``
and ``TOKENAUTH_TEST_CLIENTS`` make it longer.
"""

from __future__ import annotations

import os
from datetime import timedelta

import pytest
from django.db import connection
from django.utils import timezone

from django_tokenauth import services
from django_tokenauth.conf.settings import load
from django_tokenauth.errors import InvalidGrant
from django_tokenauth.models import RevokedReason, Session
from django_tokenauth.tokens.refresh import refresh_tokens
from tests.campaigns.races.calls import refreshing
from tests.campaigns.races.options import ROUNDS, TOKENAUTH
from tests.campaigns.races.worker_pool import crowd
from tests.support.session_rows import made

CLIENTS = int(os.environ.get("TOKENAUTH_TEST_CLIENTS", "64"))
PROCESSES = 0 if connection.vendor == "sqlite" else 8


pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(scope="module")
def clients(django_db_setup, django_db_blocker):
    with (
        django_db_blocker.unblock(),
        crowd(PROCESSES, CLIENTS // (PROCESSES or 1), TOKENAUTH=TOKENAUTH) as make,
    ):
        yield make


@pytest.fixture
def token(alice):
    return services.sign_in(alice).refresh_token


def refusal(token):
    """What a refresh with the token is answered when all is over."""
    with pytest.raises(InvalidGrant) as error:
        services.refresh(token)
    return str(error.value)


@pytest.mark.promise(8)
@pytest.mark.attack(131, 143)
def test_one_rotates_and_all_get_the_same_token(clients, token):
    for generation in range(2, ROUNDS + 2):
        wanted = "observed", {"call": refreshing(token), "pauses": []}
        answers = clients([wanted] * CLIENTS)
        assert [status for status, _ in answers] == [200] * CLIENTS
        written = [
            rows
            for _, observed in answers
            for verb, rows, _ in observed["statements"]
            if verb == "UPDATE"
        ]
        assert sum(written) == 1
        bodies = [observed["body"] for _, observed in answers]
        [token] = {body["refresh_token"] for body in bodies}
        assert len({body["access_token"] for body in bodies}) == CLIENTS
        claims = refresh_tokens(load()).decode(token, now=timezone.now().timestamp())
        session = Session.objects.get()
        assert claims.generation == session.generation == generation
        assert session.revoked_at is None
    assert services.refresh(token).session.generation == ROUNDS + 2


@pytest.mark.attack(130)
def test_a_token_that_was_stolen_is_found_by_all_and_written_down_once(clients, token):
    services.refresh(services.refresh(token).refresh_token)
    answers = clients([refreshing(token)] * CLIENTS)
    assert {status for status, _ in answers} == {400}
    assert {body["error"] for _, body in answers} == {"invalid_grant"}
    session = Session.objects.get()
    assert (session.generation, session.revoked_reason) == (3, RevokedReason.REUSED)


@pytest.mark.attack(136, 137)
@pytest.mark.parametrize(
    ("ending", "reason"),
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
    ids=["a sign-out", "a new password"],
)
def test_after_its_end_no_token_of_a_session_is_good(clients, alice, ending, reason):
    for number in range(ROUNDS // 2):
        alice.refresh_from_db()
        token = services.sign_in(alice).refresh_token
        wanted = [refreshing(token)] * CLIENTS
        # Among the first, among the last, and in between.
        wanted[number * CLIENTS // ROUNDS * 2 % CLIENTS] = ending(token)
        answers = clients(wanted)
        assert {status for status, _ in answers} <= {200, 400}
        session = Session.objects.latest("created_at")
        assert session.revoked_reason == reason
        given = {body.get("refresh_token", token) for _, body in answers}
        assert {refusal(each) for each in given} == {"invalid_grant"}


def test_sign_ins_at_the_same_moment_do_not_hurt_each_other(clients, alice):
    last_year = timezone.now() - timedelta(days=365)
    for _ in range(CLIENTS):
        made(alice, created_at=last_year, idle_expires_at=last_year)
    body = {"username": "alice", "password": "correct horse"}
    answers = clients([("post", {"path": "token/", "body": body})] * CLIENTS)
    assert [status for status, _ in answers] == [200] * CLIENTS
    services.sign_in(alice)
    assert services.list_sessions(alice).count() == 10
