"""Sign-out by token, by session id and everywhere, and revocation of any sessions."""

from __future__ import annotations

import uuid

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.models import AnonymousUser
from django.db import connection
from django.test.utils import CaptureQueriesContext

from django_tokenauth import services, signals
from django_tokenauth.errors import InvalidGrant, UnsupportedTokenType
from django_tokenauth.models import RevokedReason, Session
from django_tokenauth.sessions.log_ids import log_id
from tests.support.clock import NOW, after
from tests.support.session_rows import create_session
from tests.support.signal_capture import received
from tests.support.unsaved import issue_tokens, unsaved_alice


@pytest.fixture
def pair(alice):
    return services.sign_in(alice, now=NOW)


def is_signed_out(pair):
    session = Session.objects.get(pk=pair.session.pk)
    return (session.revoked_at, session.revoked_reason) == (
        after(minutes=1),
        RevokedReason.SIGNED_OUT,
    )


class TestRevokeToken:
    @pytest.mark.parametrize("kind", ["refresh_token", "access_token"])
    def test_revoke_token_revokes_the_session_in_two_statements(
        self, pair, kind, settings, django_assert_num_queries
    ):
        settings.TOKENAUTH = {"REVOKE_BY_ACCESS_TOKEN": ["django-tokenauth"]}
        with django_assert_num_queries(2):
            services.revoke_token(getattr(pair, kind), now=after(minutes=1))
        assert is_signed_out(pair)
        with pytest.raises(InvalidGrant):
            services.refresh(pair.refresh_token, now=after(minutes=1))

    def test_revoke_token_accepts_a_rotated_refresh_token(self, pair):
        services.refresh(pair.refresh_token, now=after(seconds=10))
        services.revoke_token(pair.refresh_token, now=after(minutes=1))
        assert is_signed_out(pair)

    @pytest.mark.parametrize("token", ["", "a.b.c", "nonsense", "\ud800", "x" * 10_000])
    def test_revoke_token_ignores_malformed_tokens_without_a_query(
        self, pair, token, django_assert_num_queries
    ):
        with django_assert_num_queries(0):
            services.revoke_token(token, now=after(minutes=1))
        assert Session.objects.get().revoked_at is None

    def test_revoke_token_ignores_expired_tokens_without_a_query(self):
        pair = issue_tokens(now=NOW)
        services.revoke_token(pair.access_token, now=after(minutes=5))
        services.revoke_token(pair.refresh_token, now=after(days=14))

    def test_second_revocation_keeps_revoked_at_and_sends_no_signal(
        self, pair, django_assert_num_queries
    ):
        services.revoke_token(pair.refresh_token, now=after(minutes=1))
        with received(signals.session_revoked) as calls, django_assert_num_queries(1):
            services.revoke_token(pair.refresh_token, now=after(minutes=2))
        assert is_signed_out(pair)
        assert calls == []

    def test_revoke_token_of_deleted_session_takes_one_query(self, pair, django_assert_num_queries):
        Session.objects.all().delete()
        with django_assert_num_queries(1):
            services.revoke_token(pair.refresh_token, now=after(minutes=1))

    def test_revoke_token_keeps_other_sessions(self, alice, pair):
        other = services.sign_in(alice, now=NOW)
        services.revoke_token(pair.refresh_token, now=after(minutes=1))
        assert services.refresh(other.refresh_token, now=after(minutes=1)).session.generation == 2

    def test_revoke_token_sends_session_revoked_and_is_logged(self, alice, pair, caplog):
        caplog.set_level("INFO", logger="django_tokenauth")
        request = object()
        with received(signals.session_revoked) as calls:
            services.revoke_token(pair.refresh_token, request=request, now=after(minutes=1))
        assert calls == [
            {"sender": Session, "session": pair.session, "user": alice, "request": request}
        ]
        assert caplog.messages[-1] == (
            f"session {log_id(pair.session.pk)} of user {alice.pk} revoked: signed_out"
        )

    def test_revoke_token_in_stateless_mode_is_unsupported(self, alice, settings):
        settings.TOKENAUTH = {"STATELESS_REFRESH": True}
        pair = services.sign_in(alice, now=NOW)
        for token in (pair.refresh_token, pair.access_token, "nonsense"):
            with pytest.raises(UnsupportedTokenType):
                services.revoke_token(token, now=after(minutes=1))


class TestListSessions:
    def test_list_sessions_returns_own_live_sessions_newest_first(self, alice, bob):
        older, newer = (create_session(alice, created_at=after(days=day)) for day in (1, 2))
        create_session(bob), create_session(alice, revoked_at=NOW)
        assert list(services.list_sessions(alice, now=NOW)) == [newer, older]

    def test_list_sessions_without_now_uses_the_current_time(self, alice, time_machine):
        create_session(alice)
        time_machine.move_to(after(days=14), tick=False)
        assert not services.list_sessions(alice).exists()


