"""Signing out: by a token, by the id of a session, everywhere, or by whoever may."""

from __future__ import annotations

import uuid

import pytest

from django_tokenauth import services, signals
from django_tokenauth.errors import InvalidGrant, UnsupportedTokenType
from django_tokenauth.models import RevokedReason, Session
from tests.support.clock import NOW, after
from tests.support.session_rows import made
from tests.support.signal_capture import received

pytestmark = pytest.mark.django_db


@pytest.fixture
def pair(alice):
    return services.sign_in(alice, now=NOW)


def is_over(pair):
    session = Session.objects.get(pk=pair.session.pk)
    return (session.revoked_at, session.revoked_reason) == (
        after(minutes=1),
        RevokedReason.SIGNED_OUT,
    )


class TestRevokeToken:
    @pytest.mark.parametrize("kind", ["refresh_token", "access_token"])
    def test_either_token_ends_the_session_in_two_statements(
        self, pair, kind, django_assert_num_queries
    ):
        with django_assert_num_queries(2):
            services.revoke_token(getattr(pair, kind), now=after(minutes=1))
        assert is_over(pair)
        with pytest.raises(InvalidGrant):
            services.refresh(pair.refresh_token, now=after(minutes=1))

    def test_a_refresh_token_that_was_rotated_ends_it_too(self, pair):
        services.refresh(pair.refresh_token, now=after(seconds=10))
        services.revoke_token(pair.refresh_token, now=after(minutes=1))
        assert is_over(pair)

    @pytest.mark.parametrize("token", ["", "a.b.c", "nonsense", "\ud800", "x" * 10_000])
    def test_what_is_no_token_is_as_good_as_revoked(self, pair, token, django_assert_num_queries):
        with django_assert_num_queries(0):
            services.revoke_token(token, now=after(minutes=1))
        assert Session.objects.get().revoked_at is None

    def test_a_token_that_expired_is_too(self, pair, django_assert_num_queries):
        with django_assert_num_queries(0):
            services.revoke_token(pair.access_token, now=after(minutes=5))
            services.revoke_token(pair.refresh_token, now=after(days=14))

    def test_one_that_is_revoked_keeps_its_end_and_is_not_told_again(
        self, pair, django_assert_num_queries
    ):
        services.revoke_token(pair.refresh_token, now=after(minutes=1))
        with received(signals.session_revoked) as calls, django_assert_num_queries(1):
            services.revoke_token(pair.refresh_token, now=after(minutes=2))
        assert is_over(pair)
        assert calls == []

    def test_one_whose_session_is_gone_is_nothing(self, pair, django_assert_num_queries):
        Session.objects.all().delete()
        with django_assert_num_queries(1):
            services.revoke_token(pair.refresh_token, now=after(minutes=1))

    def test_other_sessions_go_on(self, alice, pair):
        other = services.sign_in(alice, now=NOW)
        services.revoke_token(pair.refresh_token, now=after(minutes=1))
        assert services.refresh(other.refresh_token, now=after(minutes=1)).session.generation == 2

    def test_it_is_told_and_logged(self, alice, pair, caplog):
        caplog.set_level("INFO", logger="django_tokenauth")
        request = object()
        with received(signals.session_revoked) as calls:
            services.revoke_token(pair.refresh_token, request=request, now=after(minutes=1))
        assert calls == [
            {"sender": Session, "session": pair.session, "user": alice, "request": request}
        ]
        assert caplog.messages[-1] == (
            f"session {pair.session.pk} of user {alice.pk} revoked: signed_out"
        )

    def test_without_sessions_it_is_not_supported(self, alice, settings):
        settings.TOKENAUTH = {"STATELESS_REFRESH": True}
        pair = services.sign_in(alice, now=NOW)
        for token in (pair.refresh_token, pair.access_token, "nonsense"):
            with pytest.raises(UnsupportedTokenType):
                services.revoke_token(token, now=after(minutes=1))


class TestSessionsOf:
    def test_the_newest_is_first_and_those_of_others_are_not_there(self, alice, bob):
        older, newer = (made(alice, created_at=after(days=day)) for day in (1, 2))
        made(bob), made(alice, revoked_at=NOW)
        assert list(services.list_sessions(alice, now=NOW)) == [newer, older]

    def test_without_a_moment_it_is_now(self, alice, time_machine):
        made(alice)
        time_machine.move_to(after(days=14), tick=False)
        assert not services.list_sessions(alice).exists()


