"""Pruning of expired and revoked sessions: the deleted rows, batches and statements."""

from __future__ import annotations

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from django_tokenauth.models import RevokedReason, Session
from django_tokenauth.sessions import store as sessions
from django_tokenauth.sessions.pruning import prunable, prune, prune_all
from tests.support.clock import NOW, after
from tests.support.session_rows import create_session

pytestmark = pytest.mark.django_db


def expiry_times():
    return list(
        Session.objects.order_by("idle_expires_at").values_list("idle_expires_at", flat=True)
    )


def prune_in_batches(before, limit):
    return sum(prune_all(before, limit))


@pytest.mark.parametrize("delete", [prune, prune_in_batches])
class TestPruneAndPruneAll:
    def test_prune_deletes_only_sessions_expired_before_given_time(self, alice, delete):
        create_session(alice, idle_expires_at=after(microseconds=-1))
        kept = {
            create_session(alice, idle_expires_at=NOW),
            create_session(alice),
            create_session(alice, revoked_at=NOW),
        }
        assert delete(NOW, 100) == 1
        assert set(Session.objects.all()) == kept

    def test_retention_of_a_revoked_session_starts_at_revocation(self, alice, delete):
        session = create_session(alice)
        sessions.revoke(session, RevokedReason.SIGNED_OUT, now=NOW)
        assert delete(NOW, 100) == 0
        assert delete(after(microseconds=1), 100) == 1

    def test_prune_deletes_sessions_without_a_user(self, alice, delete):
        create_session(alice, idle_expires_at=NOW), create_session(None, idle_expires_at=NOW)
        assert delete(after(days=1), 1000) == 2


class TestPrune:
    def test_prune_deletes_up_to_its_limit_oldest_first(self, alice):
        for day in (4, 2, 5, 1, 3):
            create_session(alice, idle_expires_at=after(days=day))
        assert prune(after(days=10), 2) == 2
        assert expiry_times() == [after(days=day) for day in (3, 4, 5)]

    def test_repeated_prune_deletes_all_and_then_returns_zero(self, alice):
        for day in range(5):
            create_session(alice, idle_expires_at=after(days=day))
        assert [prune(after(days=4), 3) for _ in range(3)] == [3, 1, 0]

    def test_prune_takes_one_statement(self, alice, django_assert_num_queries):
        create_session(alice, idle_expires_at=NOW)
        with django_assert_num_queries(1):
            assert prune(after(days=1), 20) == 1


class TestPruneAll:
    @pytest.mark.parametrize(
        ("size", "batches"), [(1, [1] * 5), (2, [2, 2, 1]), (3, [3, 2]), (5, [5]), (6, [5])]
    )
    def test_prune_all_deletes_batches_oldest_first(self, alice, size, batches):
        for day in (4, 2, 5, 1, 3, 6):
            create_session(alice, idle_expires_at=after(days=day))
        deleting = prune_all(after(days=6), size)
        for number in batches:
            before = expiry_times()
            assert next(deleting) == number
            assert expiry_times() == before[number:]
        assert list(deleting) == []
        assert expiry_times() == [after(days=6)]

    @pytest.mark.parametrize("size", range(1, 8))
    @pytest.mark.parametrize(
        "days", [(1, 2, 2, 2, 3), (1, 1, 1, 1, 1), (1, 1, 1, 2, 2, 2, 2), (1, 2, 3, 3, 3, 3, 3, 3)]
    )
    def test_prune_all_splits_sessions_with_same_expiry_into_batches(self, alice, size, days):
        for day in days:
            create_session(alice, idle_expires_at=after(days=day))
        kept = create_session(alice, idle_expires_at=after(days=4))
        deleted = list(prune_all(after(days=4), size))
        assert sum(deleted) == len(days)
        assert min(deleted) > 0
        assert max(deleted) < 2 * size or size == max(deleted) == 1
        assert expiry_times() == [kept.idle_expires_at]

    def test_prune_all_deletes_rows_added_during_the_run(self, alice):
        for day in (1, 2):
            create_session(alice, idle_expires_at=after(days=day))
        deleting = prune_all(after(days=3), 1)
        assert next(deleting) == 1
        create_session(alice, idle_expires_at=NOW), create_session(alice, idle_expires_at=NOW)
        assert list(deleting) == [1, 1, 1]
        assert expiry_times() == []

    def test_prune_all_skips_batches_deleted_by_other_processes(self, alice):
        for day in (1, 2, 3):
            create_session(alice, idle_expires_at=after(days=day))
        deleting = prune_all(after(days=4), 1)
        assert next(deleting) == 1
        Session.objects.filter(idle_expires_at=after(days=2)).delete()
        assert list(deleting) == [1]

    def test_prune_all_deletes_each_batch_by_expiry_range(self, alice):
        for day in (0, 1):
            create_session(alice, idle_expires_at=after(days=day))
        with CaptureQueriesContext(connection) as queries:
            assert prune_in_batches(after(days=10), 1) == 2
        find_batches, *batches, final_select = (statement["sql"] for statement in queries)
        assert "ROW_NUMBER() OVER (ORDER BY " in find_batches
        assert find_batches.count("ORDER BY") >= 2
        assert [sql.startswith("DELETE") and "SELECT" not in sql for sql in batches] == [True] * 2
        assert "SELECT" in final_select


class TestPrunable:
    def test_prunable_returns_the_sessions_that_prune_deletes(self, alice):
        expired = create_session(alice, idle_expires_at=after(microseconds=-1))
        create_session(alice, idle_expires_at=NOW)
        assert list(prunable(NOW)) == [expired]
