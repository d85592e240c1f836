"""A sign-in prunes a few old sessions and takes at most four session statements."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from django_tokenauth import services
from django_tokenauth.models import Session
from django_tokenauth.sessions import pruning
from tests.support.clock import NOW, after
from tests.support.locks import locked_row
from tests.support.session_rows import create_session

# Pruning is skipped inside a transaction, so these tests run without one.
pytestmark = pytest.mark.django_db(transaction=True)

RETENTION = timedelta(days=7)


def session_statements(run):
    """Call *run* and return the verb of each statement that uses the session table."""
    with CaptureQueriesContext(connection) as statements:
        run()
    table = Session._meta.db_table
    return [sql[:6] for sql in (one["sql"] for one in statements) if table in sql]


class TestPruning:
    def test_sign_in_deletes_sessions_past_their_retention(self, alice, bob):
        deleted = [
            create_session(alice, idle_expires_at=NOW - RETENTION - timedelta(microseconds=1)),
            create_session(bob, idle_expires_at=NOW - RETENTION - timedelta(days=100)),
            create_session(None, idle_expires_at=NOW - RETENTION - timedelta(days=1)),
        ]
        kept = {
            create_session(bob, idle_expires_at=NOW - RETENTION),
            create_session(bob, idle_expires_at=NOW),
            create_session(bob, revoked_at=NOW),
            create_session(bob),
        }
        new = services.sign_in(alice, now=NOW).session
        assert set(Session.objects.all()) == kept | {new}
        assert not Session.objects.filter(pk__in=[session.pk for session in deleted]).exists()

    def test_sign_in_prunes_twenty_sessions_oldest_first(self, alice):
        for minutes in range(25):
            create_session(alice, idle_expires_at=NOW - RETENTION - timedelta(minutes=1 + minutes))
        services.sign_in(alice, now=NOW)
        remaining = Session.objects.filter(idle_expires_at__lt=NOW).order_by("-idle_expires_at")
        assert [NOW - RETENTION - session.idle_expires_at for session in remaining] == [
            timedelta(minutes=minutes) for minutes in range(1, 6)
        ]
        services.sign_in(alice, now=NOW)
        assert not remaining.all().exists()

    def test_sign_in_prunes_sessions_only_after_token_expiry(self, alice, bob, settings):
        settings.TOKENAUTH = {
            "SESSION_RETENTION": timedelta(seconds=1),
            "ACCESS_TOKEN_LIFETIME": timedelta(minutes=5),
            "LEEWAY": timedelta(seconds=30),
            "REVOCATION_POLL_INTERVAL": timedelta(seconds=15),
        }
        expired = create_session(bob, idle_expires_at=NOW, revoked_at=NOW)
        services.sign_in(alice, now=after(minutes=7, seconds=30))
        assert Session.objects.filter(pk=expired.pk).exists()
        services.sign_in(alice, now=after(minutes=7, seconds=30, microseconds=1))
        assert not Session.objects.filter(pk=expired.pk).exists()

    def test_sign_in_inside_a_transaction_prunes_nothing(self, alice):
        expired = create_session(alice, idle_expires_at=NOW - timedelta(days=365))
        with transaction.atomic():
            services.sign_in(alice, now=NOW)
        assert Session.objects.filter(pk=expired.pk).exists()


def prune_all(before, size):
    return sum(pruning.prune_all(before, size))


@pytest.mark.skipif(
    not connection.features.has_select_for_update, reason="the database locks no single rows"
)
class TestLockedSessions:
    @pytest.mark.parametrize("delete", [pruning.prune, prune_all])
    @pytest.mark.parametrize("live", [0, 1, 1000])
    @pytest.mark.parametrize("expired", [0, 1, 19, 1000])
    def test_prune_does_not_wait_for_locked_live_sessions(self, alice, bob, expired, live, delete):
        self.add_sessions(alice, expired, NOW - timedelta(days=365))
        # Lock one session that has not expired.
        self.add_sessions(alice, 1 + live, after(minutes=1))
        last = create_session(bob, idle_expires_at=after(days=90))
        self.analyze()
        with locked_row(last):
            assert delete(NOW, 2000) == expired
        assert Session.objects.count() == live + 2

    @pytest.mark.skipif(connection.vendor == "mysql", reason="it locks one row after the last")
    @pytest.mark.parametrize("delete", [pruning.prune, prune_all])
    def test_prune_does_not_wait_for_lock_of_next_expiring_session(self, alice, bob, delete):
        create_session(alice, idle_expires_at=NOW - timedelta(days=365))
        with locked_row(create_session(bob, idle_expires_at=NOW)):
            assert delete(NOW, 20) == 1

    def add_sessions(self, user, number, first):
        template = create_session(user)
        fields = {
            field.attname: getattr(template, field.attname)
            for field in Session._meta.concrete_fields
            if not field.primary_key
        }
        expiry_times = (first + timedelta(minutes=minute) for minute in range(number))
        Session.objects.bulk_create(
            Session(**{**fields, "idle_expires_at": expiry}) for expiry in expiry_times
        )
        template.delete()

    def analyze(self):
        """Update the statistics from which the database plans its queries."""
        table = connection.ops.quote_name(Session._meta.db_table)
        with connection.cursor() as cursor:
            cursor.execute(f"ANALYZE {'TABLE ' * (connection.vendor == 'mysql')}{table}")


class TestFailingPruning:
    @pytest.fixture
    def expired(self, alice):
        return create_session(alice, idle_expires_at=NOW - timedelta(days=365))

    @pytest.fixture
    def _protected_by_foreign_key(self, expired):
        """Create a table with foreign keys that forbid the deletion of sessions."""
        session = Session._meta
        name, kind = connection.ops.quote_name(session.pk.column), session.pk.db_type(connection)
        table = connection.ops.quote_name(session.db_table)
        with connection.cursor() as cursor:
            cursor.execute(
                f"CREATE TABLE kept (session {kind} NOT NULL,"
                f" FOREIGN KEY (session) REFERENCES {table} ({name}))"
            )
            cursor.execute(f"INSERT INTO kept SELECT {name} FROM {table}")  # noqa: S608
        yield
        with connection.cursor() as cursor:
            cursor.execute("DROP TABLE kept")

    @pytest.mark.usefixtures("_protected_by_foreign_key")
    def test_sign_in_succeeds_and_logs_if_pruning_fails(self, alice, expired, caplog):
        pair = services.sign_in(alice, now=NOW)
        assert services.refresh(pair.refresh_token, now=after(minutes=1)).session == pair.session
        assert Session.objects.filter(pk=expired.pk).exists()
        assert ("WARNING", "pruning failed (IntegrityError)") in [
            (record.levelname, record.message) for record in caplog.records
        ]


class TestStatements:
    def test_first_sign_in_takes_four_session_statements(self, alice):
        assert session_statements(lambda: services.sign_in(alice, now=NOW)) == [
            "INSERT",
            "SELECT",
            "SELECT",
            "DELETE",
        ]

    def test_sign_in_that_prunes_takes_four_session_statements(self, alice):
        for _ in range(30):
            create_session(alice, idle_expires_at=NOW - timedelta(days=365))
        assert session_statements(lambda: services.sign_in(alice, now=NOW)) == [
            "INSERT",
            "SELECT",
            "SELECT",
            "DELETE",
        ]

    def test_sign_in_that_evicts_takes_five_session_statements(self, alice, settings):
        settings.TOKENAUTH = {"MAX_SESSIONS_PER_USER": 2}
        for _ in range(10):
            create_session(alice)
        create_session(alice, idle_expires_at=NOW - timedelta(days=365))
        assert session_statements(lambda: services.sign_in(alice, now=after(minutes=1))) == [
            "INSERT",
            "SELECT",
            "SELECT",
            "SELECT",
            "UPDATE",
        ]

    def test_sign_in_that_evicts_does_not_query_the_user_again(
        self, alice, settings, django_assert_num_queries
    ):
        settings.TOKENAUTH = {"MAX_SESSIONS_PER_USER": 2}
        for _ in range(10):
            create_session(alice)
        # Five for sessions, one for last_login.
        with django_assert_num_queries(6):
            services.sign_in(alice, now=after(minutes=1))

    def test_sign_in_without_limit_takes_three_session_statements(self, alice, settings):
        settings.TOKENAUTH = {"MAX_SESSIONS_PER_USER": None}
        assert session_statements(lambda: services.sign_in(alice, now=NOW)) == [
            "INSERT",
            "SELECT",
            "DELETE",
        ]

    def test_sign_in_takes_five_statements_with_last_login(self, alice, django_assert_num_queries):
        with django_assert_num_queries(5):
            services.sign_in(alice, now=NOW)
