"""Rows of sessions that ended a while ago: which go, how many at once, and by what."""

from __future__ import annotations

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from django_tokenauth import sessions
from django_tokenauth.models import RevokedReason, Session
from django_tokenauth.pruning import ended, prune, prune_many
from tests.clock import NOW, after
from tests.test_sessions import made

pytestmark = pytest.mark.django_db


def ends():
    return list(Session.objects.order_by("expires_at").values_list("expires_at", flat=True))


@pytest.mark.parametrize("delete", [prune, prune_many])
class TestBoth:
    def test_they_delete_what_ended_before_and_nothing_else(self, alice, delete):
        made(alice, expires_at=after(microseconds=-1))
        kept = {made(alice, expires_at=NOW), made(alice), made(alice, revoked_at=NOW)}
        assert delete(NOW, 100) == 1
        assert set(Session.objects.all()) == kept

    def test_a_revoked_one_goes_by_its_revocation(self, alice, delete):
        session = made(alice)
        sessions.revoke(session, RevokedReason.SIGNED_OUT, now=NOW)
        assert delete(NOW, 100) == 0
        assert delete(after(microseconds=1), 100) == 1

    def test_they_delete_no_more_than_they_may_and_the_oldest_first(self, alice, delete):
        for day in (4, 2, 5, 1, 3):
            made(alice, expires_at=after(days=day))
        assert delete(after(days=10), 2) == 2
        assert ends() == [after(days=day) for day in (3, 4, 5)]

    def test_batches_come_to_an_end(self, alice, delete):
        for day in range(5):
            made(alice, expires_at=after(days=day))
        assert [delete(after(days=4), 3) for _ in range(3)] == [3, 1, 0]

    @pytest.mark.parametrize("limit", [1, 2, 3, 4])
    def test_what_ended_in_the_same_moment_is_parted_too(self, alice, delete, limit):
        for day in (1, 2, 2, 2, 3):
            made(alice, expires_at=after(days=day))
        deleted = []
        while batch := delete(after(days=3), limit):
            deleted.append(batch)
        assert sum(deleted) == 4
        assert max(deleted) <= limit
        assert ends() == [after(days=3)]

    def test_one_without_a_user_goes_too(self, alice, delete):
        made(alice, expires_at=NOW), made(None, expires_at=NOW)
        assert delete(after(days=1), 1000) == 2


class TestEnded:
    def test_they_are_those_that_would_be_deleted(self, alice):
        gone = made(alice, expires_at=after(microseconds=-1))
        made(alice, expires_at=NOW)
        assert list(ended(NOW)) == [gone]


class TestStatements:
    def test_a_few_take_one(self, alice, django_assert_num_queries):
        made(alice, expires_at=NOW)
        with django_assert_num_queries(1):
            assert prune(after(days=1), 20) == 1

    @pytest.mark.skipif(connection.vendor == "mysql", reason="there it is prune() itself")
    @pytest.mark.parametrize(
        ("days", "limit", "statements"), [((0,), 1000, 2), ((0, 1), 1, 2), ((0, 0), 1, 3)]
    )
    def test_many_take_three_at_most(self, alice, days, limit, statements):
        for day in days:
            made(alice, expires_at=after(days=day))
        with CaptureQueriesContext(connection) as taken:
            assert prune_many(after(days=10), limit) == 1
        assert len(taken) == statements

    @pytest.mark.skipif(connection.vendor == "mysql", reason="there it is prune() itself")
    def test_a_batch_is_deleted_by_its_end_and_not_row_by_row(self, alice):
        made(alice, expires_at=NOW), made(alice, expires_at=after(days=1))
        with CaptureQueriesContext(connection) as taken:
            assert prune_many(after(days=10), 1) == 1
        assert taken[1]["sql"].startswith("DELETE")
        assert "SELECT" not in taken[1]["sql"]
