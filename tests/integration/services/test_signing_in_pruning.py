"""A sign-in deletes a few sessions that ended long ago, and costs three statements at most."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from django_tokenauth import services
from django_tokenauth.models import Session
from django_tokenauth.services import signing_in
from django_tokenauth.sessions import pruning
from tests.support.clock import NOW, after
from tests.support.locks import busy
from tests.support.session_rows import made

# Nothing is pruned inside of a transaction, so these have none around them.
pytestmark = pytest.mark.django_db(transaction=True)

RETENTION = timedelta(days=7)


def statements_of(act):
    """The first word and the table of each statement, but for that of Django's last login."""
    with CaptureQueriesContext(connection) as statements:
        act()
    table = Session._meta.db_table
    return [sql[:6] for sql in (one["sql"] for one in statements) if table in sql]


class TestPruning:
    def test_what_ended_before_the_retention_goes(self, alice, bob):
        gone = [
            made(alice, idle_expires_at=NOW - RETENTION - timedelta(microseconds=1)),
            made(bob, idle_expires_at=NOW - RETENTION - timedelta(days=100)),
            made(None, idle_expires_at=NOW - RETENTION - timedelta(days=1)),
        ]
        kept = {
            made(bob, idle_expires_at=NOW - RETENTION),
            made(bob, idle_expires_at=NOW),
            made(bob, revoked_at=NOW),
            made(bob),
        }
        new = services.sign_in(alice, now=NOW).session
        assert set(Session.objects.all()) == kept | {new}
        assert not Session.objects.filter(pk__in=[session.pk for session in gone]).exists()

    def test_it_goes_in_small_batches_and_the_oldest_first(self, alice):
        for minutes in range(signing_in.PRUNED_PER_SIGN_IN + 5):
            made(alice, idle_expires_at=NOW - RETENTION - timedelta(minutes=1 + minutes))
        services.sign_in(alice, now=NOW)
        left = Session.objects.filter(idle_expires_at__lt=NOW).order_by("-idle_expires_at")
        assert [NOW - RETENTION - session.idle_expires_at for session in left] == [
            timedelta(minutes=minutes) for minutes in range(1, 6)
        ]
        services.sign_in(alice, now=NOW)
        assert not left.all().exists()

    def test_what_access_tokens_may_still_need_stays(self, alice, bob, settings):
        settings.TOKENAUTH = {
            "SESSION_RETENTION": timedelta(seconds=1),
            "ACCESS_TOKEN_LIFETIME": timedelta(minutes=5),
            "LEEWAY": timedelta(seconds=30),
            "REVOCATION_POLL_INTERVAL": timedelta(seconds=15),
        }
        ended = made(bob, idle_expires_at=NOW, revoked_at=NOW)
        services.sign_in(alice, now=after(minutes=6))
        assert Session.objects.filter(pk=ended.pk).exists()
        services.sign_in(alice, now=after(minutes=6, microseconds=1))
        assert not Session.objects.filter(pk=ended.pk).exists()

    def test_inside_of_a_transaction_nothing_is_pruned(self, alice):
        ended = made(alice, idle_expires_at=NOW - timedelta(days=365))
        with transaction.atomic():
            services.sign_in(alice, now=NOW)
        assert Session.objects.filter(pk=ended.pk).exists()


def of_all(before, size):
    return sum(pruning.prune_all(before, size))


