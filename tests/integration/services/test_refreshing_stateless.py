"""Refreshes with ``STATELESS_REFRESH``, where the token carries the values of the row."""

from __future__ import annotations

import uuid
from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from django_tokenauth import services, signals
from django_tokenauth.conf.settings import load
from django_tokenauth.errors import InvalidGrant, InvalidScope
from django_tokenauth.models import Session
from django_tokenauth.services import refresh
from django_tokenauth.tokens.refresh import refresh_tokens
from tests.support.clock import NOW, after
from tests.support.signal_capture import received

READ, WRITE = "notes:read", "notes:write"
STATELESS = {"STATELESS_REFRESH": True, "SCOPES": (READ, WRITE)}


@pytest.fixture(autouse=True)
def _stateless(settings):
    settings.TOKENAUTH = STATELESS


@pytest.fixture
def pair(alice):
    return services.sign_in(alice, client_id="a phone", amr=("pwd",), now=NOW)


def read(pair, now):
    return refresh_tokens(load()).decode(pair.refresh_token, now=now.timestamp())


def access(pair, now):
    return services.authenticate_access_token(pair.access_token, now=now)


@pytest.mark.django_db
def test_stateless_services_do_not_use_the_session_table(alice):
    with CaptureQueriesContext(connection) as statements:
        pair = refresh(services.sign_in(alice, now=NOW).refresh_token, now=after(minutes=1))
        assert services.get_user(access(pair, after(minutes=1))) == alice
        assert list(services.list_sessions(alice)) == []
        assert services.sign_out(alice, str(uuid.uuid4())) is False
        assert services.sign_out_everywhere(alice) == 0
        alice.set_password("another")
        alice.save()
        refresh(pair.refresh_token, now=after(minutes=2))
    assert not [query for query in statements if Session._meta.db_table in query["sql"]]


