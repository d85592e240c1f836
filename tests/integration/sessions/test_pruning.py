"""Rows of sessions that ended a while ago: which go, how many at once, and by what."""

from __future__ import annotations

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from django_tokenauth.models import RevokedReason, Session
from django_tokenauth.sessions import store as sessions
from django_tokenauth.sessions.pruning import prunable, prune, prune_all
from tests.support.clock import NOW, after
from tests.support.session_rows import made

pytestmark = pytest.mark.django_db


def ends():
    return list(
        Session.objects.order_by("idle_expires_at").values_list("idle_expires_at", flat=True)
    )


def prune_whole(before, limit):
    return sum(prune_all(before, limit))


@pytest.mark.parametrize("delete", [prune, prune_whole])
class TestBoth:
    def test_they_delete_what_ended_before_and_nothing_else(self, alice, delete):
        made(alice, idle_expires_at=after(microseconds=-1))
        kept = {made(alice, idle_expires_at=NOW), made(alice), made(alice, revoked_at=NOW)}
        assert delete(NOW, 100) == 1
        assert set(Session.objects.all()) == kept

    def test_a_revoked_one_goes_by_its_revocation(self, alice, delete):
        session = made(alice)
        sessions.revoke(session, RevokedReason.SIGNED_OUT, now=NOW)
        assert delete(NOW, 100) == 0
        assert delete(after(microseconds=1), 100) == 1

    def test_one_without_a_user_goes_too(self, alice, delete):
        made(alice, idle_expires_at=NOW), made(None, idle_expires_at=NOW)
        assert delete(after(days=1), 1000) == 2


class TestFew:
    def test_it_deletes_no_more_than_it_may_and_the_oldest_first(self, alice):
        for day in (4, 2, 5, 1, 3):
            made(alice, idle_expires_at=after(days=day))
        assert prune(after(days=10), 2) == 2
        assert ends() == [after(days=day) for day in (3, 4, 5)]

    def test_batches_come_to_an_end(self, alice):
        for day in range(5):
            made(alice, idle_expires_at=after(days=day))
        assert [prune(after(days=4), 3) for _ in range(3)] == [3, 1, 0]

    def test_it_takes_one_statement(self, alice, django_assert_num_queries):
        made(alice, idle_expires_at=NOW)
        with django_assert_num_queries(1):
            assert prune(after(days=1), 20) == 1


class TestAll:
    @pytest.mark.parametrize(
        ("size", "batches"), [(1, [1] * 5), (2, [2, 2, 1]), (3, [3, 2]), (5, [5]), (6, [5])]
    )
    def test_the_oldest_go_first_in_batches(self, alice, size, batches):
        for day in (4, 2, 5, 1, 3, 6):
            made(alice, idle_expires_at=after(days=day))
        deleting = prune_all(after(days=6), size)
        for number in batches:
            before = ends()
            assert next(deleting) == number
            assert ends() == before[number:]
        assert list(deleting) == []
        assert ends() == [after(days=6)]

    @pytest.mark.parametrize("size", range(1, 8))
    @pytest.mark.parametrize(
        "days", [(1, 2, 2, 2, 3), (1, 1, 1, 1, 1), (1, 1, 1, 2, 2, 2, 2), (1, 2, 3, 3, 3, 3, 3, 3)]
    )
    def test_what_ended_in_the_same_moment_is_parted_too(self, alice, size, days):
        for day in days:
            made(alice, idle_expires_at=after(days=day))
        kept = made(alice, idle_expires_at=after(days=4))
        deleted = list(prune_all(after(days=4), size))
        assert sum(deleted) == len(days)
        assert min(deleted) > 0
        assert max(deleted) < 2 * size or size == max(deleted) == 1
        assert ends() == [kept.idle_expires_at]

    def test_what_comes_meanwhile_goes_too(self, alice):
        for day in (1, 2):
            made(alice, idle_expires_at=after(days=day))
        deleting = prune_all(after(days=3), 1)
        assert next(deleting) == 1
        made(alice, idle_expires_at=NOW)
        assert list(deleting) == [1, 1]
        assert ends() == []

    def test_what_somebody_else_has_deleted_is_no_batch(self, alice):
        for day in (1, 2, 3):
            made(alice, idle_expires_at=after(days=day))
        deleting = prune_all(after(days=4), 1)
        assert next(deleting) == 1
        Session.objects.filter(idle_expires_at=after(days=2)).delete()
        assert list(deleting) == [1]

    def test_a_batch_is_deleted_by_its_ends_and_not_row_by_row(self, alice):
        for day in (0, 1):
            made(alice, idle_expires_at=after(days=day))
        with CaptureQueriesContext(connection) as taken:
            assert prune_whole(after(days=10), 1) == 2
        found, *batches, last = (statement["sql"] for statement in taken)
        assert "ROW_NUMBER" in found.upper()
        assert [sql.startswith("DELETE") and "SELECT" not in sql for sql in batches] == [True] * 2
        assert "SELECT" in last


class TestEnded:
    def test_they_are_those_that_would_be_deleted(self, alice):
        gone = made(alice, idle_expires_at=after(microseconds=-1))
        made(alice, idle_expires_at=NOW)
        assert list(prunable(NOW)) == [gone]