@pytest.mark.skipif(
    not connection.features.has_select_for_update, reason="one lock is for everything here"
)
class TestLocks:
    @pytest.mark.parametrize("delete", [pruning.prune, of_all])
    @pytest.mark.parametrize("alive", [0, 1, 1000])
    @pytest.mark.parametrize("ended", [0, 1, 19, 1000])
    def test_sessions_that_others_are_busy_with_are_not_waited_for(
        self, alice, bob, ended, alive, delete
    ):
        self.add(alice, ended, NOW - timedelta(days=365))
        # One is locked beyond those that have ended.
        self.add(alice, 1 + alive, after(minutes=1))
        last = made(bob, idle_expires_at=after(days=90))
        self.analyze()
        with busy(last):
            assert delete(NOW, 2000) == ended
        assert Session.objects.count() == alive + 2

    @pytest.mark.skipif(connection.vendor == "mysql", reason="it locks one row beyond the last")
    @pytest.mark.parametrize("delete", [pruning.prune, of_all])
    def test_the_next_to_end_is_not_waited_for(self, alice, bob, delete):
        made(alice, idle_expires_at=NOW - timedelta(days=365))
        with busy(made(bob, idle_expires_at=NOW)):
            assert delete(NOW, 20) == 1

    def add(self, user, number, first):
        like = made(user)
        fields = {
            field.attname: getattr(like, field.attname)
            for field in Session._meta.concrete_fields
            if not field.primary_key
        }
        ends = (first + timedelta(minutes=minute) for minute in range(number))
        Session.objects.bulk_create(Session(**{**fields, "idle_expires_at": end}) for end in ends)
        like.delete()

    def analyze(self):
        """Let the database know how many rows there are, of which it makes its plans."""
        table = connection.ops.quote_name(Session._meta.db_table)
        with connection.cursor() as cursor:
            cursor.execute(f"ANALYZE {'TABLE ' * (connection.vendor == 'mysql')}{table}")


class TestFailure:
    @pytest.fixture
    def ended(self, alice):
        return made(alice, idle_expires_at=NOW - timedelta(days=365))

    @pytest.fixture
    def _kept_by_another_app(self, ended):
        """A table whose rows forbid the deletion of the sessions that they point to."""
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

    @pytest.mark.usefixtures("_kept_by_another_app")
    def test_it_is_logged_and_the_user_is_signed_in(self, alice, ended, caplog):
        pair = services.sign_in(alice, now=NOW)
        assert services.refresh(pair.refresh_token, now=after(minutes=1)).session == pair.session
        assert Session.objects.filter(pk=ended.pk).exists()
        assert ("WARNING", "pruning failed (IntegrityError)") in [
            (record.levelname, record.message) for record in caplog.records
        ]


class TestStatements:
    def test_the_first_sign_in(self, alice):
        assert statements_of(lambda: services.sign_in(alice, now=NOW)) == [
            "INSERT",
            "SELECT",
            "DELETE",
        ]

    def test_one_with_rows_to_prune(self, alice):
        for _ in range(30):
            made(alice, idle_expires_at=NOW - timedelta(days=365))
        assert statements_of(lambda: services.sign_in(alice, now=NOW)) == [
            "INSERT",
            "SELECT",
            "DELETE",
        ]

    def test_one_with_too_many_sessions(self, alice, settings):
        settings.TOKENAUTH = {"MAX_SESSIONS_PER_USER": 2}
        for _ in range(10):
            made(alice)
        made(alice, idle_expires_at=NOW - timedelta(days=365))
        assert statements_of(lambda: services.sign_in(alice, now=after(minutes=1))) == [
            "INSERT",
            "SELECT",
            "UPDATE",
        ]

    def test_the_user_of_those_that_were_too_many_is_at_hand(
        self, alice, settings, django_assert_num_queries
    ):
        settings.TOKENAUTH = {"MAX_SESSIONS_PER_USER": 2}
        for _ in range(10):
            made(alice)
        # Three, and the last login.
        with django_assert_num_queries(4):
            services.sign_in(alice, now=after(minutes=1))

    def test_one_without_a_limit(self, alice, settings):
        settings.TOKENAUTH = {"MAX_SESSIONS_PER_USER": None}
        assert statements_of(lambda: services.sign_in(alice, now=NOW)) == ["INSERT", "DELETE"]

    def test_nothing_else_but_the_last_login(self, alice, django_assert_num_queries):
        with django_assert_num_queries(4):
            services.sign_in(alice, now=NOW)