@pytest.mark.django_db
class TestRefresh:
    def test_stateless_refresh_takes_one_select_of_the_user(self, alice, pair):
        with CaptureQueriesContext(connection) as statements:
            refresh(pair.refresh_token, now=after(minutes=1))
        [statement] = statements
        assert statement["sql"].startswith("SELECT")
        assert alice._meta.db_table in statement["sql"]
        assert Session._meta.db_table not in statement["sql"]

    def test_stateless_refresh_keeps_the_sign_in_claims(self, alice, pair):
        now = after(days=1)
        new = refresh(pair.refresh_token, now=now)
        claims = read(new, now)
        assert claims.subject == str(alice.pk)
        assert (claims.session_id, claims.generation) == (read(pair, NOW).session_id, 2)
        assert claims.sign_in.auth_time == NOW.timestamp()
        assert claims.sign_in.client_id == "a phone"
        assert claims.sign_in.amr == ("pwd",)
        assert claims.sign_in.scope == {READ, WRITE}
        assert (claims.issued_at, claims.expires_at) == (
            now.timestamp(),
            after(days=15).timestamp(),
        )

    def test_stateless_access_token_has_no_session_id(self, alice, pair):
        claims = access(refresh(pair.refresh_token, now=after(days=1)), after(days=1))
        assert claims.session_id is None
        assert (claims.auth_time, claims.client_id, claims.amr) == (
            NOW.timestamp(),
            "a phone",
            ("pwd",),
        )

    def test_stateless_refresh_token_can_be_used_repeatedly(self, pair):
        for hours in (1, 2, 3):
            assert read(refresh(pair.refresh_token, now=after(hours=hours)), after(hours=hours))

    def test_stateless_refreshed_signal_has_no_session(self, alice, pair):
        request = object()
        with received(signals.refreshed) as calls:
            refresh(pair.refresh_token, request=request, now=after(days=1))
        assert calls == [{"sender": None, "session": None, "user": alice, "request": request}]

    def test_stateless_refresh_token_expires_after_14_days(self, pair):
        refresh(pair.refresh_token, now=after(days=14, seconds=-1))
        with pytest.raises(InvalidGrant):
            refresh(pair.refresh_token, now=after(days=14))

    @pytest.mark.attack(140)
    def test_stateless_refresh_keeps_the_absolute_expiry(self, pair):
        for day in (*range(10, 90, 10), 90 - 1 / 86400):
            now = after(days=day)
            pair = refresh(pair.refresh_token, now=now)
            assert read(pair, now).expires_at == min(
                after(days=day + 14).timestamp(), after(days=90).timestamp()
            )
        assert pair.expires_in == 1
        with pytest.raises(InvalidGrant):
            refresh(pair.refresh_token, now=after(days=90))

    def test_shortened_session_lifetime_limits_stateless_refresh(self, pair, settings, caplog):
        caplog.set_level("INFO", logger="django_tokenauth")
        settings.TOKENAUTH = {**STATELESS, "SESSION_LIFETIME": timedelta(days=2)}
        new = refresh(pair.refresh_token, now=after(days=1))
        assert read(new, after(days=1)).expires_at == after(days=2).timestamp()
        with pytest.raises(InvalidGrant):
            refresh(pair.refresh_token, now=after(days=2))
        assert caplog.records[-1].message == "refresh rejected: expired"

    def test_stateless_refresh_before_not_before_is_rejected(self, pair, settings, caplog):
        caplog.set_level("INFO", logger="django_tokenauth")
        settings.TOKENAUTH = {**STATELESS, "NOT_BEFORE": after(seconds=1)}
        with pytest.raises(InvalidGrant):
            refresh(pair.refresh_token, now=after(days=1))
        assert caplog.records[-1].message == "refresh rejected: revoked"

    def test_stateless_refresh_narrows_scope_of_one_access_token(self, pair):
        narrow = refresh(pair.refresh_token, scope=[READ], now=after(days=1))
        assert access(narrow, after(days=1)).scope == narrow.scope == {READ}
        assert refresh(narrow.refresh_token, now=after(days=2)).scope == {READ, WRITE}

    def test_stateless_refresh_with_wider_scope_is_rejected(self, alice):
        pair = services.sign_in(alice, scope=[READ], now=NOW)
        with pytest.raises(InvalidScope):
            refresh(pair.refresh_token, scope=[WRITE], now=after(days=1))
        assert refresh(pair.refresh_token, now=after(days=1)).scope == {READ}

    def test_stateless_refresh_without_scope_keeps_empty_scope(self, alice, settings):
        settings.TOKENAUTH = {"STATELESS_REFRESH": True}
        pair = services.sign_in(alice, now=NOW)
        settings.TOKENAUTH = STATELESS
        assert refresh(pair.refresh_token, now=after(days=1)).scope == frozenset()

    def test_stateless_refresh_by_another_client_is_rejected(self, pair):
        with pytest.raises(InvalidGrant):
            refresh(pair.refresh_token, client_id="a browser", now=after(days=1))
        assert refresh(pair.refresh_token, client_id="a phone", now=after(days=1))

    @pytest.mark.attack(94)
    @pytest.mark.parametrize("way", ["deactivated", "deleted"])
    def test_stateless_refresh_rejects_inactive_and_deleted_users(self, alice, pair, way, caplog):
        caplog.set_level("INFO", logger="django_tokenauth")
        if way == "deleted":
            alice.delete()
        else:
            alice.is_active = False
            alice.save()
        with pytest.raises(InvalidGrant):
            refresh(pair.refresh_token, now=after(days=1))
        assert caplog.records[-1].message == "refresh rejected: user"


@pytest.mark.django_db
class TestOtherMode:
    def test_session_refresh_token_in_stateless_mode_is_rejected(self, alice, settings, caplog):
        caplog.set_level("INFO", logger="django_tokenauth")
        settings.TOKENAUTH = {}
        pair = services.sign_in(alice, now=NOW)
        settings.TOKENAUTH = STATELESS
        with pytest.raises(InvalidGrant):
            refresh(pair.refresh_token, now=after(days=1))
        assert caplog.records[-1].message == "refresh rejected: claims"

    def test_stateless_refresh_token_in_session_mode_is_rejected(self, pair, settings, caplog):
        caplog.set_level("INFO", logger="django_tokenauth")
        settings.TOKENAUTH = {}
        with pytest.raises(InvalidGrant):
            refresh(pair.refresh_token, now=after(days=1))
        assert caplog.records[-1].message == "refresh rejected: revoked"
