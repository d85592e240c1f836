"""Batches of sessions, deleted users, and the columns that a rotation keeps."""

from __future__ import annotations

import uuid
from datetime import timedelta

import pytest
from django.contrib.auth.models import UserManager
from django.db.models import Manager

from django_tokenauth import services
from django_tokenauth.models import RevokedReason, Session
from django_tokenauth.sessions import managers
from django_tokenauth.sessions import store as sessions
from django_tokenauth.sessions.store import LastSeen, SessionState, new_id
from tests.support.clock import NOW, after
from tests.support.session_rows import create_session

pytestmark = pytest.mark.django_db


class TestBatches:
    @pytest.mark.parametrize(
        ("size", "expected"),
        [(2, [[1, 2], [3, 4], [5]]), (5, [[1, 2, 3, 4, 5]]), (6, [[1, 2, 3, 4, 5]])],
    )
    def test_store_batches_are_ordered_by_primary_key(self, alice, monkeypatch, size, expected):
        monkeypatch.setattr(sessions, "BATCH_SIZE", size)
        for number in (4, 2, 5, 1, 3):
            create_session(alice, pk=uuid.UUID(int=number))
        batches = sessions.batches(Session.objects.filter(user=alice))
        assert [[session.pk.int for session in batch] for batch in batches] == expected

    def test_store_batches_take_one_statement_each(
        self, alice, monkeypatch, django_assert_num_queries
    ):
        monkeypatch.setattr(sessions, "BATCH_SIZE", 2)
        for _ in range(3):
            create_session(alice)
        with django_assert_num_queries(2):
            assert [len(batch) for batch in sessions.batches(Session.objects.all())] == [2, 1]


class TestRevokeWithoutUser:
    def test_revoke_without_user_revokes_recent_active_sessions(self, alice):
        since = NOW - timedelta(minutes=2)
        recent = create_session(None, created_at=since)
        kept = [
            create_session(alice),
            create_session(None, created_at=since - timedelta(microseconds=1)),
            create_session(None, idle_expires_at=after(minutes=1)),
        ]
        revoked = sessions.revoke_without_user(
            since, RevokedReason.USER_DELETED, now=after(minutes=1)
        )
        assert revoked == 1
        assert list(Session.objects.filter(revoked_at=after(minutes=1))) == [recent]
        assert set(Session.objects.filter(revoked_reason="")) == set(kept)


class TestColumns:
    def test_store_rotate_without_seen_keeps_the_last_client(self, alice):
        seen = LastSeen("192.0.2.1", "Browser/1.0", True)
        session = create_session(alice, **seen._asdict())
        state = SessionState(2, after(days=1), after(days=15))
        assert sessions.rotate(session, state, auth_hash="new") is True
        stored = Session.objects.get()
        assert LastSeen.of(stored) == LastSeen.of(session) == seen
        assert SessionState.of(stored) == SessionState.of(session) == state


class Router:
    def __init__(self):
        self.read = []

    def db_for_read(self, model, **hints):
        self.read.append(model)


@pytest.mark.parametrize("from_primary", [True, False])
def test_store_find_with_hidden_users_reads_the_given_database(
    alice, settings, monkeypatch, from_primary
):
    """A default manager of the project that hides users needs another query."""
    monkeypatch.setattr(
        UserManager,
        "get_queryset",
        lambda manager: Manager.get_queryset(manager).exclude(username="bob"),
    )
    managers._are_plain.cache_clear()
    session = create_session(alice)
    router = Router()
    settings.DATABASE_ROUTERS = [router]
    assert sessions.find(session.pk, from_primary=from_primary) == session
    assert (Session in router.read) is not from_primary
    assert sessions.find(new_id(NOW)) is None
    managers._are_plain.cache_clear()


def test_users_that_a_manager_hides_keep_their_place_in_a_batch(alice, bob, monkeypatch):
    monkeypatch.setattr(
        UserManager,
        "get_queryset",
        lambda manager: Manager.get_queryset(manager).exclude(username="bob"),
    )
    managers._are_plain.cache_clear()
    for user in (alice, bob):
        create_session(user)
    hidden = sessions.find_with_any_user(Session.objects.get(user=bob).pk)
    assert hidden.user == bob
    assert sessions.find(hidden.pk) is None
    [batch] = sessions.batches(Session.objects.all(), with_users=True)
    assert {session.user for session in batch} == {alice, bob}
    monkeypatch.undo()
    managers._are_plain.cache_clear()


def test_refresh_token_of_a_hidden_user_can_be_revoked(alice, monkeypatch):
    pair = services.sign_in(alice)
    monkeypatch.setattr(
        UserManager, "get_queryset", lambda manager: Manager.get_queryset(manager).none()
    )
    managers._are_plain.cache_clear()
    services.revoke_token(pair.refresh_token)
    assert Session.objects.get().revoked_reason == RevokedReason.SIGNED_OUT
    assert sessions.find_with_any_user(new_id(NOW)) is None
    assert sessions.find_with_actor(new_id(NOW)) is None
    monkeypatch.undo()
    managers._are_plain.cache_clear()
