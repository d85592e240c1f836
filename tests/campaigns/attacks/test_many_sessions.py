"""Sessions that are ended twice and for several reasons, and sessions by the thousand."""

from __future__ import annotations

import uuid
from datetime import timedelta

import pytest
import time_machine
from django.utils import timezone

from django_tokenauth import services
from django_tokenauth.models import RevokedReason, Session
from tests.support.client import INVALID_GRANT, call, get, outcome, post, sign_in

START = "2030-01-01T12:00:00Z"
SESSIONS = "/auth/sessions/"


def refresh(tokens):
    return post("token/refresh/", {"refresh_token": tokens["refresh_token"]})


def is_over(tokens):
    assert outcome(refresh(tokens)) == (400, INVALID_GRANT)
    assert outcome(post("token/verify/", {"token": tokens["access_token"]})) == (
        200,
        {"active": False},
    )
    assert get("/who/", tokens["access_token"]).status_code == 401
    assert get("/who/stateless/", tokens["access_token"]).status_code == 401


# What was decided about the session ...
def nothing(tokens):
    pass


def kept(tokens):
    answer = call("DELETE", f"{SESSIONS}?keep=current", tokens["access_token"])
    assert answer.status_code == 204


def signed_out(tokens):
    assert post("token/revoke/", {"token": tokens["refresh_token"]}).status_code == 200


# ... and what is about the user, each with the way back, if there is one.
def everywhere(user):
    services.sign_out_everywhere(user)
    return nothing


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
    return nothing


@pytest.mark.attack(139)
@pytest.mark.django_db
@pytest.mark.parametrize("of_session", [nothing, kept, signed_out])
@pytest.mark.parametrize("of_user", [everywhere, password, deactivation, deletion])
def test_the_strictest_of_all_decisions_counts_and_none_is_taken_back(alice, of_session, of_user):
    with time_machine.travel(START, tick=False) as clock:
        tokens = sign_in()
        of_session(tokens)
        undo = of_user(alice)
        # By then each process that only knows a list of them has read it.
        clock.shift(10)
        is_over(tokens)
        undo(alice)
        clock.shift(10)
        is_over(tokens)
        # In the other order: there is nothing left to decide, and nothing comes back.
        if alice.pk is not None:
            tokens = sign_in()
            of_user(alice)(alice)
            if of_session is signed_out:
                signed_out(tokens)
            clock.shift(10)
            is_over(tokens)


MANY = 10_000


@pytest.fixture
def many(alice):
    """The tokens of the oldest of ten thousand sessions, which began a second apart."""
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
def test_a_user_with_ten_thousand_sessions_keeps_the_newest_hundred(
    alice, many, django_assert_num_queries
):
    with time_machine.travel(START, tick=False):
        tokens = sign_in()
        with django_assert_num_queries(3):
            listed = get(SESSIONS, tokens["access_token"]).json()
        assert len(listed) == 100
        assert [each["current"] for each in listed] == [True] + [False] * 99
        newest = timezone.now() - timedelta(seconds=99)
        assert listed[-1]["created_at"] == newest.strftime("%Y-%m-%dT%H:%M:%SZ")
        ended = Session.objects.filter(revoked_reason=RevokedReason.EVICTED)
        assert ended.count() == MANY - 99
        assert outcome(refresh(many)) == (400, INVALID_GRANT)
        assert refresh(tokens).status_code == 200
