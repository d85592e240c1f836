"""The sessions of changed users end after the commit, whatever the project's code does."""

from __future__ import annotations

from contextlib import contextmanager

import pytest
from django.contrib.auth import get_user_model
from django.db import connection
from django.db.transaction import atomic, on_commit, set_rollback
from django.test import TestCase

from django_tokenauth import services
from django_tokenauth.models import RevokedReason, Session
from django_tokenauth.sessions.changed_users import AT_ONCE
from tests.support.clock import after
from tests.support.session_rows import create_session

User = get_user_model()


@pytest.fixture(autouse=True)
def _now(time_machine):
    time_machine.move_to(after(minutes=1), tick=False)


@pytest.fixture
def users(transactional_db):
    users = [User.objects.create_user(f"user{each}") for each in range(AT_ONCE + 4)]
    for user in users:
        services.sign_in(user)
    return users


class ProjectError(Exception):
    """The error of a function that the project calls after the commit."""


def fail():
    raise ProjectError


@contextmanager
def failing_commit():
    """Commit a transaction in which the project registers fail()."""
    with pytest.raises(ProjectError), atomic():
        yield


def deactivate(user):
    user.is_active = False
    user.save()


def active_sessions():
    return Session.objects.filter(revoked_at=None).count()


class TestFailingFunctions:
    """Django skips the functions after one that raises an error."""

    def test_earlier_function_that_fails_keeps_no_session(self, users):
        with failing_commit():
            on_commit(fail)
            for user in users:
                deactivate(user)
        assert active_sessions() == 0

    def test_functions_between_the_saves_that_fail_keep_no_session(self, users):
        with failing_commit():
            for user in users:
                deactivate(user)
                on_commit(fail)
        assert active_sessions() == 0

    def test_failure_after_a_lost_savepoint_keeps_no_session(self, users):
        first, *others = users
        with failing_commit():
            with atomic():
                deactivate(first)
                set_rollback(True)
            on_commit(fail)
            for user in others:
                deactivate(user)
        assert active_sessions() == 1

    def test_failing_function_keeps_no_session_that_starts_meanwhile(self, users):
        first, *_ = users
        with failing_commit():
            on_commit(fail)
            deactivate(first)
            create_session(first)
        assert not first.tokenauth_sessions.filter(revoked_at=None).exists()

    def test_failing_function_keeps_no_session_of_a_deleted_user(self, users):
        first, *_ = users
        orphan = create_session(first)
        with failing_commit():
            on_commit(fail)
            first.delete()
            # A sign-in may store a session during the deletion.
            Session.objects.filter(pk=orphan.pk).update(
                revoked_at=None, revoked_reason="", idle_expires_at=after(days=9)
            )
        orphan.refresh_from_db()
        assert orphan.revoked_reason == RevokedReason.USER_DELETED

    def test_functions_of_the_project_keep_their_order(self, users):
        first, second, *_ = users
        called = []
        with atomic():
            on_commit(lambda: called.append(1))
            deactivate(first)
            on_commit(lambda: called.append(2))
            deactivate(second)
            on_commit(lambda: called.append(3))
        assert called == [1, 2, 3]


class TestCapturedFunctions:
    """Django's test cases call the last functions of the list."""

    def test_captured_functions_are_those_of_the_block(self, db):
        alice = User.objects.create_user("alice")
        called = []
        on_commit(lambda: called.append("before"))
        with TestCase.captureOnCommitCallbacks(execute=True) as callbacks:
            deactivate(alice)
            on_commit(lambda: called.append("captured"))
        # Those of the sessions and of the API tokens, and that of the project.
        assert (len(callbacks), called) == (3, ["captured"])


class TestFailingUserModel:
    """The method that returns the auth hash belongs to the project."""

    def test_user_without_a_readable_auth_hash_loses_the_sessions(self, users, monkeypatch, caplog):
        get_session_auth_hash = User.get_session_auth_hash
        broken, *others = users

        def fail_for_one(user):
            if user.pk == broken.pk and not connection.in_atomic_block:
                raise ProjectError
            return get_session_auth_hash(user)

        monkeypatch.setattr(User, "get_session_auth_hash", fail_for_one)
        with atomic():
            for user in users:
                user.save()
            for user in others:
                User.objects.filter(pk=user.pk).update(is_active=False)
        assert active_sessions() == 0
        assert "the auth hash of user" in caplog.text
