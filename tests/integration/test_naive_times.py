"""``USE_TZ = False``: the database has local times without a zone, tokens have seconds as ever."""

from __future__ import annotations

from datetime import datetime

import pytest
from django.utils import timezone

from django_tokenauth import services
from django_tokenauth.conf.settings import load
from django_tokenauth.errors import InvalidGrant
from django_tokenauth.models import RevokedReason, Session
from django_tokenauth.tokens.refresh import refresh_tokens
from tests.support.client import get, post
from tests.support.client import sign_in as signed_in
from tests.support.clock import NOW, after

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("alice", "zone")]


@pytest.fixture(params=["UTC", "Asia/Seoul", "America/New_York"])
def zone(request, settings, time_machine):
    settings.USE_TZ = False
    settings.TIME_ZONE = request.param
    # In seconds: a moment of a zone would bring its zone along.
    time_machine.move_to(NOW.timestamp(), tick=False)
    return request.param


def local(moment):
    """What stands in the database for that moment."""
    return datetime.fromtimestamp(moment.timestamp())  # noqa: DTZ006


def refresh(token):
    return post("token/refresh/", {"refresh_token": token})


def test_a_session_has_local_times_and_its_tokens_have_seconds():
    tokens = signed_in()
    session = Session.objects.get()
    assert session.created_at == session.refreshed_at == local(NOW)
    assert session.idle_expires_at == local(after(days=14))
    assert session.absolute_expires_at == local(after(days=90))
    claims = services.authenticate_access_token(tokens["access_token"], now=NOW)
    assert claims.issued_at == claims.auth_time == NOW.timestamp()
    refreshed = refresh_tokens(load()).decode(tokens["refresh_token"], now=NOW.timestamp())
    assert refreshed.expires_at == after(days=14).timestamp()


def test_the_hours_of_the_zone_are_not_those_of_the_token(zone):
    signed_in()
    hours = {"UTC": 12, "Asia/Seoul": 21, "America/New_York": 7}
    assert Session.objects.get().created_at.hour == hours[zone]


def test_the_grace_is_counted(time_machine):
    first = signed_in()["refresh_token"]
    time_machine.move_to(after(minutes=1).timestamp(), tick=False)
    second = refresh(first).json()["refresh_token"]
    time_machine.move_to(after(minutes=1, seconds=10).timestamp(), tick=False)
    assert refresh(first).json()["refresh_token"] == second
    time_machine.move_to(after(minutes=1, seconds=10, microseconds=1).timestamp(), tick=False)
    assert refresh(first).status_code == 400
    assert Session.objects.get().revoked_reason == RevokedReason.REUSED


def test_a_session_ends_when_it_should(time_machine):
    first = signed_in()["refresh_token"]
    time_machine.move_to(after(days=14, seconds=-1).timestamp(), tick=False)
    second = refresh(first).json()["refresh_token"]
    claims = refresh_tokens(load()).decode(second, now=after(days=14).timestamp())
    assert claims.issued_at == after(days=14, seconds=-1).timestamp()
    time_machine.move_to(after(days=28, seconds=-1).timestamp(), tick=False)
    assert refresh(second).status_code == 400


def test_the_snapshot_learns_of_a_sign_out(time_machine):
    tokens = signed_in()
    assert get("/who/stateless/", tokens["access_token"]).status_code == 200
    post("token/revoke/", {"token": tokens["refresh_token"]})
    time_machine.move_to(after(seconds=10).timestamp(), tick=False)
    assert get("/who/stateless/", tokens["access_token"]).status_code == 401


def test_the_snapshot_does_not_go_by_the_zone_of_a_request(time_machine):
    tokens = signed_in()
    post("token/revoke/", {"token": tokens["refresh_token"]})
    time_machine.move_to(after(seconds=10).timestamp(), tick=False)
    # Further to the east than all of the databases.
    with timezone.override("Pacific/Kiritimati"):
        assert get("/who/stateless/", tokens["access_token"]).status_code == 401


def test_the_services_take_a_naive_moment():
    tokens = signed_in()["refresh_token"]
    assert services.refresh(tokens, now=local(after(minutes=1))).session.generation == 2
    with pytest.raises(InvalidGrant):
        services.refresh(tokens, now=local(after(hours=1)))
