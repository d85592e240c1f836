"""Sessions revoked twice for different reasons, and a user with 10,000 sessions."""

from __future__ import annotations

import uuid
from datetime import timedelta

import pytest
import time_machine
from django.utils import timezone

from django_tokenauth import services
from django_tokenauth.models import RevokedReason, Session
from tests.support.client import (
    INVALID_ACCESS_TOKEN,
    SESSION_ENDED,
    call,
    get,
    post,
    sign_in,
    status_and_json,
)

START = "2030-01-01T12:00:00Z"
SESSIONS = "/auth/sessions/"


def refresh(tokens):
    return post("token/refresh/", {"refresh_token": tokens["refresh_token"]})


def assert_revoked(tokens):
    assert status_and_json(refresh(tokens)) == (400, SESSION_ENDED)
    assert status_and_json(post("token/verify/", {"token": tokens["access_token"]})) == (
        401,
        INVALID_ACCESS_TOKEN,
    )
    assert get("/who/", tokens["access_token"]).status_code == 401
    assert get("/who/stateless/", tokens["access_token"]).status_code == 401


# Each of these functions revokes the session, except the first two.
def unchanged(tokens):
    pass


def kept(tokens):
    response = call("DELETE", f"{SESSIONS}?keep=current", tokens["access_token"])
    assert response.status_code == 204


def signed_out(tokens):
    assert post("token/revoke/", {"token": tokens["refresh_token"]}).status_code == 200


# Each of these functions revokes all sessions of the user and returns its inverse.
def everywhere(user):
    services.sign_out_everywhere(user)
    return unchanged


def password(user):
    before = user.password
    user.set_password("another")
    user.save()

    def undo(user):
        user.password = before
        user.save()

    return undo


def deactivation(user):
    user.is_active = False
    user.save()

    def undo(user):
        user.is_active = True
        user.save()

    return undo


def deletion(user):
    user.delete()
    return unchanged


@pytest.mark.attack(139)
@pytest.mark.django_db
@pytest.mark.parametrize("revoke_session", [unchanged, kept, signed_out])
@pytest.mark.parametrize("change_user", [everywhere, password, deactivation, deletion])
def test_session_revoked_by_several_events_stays_revoked(alice, revoke_session, change_user):
    with time_machine.travel(START, tick=False) as clock:
        tokens = sign_in()
        revoke_session(tokens)
        undo = change_user(alice)
        # Wait until the list of revocations has been polled.
        clock.shift(10)
        assert_revoked(tokens)
        undo(alice)
        clock.shift(10)
        assert_revoked(tokens)
        # In the other order, the session stays revoked too.
        if alice.pk is not None:
            tokens = sign_in()
            change_user(alice)(alice)
            if revoke_session is signed_out:
                signed_out(tokens)
            clock.shift(10)
            assert_revoked(tokens)


MANY = 10_000


@pytest.fixture
def oldest_tokens(alice):
    """Create 10,000 sessions a second apart and return the tokens of the oldest."""
    with time_machine.travel(START, tick=False) as clock:
        clock.shift(-MANY)
        oldest = sign_in()
        first = Session.objects.get()
        row = Session.objects.values().get()
        Session.objects.bulk_create(
            Session(
                **{
                    **row,
                    "id": uuid.uuid4(),
                    "created_at": first.created_at + timedelta(seconds=second),
                }
            )
            for second in range(1, MANY)
        )
        return oldest


@pytest.mark.attack(144)
@pytest.mark.django_db
def test_sign_in_with_10000_sessions_keeps_newest_100(
    alice, oldest_tokens, django_assert_num_queries
):
    with time_machine.travel(START, tick=False):
        tokens = sign_in()
        with django_assert_num_queries(3):
            listed = get(SESSIONS, tokens["access_token"]).json()
        assert len(listed) == 100
        assert [each["current"] for each in listed] == [True] + [False] * 99
        newest = timezone.now() - timedelta(seconds=99)
        assert listed[-1]["created_at"] == newest.strftime("%Y-%m-%dT%H:%M:%SZ")
        evicted = Session.objects.filter(revoked_reason=RevokedReason.EVICTED)
        assert evicted.count() == MANY - 99
        assert status_and_json(refresh(oldest_tokens)) == (400, SESSION_ENDED)
        assert refresh(tokens).status_code == 200
