"""A transaction that saves many users revokes their sessions in batches."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from django.contrib.auth import get_user_model
from django.db import connection
from django.db.transaction import atomic, on_commit, set_rollback
from django.test.utils import CaptureQueriesContext

from django_tokenauth import services
from django_tokenauth.models import RevokedReason, Session
from django_tokenauth.sessions import tenants
from django_tokenauth.sessions.changed_users import AT_ONCE
from django_tokenauth.sessions.users import auth_hash
from django_tokenauth.signals import session_revoked
from tests.support.clock import NOW, after
from tests.support.session_rows import create_session
from tests.support.signal_capture import received

User = get_user_model()


@pytest.fixture(autouse=True)
def _now(time_machine):
    time_machine.move_to(after(minutes=1), tick=False)


@pytest.fixture
def create_users(transactional_db):
    """Return a function that creates users with sessions."""

    def create_users(number, *, sessions=1, password="x"):
        users = User.objects.bulk_create(
            User(username=f"user{each}", password=f"{password}{each}") for each in range(number)
        )
        times = {"created_at": NOW, "refreshed_at": NOW, "absolute_expires_at": after(days=90)}
        Session.objects.bulk_create(
            Session(
                user=user,
                auth_hash=auth_hash(user),
                idle_expires_at=after(days=9),
                client_id="app",
                **times,
            )
            for user in users
            for _ in range(sessions)
        )
        return users

    return create_users


@pytest.fixture
def users(create_users):
    return create_users(AT_ONCE + 4)


def deactivate(user):
    user.is_active = False
    user.save()


def deactivate_field(user):
    user.is_active = False
    user.save(update_fields=["is_active"])


def change_password(user):
    user.set_password("another")
    user.save()


def save(user):
    user.save()


def active_sessions():
    return Session.objects.filter(revoked_at=None).count()


def statements(run):
    with CaptureQueriesContext(connection) as captured:
        run()
    return [query["sql"] for query in captured]


class TestStatements:
    @pytest.mark.parametrize("change", [deactivate, deactivate_field, change_password, save])
    def test_saving_1000_users_takes_40_more_statements_at_most(self, create_users, change):
        users = create_users(1000, sessions=3)

        def run():
            with atomic():
                for user in users:
                    change(user)

        with received(session_revoked) as calls:
            captured = statements(run)
        # Each save is a statement, and the transaction has two.
        assert len(captured) - 1000 - 2 <= 40
        revoked = 0 if change is save else 3000
        assert active_sessions() == 3000 - revoked
        assert len(calls) == revoked

    def test_deactivation_with_unusable_passwords_takes_no_select(self, create_users):
        users = create_users(1000, password="!")

        def run():
            with atomic():
                for user in users:
                    deactivate(user)

        assert len(statements(run)) <= 1000 + 2 + 40
        assert active_sessions() == 0

    def test_deactivation_of_the_field_alone_adds_one_statement(self, users):
        executed = statements(lambda: deactivate_field(users[0]))
        # The optional app of the test project has a statement of its own.
        assert len([sql for sql in executed if "api_tokens" not in sql]) == 2

    def test_save_in_a_transaction_adds_one_select_after_the_commit(self, users):
        def run():
            with atomic():
                users[0].save()

        captured = [sql for sql in statements(run) if Session._meta.db_table in sql]
        assert [sql.split()[0] for sql in captured] == ["UPDATE", "SELECT"]


class TestTransaction:
    def test_sessions_of_the_first_users_are_revoked_at_once(self, users):
        def run():
            for user in users:
                deactivate(user)

        with atomic():
            captured = statements(run)
        updates = [
            sql for sql in captured if sql.startswith("UPDATE") and Session._meta.db_table in sql
        ]
        # Each save is a statement too.
        assert (len(captured), len(updates)) == (len(users) + AT_ONCE, AT_ONCE)

    def test_other_functions_after_the_commit_do_not_hide_the_users(self, users):
        with atomic():
            for user in users:
                deactivate(user)
                on_commit(lambda: None)
            assert len(statements(active_sessions)) > 1
        assert active_sessions() == 0

    def test_statement_without_the_table_of_sessions_revokes_nothing(self, users):
        with atomic():
            for user in users:
                deactivate(user)
            assert len(statements(User.objects.count)) == 1

    @pytest.mark.attack(94)
    def test_statement_on_sessions_sees_all_users_of_the_transaction(self, users):
        with atomic():
            for user in users:
                deactivate(user)
            assert active_sessions() == 0
            # The next statements revoke nothing more.
            assert len(statements(active_sessions)) == 1
        reasons = Session.objects.values_list("revoked_reason", flat=True)
        assert set(reasons) == {RevokedReason.USER_CHANGED}

    def test_save_after_a_statement_on_sessions_waits_again(self, users):
        *first, last = users
        with atomic():
            for user in first:
                deactivate(user)
            assert active_sessions() == 1
            assert len(statements(lambda: deactivate(last))) == 1
            assert active_sessions() == 0

    def test_rollback_revokes_no_session_and_stops_watching(self, users):
        with atomic():
            for user in users:
                deactivate(user)
            set_rollback(True)
        assert active_sessions() == len(users)
        assert connection.execute_wrappers == []

    def test_rollback_to_a_savepoint_keeps_the_sessions_of_its_users(self, users):
        *others, last = users
        with atomic():
            for user in others:
                deactivate(user)
            with atomic():
                deactivate(last)
                set_rollback(True)
            assert active_sessions() == 1
        assert active_sessions() == 1

    def test_rollback_to_a_savepoint_with_all_users_stops_watching(self, users):
        with atomic():
            with atomic():
                for user in users:
                    deactivate(user)
                set_rollback(True)
            assert active_sessions() == len(users)
            assert connection.execute_wrappers == []

    def test_sessions_revoked_in_a_lost_savepoint_end_at_commit(self, users):
        with atomic():
            for user in users:
                deactivate(user)
            with atomic():
                assert active_sessions() == 0
                set_rollback(True)
        assert active_sessions() == 0

    def test_session_that_starts_before_the_commit_is_revoked(self, users):
        with atomic():
            for user in users:
                deactivate(user)
            create_session(users[0], auth_hash=auth_hash(users[0]))
            create_session(users[-1], auth_hash=auth_hash(users[-1]))
        assert active_sessions() == 0

    def test_user_who_is_active_at_the_commit_keeps_waiting_sessions(self, users):
        *others, last = users
        with atomic():
            for user in others:
                deactivate(user)
            deactivate(last)
            last.is_active = True
            last.save()
        assert last.tokenauth_sessions.get().revoked_at is None

    def test_wrapper_of_the_project_is_removed_as_usual(self, users):
        def count(execute, *arguments):
            return execute(*arguments)

        with atomic():
            with connection.execute_wrapper(count):
                for user in users:
                    deactivate(user)
                assert len(connection.execute_wrappers) == 2
            assert count not in connection.execute_wrappers
        assert connection.execute_wrappers == []
        assert active_sessions() == 0

    def test_own_password_change_of_a_later_user_keeps_the_session(self, users):
        *others, last = users
        pair = services.sign_in(last)
        claims = services.authenticate_access_token(pair.access_token)
        with atomic():
            for user in others:
                deactivate(user)
            change_password(last)
            assert services.update_session_auth_hash(SimpleNamespace(auth=claims), last)
        assert [each.pk for each in last.tokenauth_sessions.filter(revoked_at=None)] == [
            pair.session.pk
        ]

    def test_log_counts_the_sessions_of_each_user(self, users, caplog):
        create_session(users[-1])
        caplog.set_level("INFO", "django_tokenauth")
        with atomic():
            for user in users:
                deactivate(user)
        numbers = sorted(message.split(" of ")[0] for message in caplog.messages)
        assert numbers == ["1 session"] * (len(users) - 1) + ["2 sessions"]


def test_own_session_continues_without_a_transaction(transactional_db):
    alice = User.objects.create_user("alice", password="correct horse")
    pair = services.sign_in(alice)
    request = SimpleNamespace(auth=services.authenticate_access_token(pair.access_token))
    alice.set_password("another")
    alice.save()
    assert services.update_session_auth_hash(request, alice)
    assert Session.objects.get().revoked_at is None


def test_users_saved_in_a_test_case_lose_their_sessions_at_once(db):
    """A test case never commits its transaction."""
    for number in range(AT_ONCE + 4):
        user = User.objects.create_user(f"user{number}", password="x")
        pair = services.sign_in(user)
        deactivate(user)
        assert Session.objects.get(pk=pair.session.pk).revoked_at == after(minutes=1)


@pytest.mark.parametrize("change", [deactivate, change_password])
def test_users_of_a_schema_do_not_wait(users, monkeypatch, change):
    """At the commit, the connection may have another schema."""
    monkeypatch.setattr(connection, "schema_name", "a", raising=False)
    tenants._has_schemas.cache_clear()
    with atomic():
        for user in users:
            change(user)
        monkeypatch.undo()
        tenants._has_schemas.cache_clear()
        assert connection.execute_wrappers == []
        assert active_sessions() == 0
