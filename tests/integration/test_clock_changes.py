"""Daylight saving time begins and ends in a project with ``USE_TZ = False``."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from io import StringIO

import pytest
from django.contrib.auth import get_user_model
from django.core.management import call_command
from django.db import connection

from django_tokenauth import services
from django_tokenauth.conf.settings import load
from django_tokenauth.models import RevokedReason, Session
from tests.support.client import get, post, sign_in

pytestmark = [pytest.mark.attack(189), pytest.mark.django_db, pytest.mark.usefixtures("alice")]

# Clocks in Berlin go from 02:00 to 03:00, and from 03:00 back to 02:00. On Lord Howe Island, they
# change by half an hour.
CHANGES = {
    "forward": ("Europe/Berlin", datetime(2026, 3, 29, 1, tzinfo=UTC)),
    "back": ("Europe/Berlin", datetime(2026, 10, 25, 1, tzinfo=UTC)),
    "half an hour forward": ("Australia/Lord_Howe", datetime(2026, 10, 3, 15, 30, tzinfo=UTC)),
    "half an hour back": ("Australia/Lord_Howe", datetime(2026, 4, 4, 15, tzinfo=UTC)),
    "new year": ("America/New_York", datetime(2027, 1, 1, 5, tzinfo=UTC)),
}


@pytest.fixture(params=CHANGES.values(), ids=CHANGES)
def change(request):
    return request.param


@pytest.fixture(params=["use_tz off", "local database"])
def _local_times(request, settings, change):
    """The two ways to local times: ``USE_TZ = False``, or ``TIME_ZONE`` of the database."""
    if request.param == "use_tz off":
        settings.USE_TZ = False
        settings.TIME_ZONE = change[0]
        yield
        return
    connection.settings_dict["TIME_ZONE"] = change[0]
    connection.__dict__.pop("timezone", None)
    connection.__dict__.pop("timezone_name", None)
    connection.ensure_timezone()
    yield
    connection.settings_dict["TIME_ZONE"] = None
    connection.__dict__.pop("timezone", None)
    connection.__dict__.pop("timezone_name", None)
    connection.ensure_timezone()


@pytest.fixture
def move(change, _local_times, time_machine):
    """Return a function that sets the clock to some time before or after the change."""

    def move(**after_change):
        moment = change[1] + timedelta(**after_change)
        # A timestamp, because a datetime with a zone would also change the process's time zone.
        time_machine.move_to(moment.timestamp(), tick=False)
        return moment

    return move


def refresh(token):
    return post("token/refresh/", {"refresh_token": token})


def test_dst_change_keeps_the_times_of_sessions(move, alice):
    for minutes in (-90, -30, 0, 30, 90):
        moment = move(minutes=minutes)
        pair = services.sign_in(alice)
        session = Session.objects.get(pk=pair.session.pk)
        assert session.created_at == session.refreshed_at == moment
        assert session.idle_expires_at - moment == timedelta(days=14)
        assert session.absolute_expires_at - moment == timedelta(days=90)


def test_dst_change_keeps_the_order_of_sessions(move):
    moments = []
    for minutes in range(-90, 91, 30):
        moments.append(move(minutes=minutes))
        sign_in()
    rows = Session.objects.order_by("created_at")
    assert list(rows.values_list("created_at", flat=True)) == sorted(moments)
    for moment in moments:
        assert Session.objects.filter(created_at__lt=moment).count() == moments.index(moment)


@pytest.mark.parametrize("minutes", [-1, 0, 59])
def test_dst_change_keeps_revoked_tokens_invalid(move, minutes):
    move(minutes=minutes)
    tokens = sign_in()
    post("token/revoke/", {"token": tokens["refresh_token"]})
    for seconds in range(0, 300, 30):
        move(minutes=minutes, seconds=seconds)
        # A new worker reads the snapshot for the first time.
        load.cache_clear()
        for path in ("/who/stateless/", "/who/"):
            assert get(path, tokens["access_token"]).status_code == 401
        assert refresh(tokens["refresh_token"]).status_code == 400


def test_dst_change_within_the_grace_revokes_no_session(move):
    move(seconds=-5)
    first = sign_in()["refresh_token"]
    second = refresh(first).json()["refresh_token"]
    move(seconds=5)
    assert refresh(first).json()["refresh_token"] == second
    assert refresh(second).status_code == 200


def test_dst_change_does_not_extend_the_grace(move):
    move(seconds=-30)
    first = sign_in()["refresh_token"]
    refresh(first)
    move(seconds=30)
    assert refresh(first).status_code == 400
    assert Session.objects.get().revoked_reason == RevokedReason.REUSED


def test_dst_change_does_not_move_the_expiry_of_a_session(move, settings):
    settings.TOKENAUTH = {"REFRESH_TOKEN_LIFETIME": timedelta(minutes=20)}
    move(minutes=-10)
    token = sign_in()["refresh_token"]
    move(minutes=9, seconds=59)
    token = refresh(token).json()["refresh_token"]
    move(minutes=30)
    assert refresh(token).status_code == 400


def test_dst_change_does_not_change_the_session_retention(move, settings):
    settings.TOKENAUTH = {"SESSION_RETENTION": timedelta(minutes=30)}
    move(minutes=-20)
    tokens = sign_in()
    post("token/revoke/", {"token": tokens["refresh_token"]})
    for minutes, left in ((9, 1), (11, 0)):
        move(minutes=minutes)
        call_command("tokenauth_prune", stdout=StringIO())
        assert Session.objects.count() == left


def test_dst_change_keeps_revocations_by_password_changes(move):
    move(seconds=-60)
    tokens = sign_in()
    alice = get_user_model().objects.get()
    alice.set_password("a new password")
    alice.save()
    move(seconds=60)
    load.cache_clear()
    assert get("/who/stateless/", tokens["access_token"]).status_code == 401
