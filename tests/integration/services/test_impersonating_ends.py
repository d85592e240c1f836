"""Events that end a session in which a member of the staff acts as a user."""

from __future__ import annotations

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.hashers import make_password
from django.contrib.auth.models import UserManager
from django.core.management import call_command
from django.db import connection
from django.db.models import Manager
from django.test.utils import CaptureQueriesContext

from django_tokenauth import services, signals
from django_tokenauth.errors import ImpersonationDenied, InvalidGrant, TokenErrorCode
from django_tokenauth.models import RevokedReason, Session
from django_tokenauth.sessions import managers
from tests.support.impersonation import ALLOWED, can_refresh, rejected_code
from tests.support.signal_capture import received

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _allowed(settings):
    settings.TOKENAUTH = ALLOWED


@pytest.fixture
def staff(bob):
    bob.is_staff = True
    bob.save()
    return bob


@pytest.fixture
def pair(staff, alice):
    return services.impersonate(staff, alice)


@pytest.fixture
def hide(monkeypatch):
    """Return a function that lets the default manager of the user model hide a user."""

    def hide(user):
        def get_queryset(manager):
            return Manager.get_queryset(manager).exclude(pk=user.pk)

        monkeypatch.setattr(UserManager, "get_queryset", get_queryset)
        managers._are_plain.cache_clear()

    yield hide
    monkeypatch.undo()
    managers._are_plain.cache_clear()


def change_password(user):
    user.set_password("another")
    user.save()


def deactivate(user):
    user.is_active = False
    user.save()


def delete(user):
    user.delete()


def update(**values):
    def change(user):
        get_user_model().objects.filter(pk=user.pk).update(**values)

    return change


def reason_of(pair):
    return Session.objects.get(pk=pair.session.pk).revoked_reason


@pytest.mark.parametrize("name", ["alice", "bob"])
class TestEitherUser:
    @pytest.mark.parametrize(
        ("change", "reason"),
        [
            (change_password, RevokedReason.USER_CHANGED),
            (deactivate, RevokedReason.USER_CHANGED),
            (delete, RevokedReason.USER_DELETED),
        ],
    )
    def test_change_of_either_user_revokes_the_session(self, pair, name, change, reason):
        with received(signals.session_revoked) as calls:
            change(get_user_model().objects.get(username=name))
        assert reason_of(pair) == reason
        assert [call["session"].pk for call in calls] == [pair.session.pk]
        assert [str(call["user"]) for call in calls] == ["alice"]
        assert rejected_code(pair) == TokenErrorCode.REVOKED
        assert not can_refresh(pair)

    @pytest.mark.parametrize(
        ("change", "code"),
        [
            (update(is_active=False), TokenErrorCode.USER),
            (update(password=make_password("another")), TokenErrorCode.REVOKED),
        ],
    )
    def test_change_without_a_signal_ends_the_session(self, pair, name, change, code):
        change(get_user_model().objects.get(username=name))
        assert reason_of(pair) == ""
        assert rejected_code(pair) == code
        assert not can_refresh(pair)

    def test_change_without_a_receiver_reads_no_session(self, pair, name):
        user = get_user_model().objects.get(username=name)
        with CaptureQueriesContext(connection) as captured:
            change_password(user)
        assert reason_of(pair) == RevokedReason.USER_CHANGED
        table = Session._meta.db_table
        read = [query["sql"] for query in captured if query["sql"].startswith("SELECT")]
        assert [sql for sql in read if table in sql] == []

    def test_save_of_another_field_keeps_the_session(self, pair, name):
        user = get_user_model().objects.get(username=name)
        user.email = "new@example.com"
        user.save()
        assert rejected_code(pair) is None
        assert can_refresh(pair)

    def test_sign_out_everywhere_ends_the_session(self, pair, name):
        user = get_user_model().objects.get(username=name)
        with received(signals.session_revoked) as calls:
            assert services.sign_out_everywhere(user) == 1
        assert reason_of(pair) == RevokedReason.SIGNED_OUT
        assert [str(call["user"]) for call in calls] == ["alice"]

    def test_either_user_lists_and_ends_the_session(self, pair, name):
        user = get_user_model().objects.get(username=name)
        assert list(services.list_sessions(user)) == [pair.session]
        with received(signals.session_revoked) as calls:
            assert services.sign_out(user, pair.session.pk)
        assert [str(call["user"]) for call in calls] == ["alice"]
        assert list(services.list_sessions(user)) == []

    def test_revoke_command_ends_the_session(self, pair, name, capsys):
        call_command("tokenauth_revoke", user=name, interactive=False)
        assert reason_of(pair) == RevokedReason.ADMIN

    def test_new_hash_of_the_same_password_keeps_the_session(self, pair, name, settings):
        old = settings.PASSWORD_HASHERS
        settings.PASSWORD_HASHERS = old[::-1]
        password = {"alice": "correct horse", "bob": "battery staple"}[name]
        assert services.check_password(None, name, password).password.startswith("pbkdf2")
        assert rejected_code(pair) is None


