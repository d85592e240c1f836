"""``USE_TZ = False``: the database has naive local times, and tokens have Unix timestamps."""

from __future__ import annotations

from datetime import datetime

import pytest
from django.utils import timezone

from django_tokenauth import services
from django_tokenauth.conf.settings import load
from django_tokenauth.errors import InvalidGrant
from django_tokenauth.models import RevokedReason, Session
from django_tokenauth.tokens.refresh import refresh_tokens
from tests.support.client import get, post, sign_in
from tests.support.clock import NOW, after

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("alice", "zone")]


@pytest.fixture(params=["UTC", "Asia/Seoul", "America/New_York"])
def zone(request, settings, time_machine):
    settings.USE_TZ = False
    settings.TIME_ZONE = request.param
    # A timestamp, because a datetime with a zone would also change the process's time zone.
    time_machine.move_to(NOW.timestamp(), tick=False)
    return request.param


def local(time):
    """Return *time* as a naive local datetime, as the database stores it."""
    return datetime.fromtimestamp(time.timestamp())  # noqa: DTZ006


def refresh(token):
    return post("token/refresh/", {"refresh_token": token})


def test_naive_times_are_local_and_tokens_have_timestamps():
    tokens = sign_in()
    session = Session.objects.get()
    assert session.created_at == session.refreshed_at == local(NOW)
    assert session.idle_expires_at == local(after(days=14))
    assert session.absolute_expires_at == local(after(days=90))
    claims = services.authenticate_access_token(tokens["access_token"], now=NOW)
    assert claims.issued_at == claims.auth_time == NOW.timestamp()
    refreshed = refresh_tokens(load()).decode(tokens["refresh_token"], now=NOW.timestamp())
    assert refreshed.expires_at == after(days=14).timestamp()


def test_naive_times_use_the_time_zone_of_the_settings(zone):
    sign_in()
    hours = {"UTC": 12, "Asia/Seoul": 21, "America/New_York": 7}
    assert Session.objects.get().created_at.hour == hours[zone]


def test_grace_is_ten_seconds_with_naive_times(time_machine):
    first = sign_in()["refresh_token"]
    time_machine.move_to(after(minutes=1).timestamp(), tick=False)
    second = refresh(first).json()["refresh_token"]
    time_machine.move_to(after(minutes=1, seconds=10).timestamp(), tick=False)
    assert refresh(first).json()["refresh_token"] == second
    time_machine.move_to(after(minutes=1, seconds=10, microseconds=1).timestamp(), tick=False)
    assert refresh(first).status_code == 400
    assert Session.objects.get().revoked_reason == RevokedReason.REUSED


def test_session_expires_after_14_days_with_naive_times(time_machine):
    first = sign_in()["refresh_token"]
    time_machine.move_to(after(days=14, seconds=-1).timestamp(), tick=False)
    second = refresh(first).json()["refresh_token"]
    claims = refresh_tokens(load()).decode(second, now=after(days=14).timestamp())
    assert claims.issued_at == after(days=14, seconds=-1).timestamp()
    time_machine.move_to(after(days=28, seconds=-1).timestamp(), tick=False)
    assert refresh(second).status_code == 400


def test_snapshot_contains_a_sign_out_with_naive_times(time_machine):
    tokens = sign_in()
    assert get("/who/stateless/", tokens["access_token"]).status_code == 200
    post("token/revoke/", {"token": tokens["refresh_token"]})
    time_machine.move_to(after(seconds=10).timestamp(), tick=False)
    assert get("/who/stateless/", tokens["access_token"]).status_code == 401


def test_snapshot_ignores_the_time_zone_of_the_request(time_machine):
    tokens = sign_in()
    post("token/revoke/", {"token": tokens["refresh_token"]})
    time_machine.move_to(after(seconds=10).timestamp(), tick=False)
    # UTC+14 is east of all time zones of this test.
    with timezone.override("Pacific/Kiritimati"):
        assert get("/who/stateless/", tokens["access_token"]).status_code == 401


def test_services_accept_a_naive_now():
    tokens = sign_in()["refresh_token"]
    assert services.refresh(tokens, now=local(after(minutes=1))).session.generation == 2
    with pytest.raises(InvalidGrant):
        services.refresh(tokens, now=local(after(hours=1)))
