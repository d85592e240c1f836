"""``USE_TZ = False``: rows and tokens are in UTC, whatever the local time is."""

from __future__ import annotations

from datetime import datetime

import pytest
from django.contrib.auth import get_user_model
from django.db import connection
from django.test import Client
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
    """Return *time* as ``timezone.now()`` returns it: local, without ``tzinfo``."""
    return datetime.fromtimestamp(time.timestamp())  # noqa: DTZ006


def refresh(token):
    return post("token/refresh/", {"refresh_token": token})


def test_session_and_token_times_are_utc_with_use_tz_false():
    tokens = sign_in()
    session = Session.objects.get()
    assert session.created_at == session.refreshed_at == NOW
    assert session.idle_expires_at == after(days=14)
    assert session.absolute_expires_at == after(days=90)
    claims = services.authenticate_access_token(tokens["access_token"], now=NOW)
    assert claims.issued_at == claims.auth_time == NOW.timestamp()
    refreshed = refresh_tokens(load()).decode(tokens["refresh_token"], now=NOW.timestamp())
    assert refreshed.expires_at == after(days=14).timestamp()


def test_session_times_are_stored_in_utc_with_use_tz_false():
    sign_in()
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute("SET TIME ZONE 'UTC'")
        # As text, because drivers convert times to the time zone of the settings.
        kind = "TEXT" if connection.vendor != "mysql" else "CHAR"
        cursor.execute(f"SELECT CAST(created_at AS {kind}) FROM django_tokenauth_session")  # noqa: S608
        [[stored]] = cursor.fetchall()
    assert stored.startswith("2026-11-23 12:00:00")


def test_naive_times_in_queries_are_local():
    sign_in()
    for seconds, found in ((-1, True), (0, False)):
        then = local(after(seconds=seconds))
        assert Session.objects.filter(created_at__gt=then).exists() is found


def test_session_list_shows_times_in_utc_with_use_tz_false():
    tokens = sign_in()
    [session] = get("/auth/sessions/", tokens["access_token"]).json()
    assert session["created_at"] == "2026-11-23T12:00:00Z"


def test_admin_shows_times_in_the_zone_of_the_settings(zone):
    sign_in()
    client = Client()
    client.force_login(get_user_model().objects.create_superuser("root"))
    shown = {"UTC": "noon", "Asia/Seoul": "9 p.m.", "America/New_York": "7 a.m."}[zone]
    path = "/admin/django_tokenauth/session/"
    for page in (path, f"{path}{Session.objects.get().pk}/change/"):
        assert f"Nov. 23, 2026, {shown}" in client.get(page).content.decode()


def test_grace_is_ten_seconds_with_naive_times(time_machine):
    first = sign_in()["refresh_token"]
    time_machine.move_to(after(minutes=1).timestamp(), tick=False)
    second = refresh(first).json()["refresh_token"]
    time_machine.move_to(after(minutes=1, seconds=10).timestamp(), tick=False)
    assert refresh(first).json()["refresh_token"] == second
    time_machine.move_to(after(minutes=1, seconds=10, microseconds=1).timestamp(), tick=False)
    assert refresh(first).status_code == 400
    assert Session.objects.get().revoked_reason == RevokedReason.REUSED


def test_session_expires_14_days_after_refresh_with_naive_times(time_machine):
    first = sign_in()["refresh_token"]
    time_machine.move_to(after(days=14, seconds=-1).timestamp(), tick=False)
    second = refresh(first).json()["refresh_token"]
    claims = refresh_tokens(load()).decode(second, now=after(days=14).timestamp())
    assert claims.issued_at == after(days=14, seconds=-1).timestamp()
    time_machine.move_to(after(days=28, seconds=-1).timestamp(), tick=False)
    assert refresh(second).status_code == 400


def test_sign_out_reaches_stateless_view_with_naive_times(time_machine):
    tokens = sign_in()
    assert get("/who/stateless/", tokens["access_token"]).status_code == 200
    post("token/revoke/", {"token": tokens["refresh_token"]})
    time_machine.move_to(after(seconds=10).timestamp(), tick=False)
    assert get("/who/stateless/", tokens["access_token"]).status_code == 401


def test_revocation_snapshot_ignores_time_zone_of_the_request(time_machine):
    tokens = sign_in()
    post("token/revoke/", {"token": tokens["refresh_token"]})
    time_machine.move_to(after(seconds=10).timestamp(), tick=False)
    # UTC+14 is east of all time zones of this test.
    with timezone.override("Pacific/Kiritimati"):
        assert get("/who/stateless/", tokens["access_token"]).status_code == 401


def test_refresh_accepts_a_naive_time_as_now():
    tokens = sign_in()["refresh_token"]
    assert services.refresh(tokens, now=local(after(minutes=1))).session.generation == 2
    with pytest.raises(InvalidGrant):
        services.refresh(tokens, now=local(after(hours=1)))
