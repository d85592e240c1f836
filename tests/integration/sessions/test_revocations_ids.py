"""The ids in the snapshot of revoked sessions, and the statement that reads them."""

from __future__ import annotations

import uuid
from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from django_tokenauth.models import RevokedReason
from django_tokenauth.sessions import revocations
from django_tokenauth.sessions import store as sessions
from django_tokenauth.sessions.id_sets import IdSet
from django_tokenauth.sessions.revocations import RevokedSessions
from tests.support.clock import NOW, after
from tests.support.session_rows import create_session


@pytest.fixture
def snapshot():
    return RevokedSessions(timedelta(seconds=10), timedelta(minutes=6))


def revoked_session_id(user, at=NOW):
    session = create_session(user)
    sessions.revoke(session, RevokedReason.SIGNED_OUT, now=at)
    return str(session.pk)


@pytest.mark.django_db
class TestIds:
    @pytest.mark.parametrize("text", ["", "0", "x", "00" * 15, "00" * 17, "\u0660" * 32])
    def test_revocation_snapshot_contains_no_malformed_session_id(self, alice, snapshot, text):
        revoked_session_id(alice)
        snapshot.refresh(NOW.timestamp())
        assert text not in snapshot

    def test_revocation_snapshot_drops_old_ids_by_half_windows(self, alice, snapshot):
        ids = []
        for minute in range(8):
            ids.append(revoked_session_id(alice, at=after(minutes=minute)))
            snapshot.refresh(after(minutes=minute).timestamp())
        assert all(each in snapshot for each in ids)
        snapshot.refresh(after(minutes=8, seconds=1).timestamp())
        assert [each in snapshot for each in ids] == 3 * [False] + 5 * [True]

    def test_snapshot_adds_the_revocations_of_a_read_in_chunks(self, alice, snapshot, monkeypatch):
        added = []

        class Recorded(IdSet):
            def update(self, keys):
                added.append((self, len(keys)))
                super().update(keys)

        monkeypatch.setattr(revocations, "_CHUNK", 10)
        monkeypatch.setattr(revocations, "IdSet", Recorded)
        ids = [revoked_session_id(alice) for _ in range(25)]
        snapshot.refresh(NOW.timestamp())
        assert [size for _, size in added] == [10, 10, 5]
        # The chunks of one read share a set: a lookup searches each set.
        assert len({id(each) for each, _ in added}) == 1
        assert len(snapshot) == 25
        assert all(each in snapshot for each in ids)
        assert str(uuid.uuid4()) not in snapshot


@pytest.mark.django_db
def test_revocation_read_in_a_transaction_has_a_savepoint(snapshot):
    """A database error of the read must not break the transaction of the request."""
    with CaptureQueriesContext(connection) as queries:
        snapshot.refresh(NOW.timestamp())
    first, _, last = (query["sql"] for query in queries)
    assert first.startswith("SAVEPOINT ")
    assert last.startswith("RELEASE SAVEPOINT ")
