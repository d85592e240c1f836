"""Sessions in a PostgreSQL table that is partitioned by id with ``docs/partitions.sql``."""

from __future__ import annotations

import json
import re
from contextlib import contextmanager
from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import call_command
from django.db import connection
from django.utils import timezone

from django_tokenauth import services
from django_tokenauth.errors import InvalidGrant
from django_tokenauth.models import RevokedReason, Session
from django_tokenauth.sessions import pruning
from django_tokenauth.sessions.revocations import RevokedSessions
from tests.support.clock import NOW, after
from tests.support.documents import DOCS

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.skipif(
        connection.vendor != "postgresql", reason="the partitions are for PostgreSQL"
    ),
]
PARTITIONS = {f"django_tokenauth_session_{number}" for number in range(4)}


@pytest.fixture
def old_pair(alice):
    """Sign in before the table is partitioned."""
    return services.sign_in(alice, now=NOW)


@pytest.fixture(autouse=True)
def _create_partitions(old_pair):
    with connection.cursor() as cursor:
        # This runs in the transaction of the test, which checks constraints at its end.
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute((DOCS / "partitions.sql").read_text(encoding="utf-8"))
        cursor.execute("SET CONSTRAINTS ALL DEFERRED")


def claims_of(pair, now=NOW):
    return services.authenticate_access_token(pair.access_token, now=now)


@contextmanager
def capture_statements():
    """Capture the executed statements with their parameters."""
    captured = []

    def record(execute, sql, params, many, context):
        captured.append((sql, params))
        return execute(sql, params, many, context)

    with connection.execute_wrapper(record):
        yield captured


def partitions_of(statements):
    """Return the partitions that PostgreSQL scans for each statement."""
    scanned = []
    with connection.cursor() as cursor:
        for sql, params in statements:
            cursor.execute(f"EXPLAIN (FORMAT JSON) {sql}", params)
            [explained] = cursor.fetchone()
            plan = explained if isinstance(explained, str) else json.dumps(explained)
            # An alias may be named like another partition, so read only relation names.
            read = set(re.findall(r'"Relation Name": "(\w+)"', plan))
            scanned.append(read & PARTITIONS)
    return scanned


class TestUse:
    def test_session_created_before_partitioning_is_refreshed(self, old_pair, alice):
        pair = services.refresh(old_pair.refresh_token, now=after(minutes=1))
        assert services.get_user(claims_of(pair, after(minutes=1))) == alice
        assert [session.generation for session in services.list_sessions(alice)] == [2]

    def test_reuse_in_a_partitioned_table_revokes_the_session(self, old_pair):
        token = old_pair.refresh_token
        for minute in (1, 2):
            token = services.refresh(token, now=after(minutes=minute)).refresh_token
        with pytest.raises(InvalidGrant):
            services.refresh(old_pair.refresh_token, now=after(minutes=3))
        assert Session.objects.get().revoked_reason == RevokedReason.REUSED

    def test_new_sessions_use_all_partitions_and_are_listed(self, alice):
        for second in range(40):
            services.sign_in(alice, now=after(seconds=second))
        with connection.cursor() as cursor:
            cursor.execute("SELECT DISTINCT tableoid::regclass::text FROM django_tokenauth_session")
            assert {name for [name] in cursor.fetchall()} == PARTITIONS
        listed = list(services.list_sessions(alice, now=after(minutes=1)))
        assert len(listed) == 41
        assert listed == sorted(listed, key=lambda session: session.created_at, reverse=True)
        assert services.sign_out_everywhere(alice, now=after(minutes=1)) == 41
        snapshot = RevokedSessions(timedelta(seconds=10), timedelta(minutes=6))
        snapshot.refresh(after(minutes=2).timestamp())
        assert all(str(session.pk) in snapshot for session in listed)

    def test_session_limit_applies_across_partitions(self, old_pair, alice, settings):
        settings.TOKENAUTH = {"MAX_SESSIONS_PER_USER": 2}
        for minute in (1, 2):
            services.sign_in(alice, now=after(minutes=minute))
        assert Session.objects.get(pk=old_pair.session.pk).revoked_reason == RevokedReason.EVICTED

    def test_prune_deletes_oldest_sessions_across_partitions(self, bob):
        for minute in range(10):
            services.sign_in(bob, now=after(minutes=minute))
        first = list(Session.objects.order_by("idle_expires_at").values_list("pk", flat=True))
        assert pruning.prune(after(days=365), 4) == 4
        remaining = Session.objects.order_by("idle_expires_at").values_list("pk", flat=True)
        assert list(remaining) == first[4:]

    def test_prune_command_deletes_expired_rows_of_all_partitions(self, alice, bob):
        for minute in range(20):
            services.sign_in(bob, now=after(minutes=minute))
        # The command uses the system clock.
        later, past = timezone.now() + timedelta(days=1), timezone.now() - timedelta(days=365)
        Session.objects.filter(user=alice).update(idle_expires_at=later)
        Session.objects.filter(user=bob).update(idle_expires_at=past)
        call_command("tokenauth_prune", stdout=StringIO())
        assert Session.objects.get().user == alice


class TestPartitions:
    def test_request_and_refresh_scan_one_partition(self, old_pair):
        claims = claims_of(old_pair)
        with capture_statements() as statements:
            services.get_user(claims)
            services.refresh(old_pair.refresh_token, now=after(minutes=1))
        assert [len(scanned) for scanned in partitions_of(statements)] == [1, 1, 1]

    def test_revoke_token_scans_one_partition(self, old_pair):
        with capture_statements() as statements:
            services.revoke_token(old_pair.refresh_token, now=after(minutes=1))
        assert [len(scanned) for scanned in partitions_of(statements)] == [1, 1]

    def test_queries_by_user_or_time_scan_all_partitions(self, alice):
        with capture_statements() as statements:
            list(services.list_sessions(alice))
            pruning.prune(NOW, 20)
            snapshot = RevokedSessions(timedelta(seconds=10), timedelta(minutes=6))
            snapshot.refresh(NOW.timestamp())
        by_statement = partitions_of([each for each in statements if "SAVEPOINT" not in each[0]])
        assert by_statement == [PARTITIONS] * 3


def test_partitioned_table_has_the_indexes_of_the_migrations():
    with connection.cursor() as cursor:
        constraints = connection.introspection.get_constraints(cursor, Session._meta.db_table)
    assert {index.name for index in Session._meta.indexes} <= constraints.keys()
    assert any(each["foreign_key"] for each in constraints.values())