class TestHook:
    def test_refresh_asks_the_hook_again(self, pair, staff):
        update(is_staff=False)(staff)
        assert rejected_code(pair) is None
        assert not can_refresh(pair)

    @pytest.mark.parametrize("result", [False, None])
    def test_reused_token_ends_the_session_whatever_the_hook_does(self, pair, settings, result):
        """None is not a permitted result, so the hook causes an error."""
        second = services.refresh(pair.refresh_token)
        services.refresh(second.refresh_token)
        settings.TOKENAUTH = {"IMPERSONATION": lambda staff, user, request: result}
        with pytest.raises(InvalidGrant):
            services.refresh(pair.refresh_token)
        assert Session.objects.get().revoked_reason == RevokedReason.REUSED

    def test_refresh_without_the_setting_is_rejected(self, pair, settings):
        settings.TOKENAUTH = {}
        assert not can_refresh(pair)

    @pytest.mark.parametrize("change", [change_password, delete])
    def test_change_of_the_actor_without_the_setting_ends_it(self, pair, staff, settings, change):
        """A process that changes users may lack the setting."""
        settings.TOKENAUTH = {}
        change(staff)
        assert reason_of(pair) == ""
        settings.TOKENAUTH = ALLOWED
        assert rejected_code(pair) is not None
        assert not can_refresh(pair)

    def test_session_with_another_actor_is_rejected(self, pair, alice):
        carol = get_user_model().objects.create_user("carol", is_staff=True)
        Session.objects.update(actor=carol)
        assert rejected_code(pair) == TokenErrorCode.USER
        assert not can_refresh(pair)

    def test_refresh_token_without_the_actor_is_rejected(self, alice, staff):
        pair = services.sign_in(alice)
        Session.objects.update(actor=staff)
        assert not can_refresh(pair)


class TestOtherSessions:
    def test_impersonation_evicts_no_session_of_the_user(self, staff, alice, settings):
        settings.TOKENAUTH = {**ALLOWED, "MAX_SESSIONS_PER_USER": 1}
        own = services.sign_in(alice)
        pairs = [services.impersonate(staff, alice) for _ in range(2)]
        assert all(map(can_refresh, (own, *pairs)))
        assert services.sign_in(alice)
        assert [can_refresh(pair) for pair in (own, *pairs)] == [False, True, True]

    def test_impersonation_does_not_evict_sessions_of_the_staff(self, staff, alice, settings):
        settings.TOKENAUTH = {**ALLOWED, "MAX_SESSIONS_PER_USER": 1}
        own = services.sign_in(staff)
        services.impersonate(staff, alice)
        assert can_refresh(own)

    def test_saving_a_user_takes_one_more_statement_with_the_setting(self, alice, settings):
        counts = []
        for tokenauth in ({}, ALLOWED):
            settings.TOKENAUTH = tokenauth
            with CaptureQueriesContext(connection) as statements:
                alice.save()
            counts.append(len(statements))
        assert counts[1] - counts[0] == 1

    def test_deletion_of_many_actors_takes_statements_per_batch(self, alice):
        users = get_user_model().objects.bulk_create(
            get_user_model()(username=f"user{number}", is_staff=True) for number in range(1000)
        )
        template = services.impersonate(users[0], alice).session
        values = {
            field.attname: getattr(template, field.attname)
            for field in Session._meta.concrete_fields
            if field.attname not in ("id", "actor_id")
        }
        Session.objects.bulk_create(Session(**values, actor=user) for user in users)
        with CaptureQueriesContext(connection) as statements:
            get_user_model().objects.filter(username__startswith="user").delete()
        assert Session.objects.filter(actor=None, revoked_reason="user_deleted").count() == 1001
        table = Session._meta.db_table
        assert sum(table in query["sql"] for query in statements) <= 12


@pytest.mark.parametrize("name", ["staff", "alice"])
def test_session_of_a_user_whom_the_manager_hides_is_rejected(name, pair, request, hide):
    hide(request.getfixturevalue(name))
    assert rejected_code(pair) == TokenErrorCode.REVOKED
    assert not can_refresh(pair)


def test_session_without_hidden_users_is_accepted(pair, hide, django_user_model):
    hide(django_user_model.objects.create_user("carol"))
    assert rejected_code(pair) is None
    assert can_refresh(pair)


def test_hidden_member_of_the_staff_may_not_act_as_a_user(staff, alice, hide):
    hide(staff)
    with pytest.raises(ImpersonationDenied):
        services.impersonate(staff, alice)
    assert Session.objects.get().revoked_at is not None


@pytest.mark.parametrize("name", ["staff", "alice"])
def test_sign_out_of_several_users_ends_the_session(name, pair, request, alice, bob):
    other = services.sign_in(alice if name == "staff" else bob)
    assert services.sign_out_users([request.getfixturevalue(name)]) == 1
    assert reason_of(pair) == RevokedReason.SIGNED_OUT
    assert reason_of(other) == ""