class TestSignOut:
    def test_sign_out_revokes_one_session_in_two_statements(
        self, alice, pair, django_assert_num_queries
    ):
        other = services.sign_in(alice, now=NOW)
        with django_assert_num_queries(2):
            assert services.sign_out(alice, str(pair.session.pk), now=after(minutes=1)) is True
        assert is_signed_out(pair)
        assert not is_signed_out(other)

    @pytest.mark.parametrize("state", ["revoked", "expired", "other_user", "unknown"])
    def test_sign_out_of_inactive_or_not_own_session_returns_false(
        self, alice, bob, state, django_assert_num_queries
    ):
        session_id = {
            "revoked": lambda: create_session(alice, revoked_at=NOW).pk,
            "expired": lambda: create_session(alice, idle_expires_at=NOW).pk,
            "other_user": lambda: create_session(bob).pk,
            "unknown": uuid.uuid4,
        }[state]()
        before = list(Session.objects.values())
        with django_assert_num_queries(1):
            assert services.sign_out(alice, str(session_id), now=NOW) is False
        assert list(Session.objects.values()) == before

    @pytest.mark.parametrize("session_id", ["", "1", "nonsense", "\x00"])
    def test_sign_out_with_an_invalid_id_returns_false(self, session_id):
        assert services.sign_out(unsaved_alice(), session_id, now=NOW) is False

    def test_sign_out_passes_reason_and_request_to_receivers(self, alice, pair):
        request = object()
        with received(signals.session_revoked) as calls:
            services.sign_out(
                alice,
                str(pair.session.pk),
                request=request,
                reason=RevokedReason.ADMIN,
                now=after(minutes=1),
            )
        assert calls == [
            {"sender": Session, "session": pair.session, "user": alice, "request": request}
        ]
        assert calls[0]["session"].revoked_reason == RevokedReason.ADMIN

    def test_sign_out_in_stateless_mode_returns_false(self, settings):
        settings.TOKENAUTH = {"STATELESS_REFRESH": True}
        assert services.sign_out(unsaved_alice(), str(uuid.uuid4()), now=NOW) is False


class TestSignOutEverywhere:
    def test_sign_out_everywhere_takes_two_statements(self, alice, bob, django_assert_num_queries):
        pairs = [services.sign_in(alice, now=NOW) for _ in range(3)]
        other = services.sign_in(bob, now=NOW)
        with django_assert_num_queries(2):
            assert services.sign_out_everywhere(alice, now=after(minutes=1)) == 3
        assert all(is_signed_out(pair) for pair in pairs)
        assert not is_signed_out(other)

    def test_sign_out_everywhere_keeps_the_given_session(self, alice):
        pairs = [services.sign_in(alice, now=NOW) for _ in range(3)]
        kept = str(pairs[1].session.pk)
        assert services.sign_out_everywhere(alice, keep=kept, now=after(minutes=1)) == 2
        assert [is_signed_out(pair) for pair in pairs] == [True, False, True]

    def test_sign_out_everywhere_does_not_count_expired_sessions(self, alice):
        services.sign_in(alice, now=NOW)
        services.sign_in(alice, now=after(days=1))
        assert services.sign_out_everywhere(alice, now=after(days=14)) == 1

    def test_sign_out_everywhere_without_sessions_takes_one_select(
        self, alice, django_assert_num_queries
    ):
        with django_assert_num_queries(1):
            assert services.sign_out_everywhere(alice, now=NOW) == 0

    def test_sign_out_everywhere_sends_a_signal_per_session(self, alice):
        pairs = [services.sign_in(alice, now=NOW) for _ in range(3)]
        request = object()
        with received(signals.session_revoked) as calls:
            services.sign_out_everywhere(
                alice, request=request, reason=RevokedReason.ADMIN, now=after(minutes=1)
            )
        assert {call["session"] for call in calls} == {pair.session for pair in pairs}
        assert {call["session"].revoked_reason for call in calls} == {RevokedReason.ADMIN}
        assert [(call["user"], call["request"]) for call in calls] == [(alice, request)] * 3


