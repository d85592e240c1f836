"""The sessions in a table of PostgreSQL that is partitioned by their id, as the page on growth
shows it."""

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
    pytest.mark.skipif(connection.vendor != "postgresql", reason="it is PostgreSQL's own way"),
]
PARTITIONS = {f"django_tokenauth_session_{number}" for number in range(4)}


@pytest.fixture
def before(alice):
    """The tokens of a session that was there before the partitions."""
    return services.sign_in(alice, now=NOW)


@pytest.fixture(autouse=True)
def _partitioned(before):
    with connection.cursor() as cursor:
        # In one transaction with the test, whose rows are checked at its end.
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute((DOCS / "partitions.sql").read_text(encoding="utf-8"))
        cursor.execute("SET CONSTRAINTS ALL DEFERRED")


def claims_of(pair, now=NOW):
    return services.authenticate_access_token(pair.access_token, now=now)


@contextmanager
def asked():
    """The statements that are sent meanwhile, with their values."""
    found = []

    def note(execute, sql, params, many, context):
        found.append((sql, params))
        return execute(sql, params, many, context)

    with connection.execute_wrapper(note):
        yield found


def partitions_of(statements):
    """Those of the partitions that PostgreSQL looks into for each statement."""
    looked = []
    with connection.cursor() as cursor:
        for sql, params in statements:
            cursor.execute(f"EXPLAIN (FORMAT JSON) {sql}", params)
            [told] = cursor.fetchone()
            plan = told if isinstance(told, str) else json.dumps(told)
            # An alias may have the name of another partition.
            read = set(re.findall(r'"Relation Name": "(\w+)"', plan))
            looked.append(read & PARTITIONS)
    return looked


class TestUse:
    def test_a_session_from_before_goes_on(self, before, alice):
        pair = services.refresh(before.refresh_token, now=after(minutes=1))
        assert services.get_user(claims_of(pair, after(minutes=1))) == alice
        assert [session.generation for session in services.list_sessions(alice)] == [2]

    def test_an_old_token_ends_its_session(self, before):
        token = before.refresh_token
        for minute in (1, 2):
            token = services.refresh(token, now=after(minutes=minute)).refresh_token
        with pytest.raises(InvalidGrant):
            services.refresh(before.refresh_token, now=after(minutes=3))
        assert Session.objects.get().revoked_reason == RevokedReason.REUSED

    def test_new_sessions_are_spread_and_listed_and_end_with_their_user(self, alice):
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

    def test_the_oldest_session_makes_room(self, before, alice, settings):
        settings.TOKENAUTH = {"MAX_SESSIONS_PER_USER": 2}
        for minute in (1, 2):
            services.sign_in(alice, now=after(minutes=minute))
        assert Session.objects.get(pk=before.session.pk).revoked_reason == RevokedReason.EVICTED

    def test_those_that_ended_first_are_pruned_first(self, bob):
        for minute in range(10):
            services.sign_in(bob, now=after(minutes=minute))
        first = list(Session.objects.order_by("idle_expires_at").values_list("pk", flat=True))
        assert pruning.prune(after(days=365), 4) == 4
        left = Session.objects.order_by("idle_expires_at").values_list("pk", flat=True)
        assert list(left) == first[4:]

    def test_the_command_prunes_all_that_ended_and_no_other(self, alice, bob):
        for minute in range(20):
            services.sign_in(bob, now=after(minutes=minute))
        # The command goes by the clock.
        later, past = timezone.now() + timedelta(days=1), timezone.now() - timedelta(days=365)
        Session.objects.filter(user=alice).update(idle_expires_at=later)
        Session.objects.filter(user=bob).update(idle_expires_at=past)
        call_command("tokenauth_prune", stdout=StringIO())
        assert Session.objects.get().user == alice


class TestPartitions:
    def test_a_request_and_a_refresh_look_into_one(self, before):
        claims = claims_of(before)
        with asked() as statements:
            services.get_user(claims)
            services.refresh(before.refresh_token, now=after(minutes=1))
        assert [len(looked) for looked in partitions_of(statements)] == [1, 1, 1]

    def test_so_does_a_sign_out_by_the_token(self, before):
        with asked() as statements:
            services.revoke_token(before.refresh_token, now=after(minutes=1))
        assert [len(looked) for looked in partitions_of(statements)] == [1, 1]

    def test_what_is_asked_by_the_user_or_the_time_looks_into_all(self, alice):
        with asked() as statements:
            list(services.list_sessions(alice))
            pruning.prune(NOW, 20)
            snapshot = RevokedSessions(timedelta(seconds=10), timedelta(minutes=6))
            snapshot.refresh(NOW.timestamp())
        by_table = partitions_of([each for each in statements if "SAVEPOINT" not in each[0]])
        assert by_table == [PARTITIONS] * 3


def test_migrations_find_the_indexes_by_their_names():
    with connection.cursor() as cursor:
        found = connection.introspection.get_constraints(cursor, Session._meta.db_table)
    assert {index.name for index in Session._meta.indexes} <= found.keys()
    assert any(each["foreign_key"] for each in found.values())
