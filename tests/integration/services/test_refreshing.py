"""Rotation, grace period and reuse of refresh tokens."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from django_tokenauth import services, signals
from django_tokenauth.conf.settings import load
from django_tokenauth.errors import InvalidGrant, InvalidToken, TokenErrorCode
from django_tokenauth.models import RevokedReason, Session
from django_tokenauth.services import refresh
from django_tokenauth.sessions.log_ids import log_id
from django_tokenauth.tokens.refresh import refresh_tokens
from tests.support.clock import NOW, after
from tests.support.signal_capture import received

pytestmark = pytest.mark.django_db


@pytest.fixture
def pair(alice):
    return services.sign_in(alice, client_id="a phone", amr=("pwd",), now=NOW)


def row(pair):
    return Session.objects.get(pk=pair.session.pk)


def read(token, now):
    return refresh_tokens(load()).decode(token, now=now.timestamp())


def rotate_times(pair, times, *, every):
    """Return the refresh token of *pair* and those of *times* rotations after it."""
    tokens = [pair.refresh_token]
    for number in range(1, times + 1):
        tokens.append(refresh(tokens[-1], now=NOW + number * every).refresh_token)
    return tokens


class TestRotation:
    def test_refresh_returns_refresh_token_of_the_next_generation(self, alice, pair):
        now = after(days=1)
        new = refresh(pair.refresh_token, now=now)
        claims = read(new.refresh_token, now)
        assert (claims.session_id, claims.generation) == (str(pair.session.pk), 2)
        assert claims.subject == str(alice.pk)
        assert claims.issued_at == now.timestamp()
        assert claims.expires_at == after(days=15).timestamp()
        assert (new.user, new.session) == (alice, pair.session)

    @pytest.mark.promise(11)
    @pytest.mark.standard("rfc9700-4.14.2-4")
    def test_refresh_extends_idle_expiry_but_not_absolute_expiry(self, pair):
        refresh(pair.refresh_token, now=after(days=1))
        session = row(pair)
        assert session.generation == 2
        assert session.refreshed_at == after(days=1)
        assert session.idle_expires_at == after(days=15)
        assert session.absolute_expires_at == after(days=90)
        assert session.created_at == NOW
        assert session.revoked_at is None

    def test_refresh_returns_the_updated_session(self, pair):
        session = refresh(pair.refresh_token, now=after(days=1)).session
        assert (session.generation, session.idle_expires_at) == (2, after(days=15))

    @pytest.mark.standard("rfc6749-5.1-2")
    def test_refresh_returns_access_token_with_sign_in_claims(self, alice, pair):
        now = after(days=1)
        new = refresh(pair.refresh_token, now=now)
        claims = services.authenticate_access_token(new.access_token, now=now)
        assert claims.subject == str(alice.pk)
        assert claims.session_id == str(pair.session.pk)
        assert claims.auth_time == NOW.timestamp()
        assert (claims.client_id, claims.amr) == ("a phone", ("pwd",))
        assert claims.issued_at == now.timestamp()
        assert new.expires_in == claims.expires_at - claims.issued_at == 300

    def test_refreshes_keep_one_row_per_session(self, pair):
        rotate_times(pair, 5, every=timedelta(hours=1))
        assert [session.generation for session in Session.objects.all()] == [6]

    def test_refresh_takes_two_statements(self, pair, django_assert_num_queries):
        with django_assert_num_queries(2):
            refresh(pair.refresh_token, now=after(days=1))

    def test_refresh_within_grace_sends_no_second_refreshed_signal(self, alice, pair):
        request = object()
        with received(signals.refreshed) as calls:
            refresh(pair.refresh_token, request=request, now=after(days=1))
            refresh(pair.refresh_token, request=request, now=after(days=1, seconds=1))
        assert calls == [
            {"sender": Session, "session": pair.session, "user": alice, "request": request}
        ]


class TestGrace:
    def test_refresh_within_grace_returns_the_same_refresh_token(self, pair):
        current = refresh(pair.refresh_token, now=after(minutes=1, microseconds=250_000))
        repeated = refresh(pair.refresh_token, now=after(minutes=1, seconds=9))
        assert repeated.refresh_token == current.refresh_token
        assert repeated.session.generation == 2

    def test_refresh_within_grace_returns_new_access_token(self, pair):
        current = refresh(pair.refresh_token, now=after(minutes=1))
        now = after(minutes=1, seconds=9)
        repeated = refresh(pair.refresh_token, now=now)
        claims = services.authenticate_access_token(repeated.access_token, now=now)
        assert claims.issued_at == now.timestamp()
        assert repeated.access_token != current.access_token

    def test_refresh_within_grace_takes_one_select(self, pair):
        refresh(pair.refresh_token, now=after(minutes=1))
        before = Session.objects.values().get()
        with CaptureQueriesContext(connection) as statements:
            refresh(pair.refresh_token, now=after(minutes=1, seconds=9))
        assert [statement["sql"][:6] for statement in statements] == ["SELECT"]
        assert Session.objects.values().get() == before

    def test_grace_expires_after_exactly_ten_seconds(self, pair):
        refresh(pair.refresh_token, now=after(minutes=1))
        refresh(pair.refresh_token, now=after(minutes=1, seconds=10))
        with pytest.raises(InvalidGrant):
            refresh(pair.refresh_token, now=after(minutes=1, seconds=10, microseconds=1))
        assert row(pair).revoked_reason == RevokedReason.REUSED

    def test_refresh_within_grace_does_not_extend_the_grace(self, pair):
        refresh(pair.refresh_token, now=after(minutes=1))
        for second in range(1, 11):
            refresh(pair.refresh_token, now=after(minutes=1, seconds=second))
        with pytest.raises(InvalidGrant):
            refresh(pair.refresh_token, now=after(minutes=1, seconds=11))

    def test_current_token_after_a_refresh_within_grace_is_accepted(self, pair):
        current = refresh(pair.refresh_token, now=after(minutes=1))
        refresh(pair.refresh_token, now=after(minutes=1, seconds=9))
        refresh(current.refresh_token, now=after(minutes=1, seconds=10))
        assert row(pair).generation == 3

    @pytest.mark.attack(84)
    def test_refresh_after_clock_set_back_keeps_the_session(self, pair):
        current = refresh(pair.refresh_token, now=after(hours=1))
        repeated = refresh(pair.refresh_token, now=after(minutes=1))
        assert repeated.refresh_token == current.refresh_token
        assert row(pair).revoked_at is None

    def test_leeway_extends_the_grace_for_clock_differences(self, pair, settings):
        settings.TOKENAUTH = {"LEEWAY": timedelta(seconds=30)}
        current = refresh(pair.refresh_token, now=after(minutes=1))
        repeated = refresh(pair.refresh_token, now=after(minutes=1, seconds=40))
        assert repeated.refresh_token == current.refresh_token
        with pytest.raises(InvalidGrant):
            refresh(pair.refresh_token, now=after(minutes=1, seconds=40, microseconds=1))

    def test_second_use_of_refresh_token_without_grace_is_reuse(self, pair, settings):
        settings.TOKENAUTH = {"REFRESH_GRACE": timedelta(0)}
        refresh(pair.refresh_token, now=after(minutes=1))
        with pytest.raises(InvalidGrant):
            refresh(pair.refresh_token, now=after(minutes=1, microseconds=1))

    @pytest.mark.attack(133)
    def test_grace_after_two_rotations_covers_only_the_predecessor(self, pair):
        first, second, third = rotate_times(pair, 2, every=timedelta(0))
        assert refresh(second, now=NOW).refresh_token == third
        with pytest.raises(InvalidGrant):
            refresh(first, now=NOW)
        assert row(pair).revoked_reason == RevokedReason.REUSED


class TestReuse:
    @pytest.mark.attack(130, 132)
    @pytest.mark.parametrize("age", range(2, 21))
    @pytest.mark.parametrize("late", [timedelta(seconds=1), timedelta(hours=1)], ids=str)
    def test_refresh_token_older_than_predecessor_revokes_session(self, pair, age, late):
        tokens = rotate_times(pair, 20, every=timedelta(minutes=1))
        with pytest.raises(InvalidGrant):
            refresh(tokens[-1 - age], now=after(minutes=20) + late)
        session = row(pair)
        assert session.revoked_at == session.idle_expires_at == after(minutes=20) + late
        assert session.revoked_reason == RevokedReason.REUSED
        assert session.generation == 21

    @pytest.mark.attack(138)
    def test_reuse_invalidates_all_refresh_tokens_of_the_session(self, pair):
        tokens = rotate_times(pair, 2, every=timedelta(minutes=1))
        with pytest.raises(InvalidGrant):
            refresh(tokens[0], now=after(minutes=3))
        for token in tokens:
            with pytest.raises(InvalidGrant):
                refresh(token, now=after(minutes=3, seconds=1))

    @pytest.mark.attack(138)
    def test_reuse_invalidates_access_tokens_of_the_session(self, pair):
        current = refresh(pair.refresh_token, now=after(minutes=1))
        claims = services.authenticate_access_token(current.access_token, now=after(minutes=2))
        with pytest.raises(InvalidGrant):
            refresh(pair.refresh_token, now=after(minutes=2))
        with pytest.raises(InvalidToken) as error:
            services.get_user(claims)
        assert error.value.code == TokenErrorCode.REVOKED

    def test_reuse_keeps_other_sessions(self, alice, bob, pair):
        others = [services.sign_in(user, now=NOW) for user in (alice, bob)]
        rotate_times(pair, 1, every=timedelta(minutes=1))
        with pytest.raises(InvalidGrant):
            refresh(pair.refresh_token, now=after(hours=1))
        for other in others:
            assert refresh(other.refresh_token, now=after(hours=1)).session.generation == 2

    @pytest.mark.promise(7)
    @pytest.mark.standard("rfc6749-10.4-2", "rfc9700-2.2.2-1", "rfc9700-4.14.2-2")
    @pytest.mark.attack(130)
    def test_reuse_sends_each_signal_once_and_is_logged_once(self, alice, pair, caplog):
        rotate_times(pair, 1, every=timedelta(minutes=1))
        request = object()
        with (
            received(signals.refresh_token_reused) as reused,
            received(signals.session_revoked) as revoked,
        ):
            for _ in range(2):
                with pytest.raises(InvalidGrant):
                    refresh(pair.refresh_token, request=request, now=after(hours=1))
        keywords = {"sender": Session, "session": pair.session, "user": alice, "request": request}
        assert reused == revoked == [keywords]
        assert revoked[0]["session"].revoked_reason == RevokedReason.REUSED
        name = log_id(pair.session.pk)
        assert [
            record.message for record in caplog.records if record.name == "django_tokenauth"
        ] == [f"refresh token of session {name} of user {alice.pk} reused: session revoked"]

    def test_reuse_takes_two_statements(self, pair, django_assert_num_queries):
        rotate_times(pair, 1, every=timedelta(minutes=1))
        with django_assert_num_queries(2), pytest.raises(InvalidGrant):
            refresh(pair.refresh_token, now=after(hours=1))