class TestRevokeSessions:
    def test_revoke_sessions_revokes_live_sessions_of_all_users(
        self, alice, bob, django_assert_num_queries
    ):
        live = {create_session(alice), create_session(bob), create_session(None)}
        create_session(alice, revoked_at=NOW), create_session(bob, idle_expires_at=NOW)
        with received(signals.session_revoked) as calls, django_assert_num_queries(2):
            count = services.revoke_sessions(
                Session.objects.all(), RevokedReason.ADMIN, request="request", now=after(minutes=1)
            )
        assert count == 3
        assert {call["request"] for call in calls} == {"request"}
        assert {call["session"] for call in calls} == live
        assert {call["user"] for call in calls} == {alice, bob, None}
        assert set(Session.objects.filter(revoked_reason=RevokedReason.ADMIN)) == live

    def test_revoke_sessions_revokes_only_the_given_sessions(self, alice, bob):
        create_session(alice), create_session(bob)
        services.revoke_sessions(
            Session.objects.filter(user=bob), RevokedReason.ADMIN, now=after(minutes=1)
        )
        assert [session.user for session in Session.objects.filter(revoked_at=None)] == [alice]

    def test_revoke_sessions_without_now_uses_the_current_time(self, alice, time_machine):
        create_session(alice)
        time_machine.move_to(after(days=1), tick=False)
        services.revoke_sessions(Session.objects.all(), RevokedReason.ADMIN)
        assert Session.objects.get().revoked_at == after(days=1)


class TestSignOutUsers:
    @pytest.fixture
    def pairs(self, alice, bob):
        return [services.sign_in(user, now=NOW) for user in (alice, alice, bob)]

    @pytest.mark.parametrize(
        "users_of",
        [
            lambda alice: get_user_model().objects.filter(pk=alice.pk),
            lambda alice: [alice],
            lambda alice: {alice.pk},
            lambda alice: (str(pk) for pk in [alice.pk]),
        ],
        ids=["query_set", "users", "keys", "strings"],
    )
    def test_sign_out_users_revokes_the_sessions_of_the_users(self, alice, pairs, users_of):
        users = users_of(alice)
        assert services.sign_out_users(users, now=after(minutes=1)) == 2
        assert [is_signed_out(pair) for pair in pairs] == [True, True, False]

    def test_sign_out_of_1000_users_takes_statements_per_batch(self, alice, bob, pairs):
        users = get_user_model().objects.bulk_create(
            get_user_model()(username=f"user{number}") for number in range(1000)
        )
        times = {"created_at": NOW, "refreshed_at": NOW, "absolute_expires_at": after(days=90)}
        Session.objects.bulk_create(
            Session(user=user, idle_expires_at=after(days=9), client_id="app", **times)
            for user in users
            for _ in range(3)
        )
        get_user_model().objects.update(is_active=False)
        inactive = get_user_model().objects.filter(is_active=False)
        with CaptureQueriesContext(connection) as statements:
            assert services.sign_out_users(inactive, now=after(minutes=1)) == 3003
        assert len(statements) <= 18

    def test_sign_out_users_passes_reason_and_request_to_signals(self, alice, pairs):
        request = object()
        with received(signals.session_revoked) as calls:
            services.sign_out_users(
                [alice], request=request, reason=RevokedReason.ADMIN, now=after(minutes=1)
            )
        assert {call["session"].pk for call in calls} == {pair.session.pk for pair in pairs[:2]}
        assert {(call["user"], call["request"]) for call in calls} == {(alice, request)}
        assert Session.objects.filter(revoked_reason="admin").count() == 2

    def test_sign_out_of_no_users_takes_no_statement(self, django_assert_num_queries, db):
        with django_assert_num_queries(0):
            assert services.sign_out_users([]) == 0

    def test_sign_out_users_in_stateless_mode_reads_nothing(
        self, alice, settings, django_assert_num_queries
    ):
        settings.TOKENAUTH = {"STATELESS_REFRESH": True}
        with django_assert_num_queries(0):
            assert services.sign_out_users(get_user_model().objects.all()) == 0

    @pytest.mark.parametrize(
        ("users_of", "message"),
        [
            (lambda pair: pair.user, "not an object of User. Pass [user] for one user."),
            (lambda pair: "alice", "not an object of str. Pass [user]"),
            (lambda pair: {"alice": 1}, "not an object of dict. Pass [user]"),
            (lambda pair: [pair.session], "must contain only users, not an object of Session."),
            (lambda pair: ["alice"], "only users or primary keys, not an object of str."),
            (lambda pair: [None], "only users or primary keys, not None."),
            (lambda pair: [get_user_model()()], "a user that is stored"),
            (lambda pair: [AnonymousUser()], "a user that is stored"),
        ],
    )
    def test_sign_out_users_rejects_other_arguments(self, pairs, users_of, message):
        with pytest.raises(TypeError) as caught:
            services.sign_out_users(users_of(pairs[0]))
        assert message in str(caught.value)
        assert Session.objects.filter(revoked_at=None).count() == 3