class TestSignOut:
    def test_it_ends_one_session_in_two_statements(self, alice, pair, django_assert_num_queries):
        other = services.sign_in(alice, now=NOW)
        with django_assert_num_queries(2):
            assert services.sign_out(alice, str(pair.session.pk), now=after(minutes=1)) is True
        assert is_over(pair)
        assert not is_over(other)

    @pytest.mark.parametrize("state", ["revoked", "expired", "of another", "unknown"])
    def test_what_is_not_alive_or_not_theirs_is_false(
        self, alice, bob, state, django_assert_num_queries
    ):
        session_id = {
            "revoked": lambda: made(alice, revoked_at=NOW).pk,
            "expired": lambda: made(alice, idle_expires_at=NOW).pk,
            "of another": lambda: made(bob).pk,
            "unknown": uuid.uuid4,
        }[state]()
        before = list(Session.objects.values())
        with django_assert_num_queries(1):
            assert services.sign_out(alice, str(session_id), now=NOW) is False
        assert list(Session.objects.values()) == before

    @pytest.mark.parametrize("session_id", ["", "1", "nonsense", "\x00"])
    def test_what_is_no_id_is_false(self, alice, pair, session_id):
        assert services.sign_out(alice, session_id, now=NOW) is False

    def test_the_reason_and_the_request_are_passed_on(self, alice, pair):
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

    def test_without_sessions_there_is_none_to_end(
        self, alice, settings, django_assert_num_queries
    ):
        settings.TOKENAUTH = {"STATELESS_REFRESH": True}
        with django_assert_num_queries(0):
            assert services.sign_out(alice, str(uuid.uuid4()), now=NOW) is False


class TestSignOutEverywhere:
    def test_it_ends_all_of_them_in_two_statements(self, alice, bob, django_assert_num_queries):
        pairs = [services.sign_in(alice, now=NOW) for _ in range(3)]
        other = services.sign_in(bob, now=NOW)
        with django_assert_num_queries(2):
            assert services.sign_out_everywhere(alice, now=after(minutes=1)) == 3
        assert all(is_over(pair) for pair in pairs)
        assert not is_over(other)

    def test_one_can_be_kept(self, alice):
        pairs = [services.sign_in(alice, now=NOW) for _ in range(3)]
        kept = str(pairs[1].session.pk)
        assert services.sign_out_everywhere(alice, keep=kept, now=after(minutes=1)) == 2
        assert [is_over(pair) for pair in pairs] == [True, False, True]

    def test_those_that_ended_by_then_do_not_count(self, alice):
        services.sign_in(alice, now=NOW)
        services.sign_in(alice, now=after(days=1))
        assert services.sign_out_everywhere(alice, now=after(days=14)) == 1

    def test_none_take_one_statement(self, alice, django_assert_num_queries):
        with django_assert_num_queries(1):
            assert services.sign_out_everywhere(alice, now=NOW) == 0

    def test_each_one_is_told(self, alice):
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
    def test_it_ends_those_that_are_alive_whoever_s_they_are(
        self, alice, bob, django_assert_num_queries
    ):
        alive = {made(alice), made(bob), made(None)}
        made(alice, revoked_at=NOW), made(bob, idle_expires_at=NOW)
        with received(signals.session_revoked) as calls, django_assert_num_queries(2):
            ended = services.revoke_sessions(
                Session.objects.all(), RevokedReason.ADMIN, request="request", now=after(minutes=1)
            )
        assert ended == 3
        assert {call["request"] for call in calls} == {"request"}
        assert {call["session"] for call in calls} == alive
        assert {call["user"] for call in calls} == {alice, bob, None}
        assert set(Session.objects.filter(revoked_reason=RevokedReason.ADMIN)) == alive

    def test_no_other_session_is_touched(self, alice, bob):
        made(alice), made(bob)
        services.revoke_sessions(
            Session.objects.filter(user=bob), RevokedReason.ADMIN, now=after(minutes=1)
        )
        assert [session.user for session in Session.objects.filter(revoked_at=None)] == [alice]

    def test_without_a_moment_it_is_now(self, alice, time_machine):
        made(alice)
        time_machine.move_to(after(days=1), tick=False)
        services.revoke_sessions(Session.objects.all(), RevokedReason.ADMIN)
        assert Session.objects.get().revoked_at == after(days=1)
