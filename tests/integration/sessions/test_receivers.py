"""What a change of a user means for their sessions, told by Django's own signals."""

from __future__ import annotations

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.hashers import make_password
from django.core import serializers
from django.db import connection
from django.db.models.signals import post_save
from django.test.utils import CaptureQueriesContext

from django_tokenauth import services, signals
from django_tokenauth.models import RevokedReason, Session
from django_tokenauth.sessions.users import auth_hash
from tests.models import Person
from tests.support.clock import NOW, after
from tests.support.session_rows import made
from tests.support.signal_capture import received

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _now(time_machine):
    time_machine.move_to(after(minutes=1), tick=False)


@pytest.fixture
def pair(alice):
    return services.sign_in(alice, now=NOW)


@pytest.fixture
def other(bob):
    return services.sign_in(bob, now=NOW)


def reason_of(pair):
    return Session.objects.get(pk=pair.session.pk).revoked_reason


def statements_on_sessions(act):
    with CaptureQueriesContext(connection) as statements:
        act()
    table = Session._meta.db_table
    return [sql[:6] for sql in (one["sql"] for one in statements) if table in sql]


def change_password(user):
    user.set_password("another")
    user.save()


def assign_password(user):
    user.password = make_password("another")
    user.save(update_fields=["password"])


def make_password_unusable(user):
    user.set_unusable_password()
    user.save(update_fields=["password"])


def deactivate(user):
    user.is_active = False
    user.save(update_fields=["is_active"])


class TestAfterSave:
    @pytest.mark.attack(94, 95)
    @pytest.mark.parametrize(
        "change", [change_password, assign_password, make_password_unusable, deactivate]
    )
    def test_what_ends_the_sessions_of_the_user(self, alice, pair, other, change):
        change(alice)
        session = Session.objects.get(pk=pair.session.pk)
        assert session.revoked_reason == RevokedReason.USER_CHANGED
        assert session.revoked_at == session.idle_expires_at == after(minutes=1)
        assert reason_of(other) == ""

    def test_a_deactivation_ends_those_of_any_password(self, alice, pair):
        older = made(alice, auth_hash="something")
        deactivate(alice)
        assert set(Session.objects.filter(revoked_at=after(minutes=1))) == {pair.session, older}

    @pytest.mark.parametrize(
        "change",
        [
            lambda user: user.save(),
            lambda user: user.save(update_fields=["email"]),
            lambda user: user.set_password("another"),
        ],
        ids=["a save", "another field", "a password that is not saved"],
    )
    def test_what_does_not(self, alice, pair, change):
        change(alice)
        assert reason_of(pair) == ""

    def test_a_new_session_with_the_new_password_stays(self, alice, pair):
        change_password(alice)
        new = services.sign_in(alice)
        alice.save()
        assert reason_of(new) == ""
        assert reason_of(pair) == RevokedReason.USER_CHANGED

    @pytest.mark.parametrize("field", ["email", "first_name"])
    def test_an_object_from_before_the_new_password_ends_no_session_of_it(self, alice, field):
        """Another request has read the user, and now saves a field of its own."""
        stale = get_user_model().objects.get(pk=alice.pk)
        change_password(alice)
        new = services.sign_in(alice)
        stale.save(update_fields=[field])
        assert reason_of(new) == ""

    def test_a_password_that_is_not_among_the_saved_fields_ends_none(self, alice, pair):
        alice.set_password("another")
        alice.is_active = False
        alice.save(update_fields=["email"])
        assert reason_of(pair) == ""

    def test_a_user_who_is_gone_when_a_field_was_saved_is_no_fault(self, alice, pair):
        user = get_user_model().objects.get(pk=alice.pk)
        Session.objects.update(user=None)
        get_user_model().objects.filter(pk=alice.pk)._raw_delete("default")
        post_save.send(type(user), instance=user, created=False, update_fields=frozenset({"email"}))
        assert reason_of(pair) == ""

    def test_sessions_that_ended_keep_their_end(self, alice, pair):
        services.revoke_token(pair.refresh_token, now=NOW)
        change_password(alice)
        assert reason_of(pair) == RevokedReason.SIGNED_OUT

    def test_a_save_takes_one_statement_besides_its_own(self, alice, pair):
        assert statements_on_sessions(alice.save) == ["UPDATE"]
        assert statements_on_sessions(lambda: change_password(alice)) == ["UPDATE"]
        assert statements_on_sessions(lambda: deactivate(alice)) == ["UPDATE"]

    def test_a_last_login_takes_none(self, alice, pair):
        assert statements_on_sessions(lambda: alice.save(update_fields=["last_login"])) == []

    def test_a_new_user_takes_none(self):
        create = get_user_model().objects.create_user
        assert statements_on_sessions(lambda: create("newcomer", password="x")) == []

    def test_a_fixture_is_no_change_of_mind(self, alice, pair):
        alice.set_password("another")
        [loaded] = serializers.deserialize("json", serializers.serialize("json", [alice]))
        assert statements_on_sessions(loaded.save) == []
        assert reason_of(pair) == ""

    def test_a_project_may_save_its_users_by_a_proxy(self, alice, pair):
        change_password(Person.objects.get(pk=alice.pk))
        assert reason_of(pair) == RevokedReason.USER_CHANGED

    def test_sessions_of_a_fallback_key_are_kept(self, alice, pair, settings):
        settings.SECRET_KEY_FALLBACKS = [settings.SECRET_KEY]
        settings.SECRET_KEY = "a new secret key, which is longer than 32 bytes too"
        alice.save()
        assert reason_of(pair) == ""


class TestBeforeDelete:
    @pytest.mark.attack(92)
    def test_the_sessions_end_and_stay_without_a_user(self, alice, pair, other):
        alice.delete()
        session = Session.objects.get(pk=pair.session.pk)
        assert session.user is None
        assert session.revoked_reason == RevokedReason.USER_DELETED
        assert session.revoked_at == session.idle_expires_at == after(minutes=1)
        assert reason_of(other) == ""

    def test_those_of_a_whole_queryset_do_too(self, alice, bob, pair, other):
        get_user_model().objects.all().delete()
        assert reason_of(pair) == reason_of(other) == RevokedReason.USER_DELETED

    def test_a_project_may_delete_its_users_by_a_proxy(self, alice, pair):
        Person.objects.get(pk=alice.pk).delete()
        assert reason_of(pair) == RevokedReason.USER_DELETED

    def test_those_that_ended_keep_their_end(self, alice, pair):
        services.revoke_token(pair.refresh_token, now=NOW)
        alice.delete()
        assert reason_of(pair) == RevokedReason.SIGNED_OUT


class TestStateless:
    def test_nothing_is_done(self, alice, pair, settings):
        settings.TOKENAUTH = {"STATELESS_REFRESH": True}
        assert statements_on_sessions(lambda: change_password(alice)) == []
        assert statements_on_sessions(lambda: deactivate(alice)) == []
        settings.PASSWORD_HASHERS = settings.PASSWORD_HASHERS[::-1]
        alice.is_active = True
        alice.save()
        sign_in = services.check_password
        assert statements_on_sessions(lambda: sign_in(None, "alice", "another")) == []
        alice.delete()
        assert reason_of(pair) == ""


class TestTelling:
    def test_each_session_is_told_of(self, alice, pair, other, caplog):
        second = services.sign_in(alice, now=NOW)
        with received(signals.session_revoked) as calls:
            change_password(alice)
        assert {call["session"] for call in calls} == {pair.session, second.session}
        for call in calls:
            assert call["session"].revoked_reason == RevokedReason.USER_CHANGED
            assert (call["sender"], call["user"], call["request"]) == (Session, alice, None)

    def test_a_deletion_tells_of_the_user_that_was(self, alice, pair):
        pk = alice.pk
        with received(signals.session_revoked) as calls:
            alice.delete()
        [call] = calls
        assert (call["session"], call["user"]) == (pair.session, alice)
        assert call["session"].revoked_reason == RevokedReason.USER_DELETED
        assert call["session"].user_id == pk

    def test_nothing_is_read_when_nobody_listens(self, alice, pair):
        assert statements_on_sessions(lambda: change_password(alice)) == ["UPDATE"]

    def test_nothing_is_told_when_nothing_ended(self, alice, pair):
        with received(signals.session_revoked) as calls:
            alice.save()
        assert calls == []

    def test_the_number_is_logged(self, alice, pair, caplog):
        caplog.set_level("INFO", logger="django_tokenauth")
        services.sign_in(alice, now=NOW)
        caplog.clear()
        change_password(alice)
        alice.save()
        assert caplog.messages == [f"2 sessions of user {alice.pk} revoked: user_changed"]


class TestRehash:
    """``PASSWORD_HASHERS`` changed: Django stores the same password anew at the next sign-in."""

    @pytest.fixture
    def _stronger(self, settings):
        settings.PASSWORD_HASHERS = settings.PASSWORD_HASHERS[::-1]

    def rehash(self, user):
        before = user.password
        services.check_password(None, "alice", "correct horse")
        user.refresh_from_db()
        assert user.password != before

    @pytest.mark.attack(95)
    def test_the_sessions_go_on(self, alice, pair, request):
        request.getfixturevalue("_stronger")
        self.rehash(alice)
        assert reason_of(pair) == ""
        assert services.refresh(pair.refresh_token).session.generation == 2
        assert Session.objects.get().auth_hash == auth_hash(alice)

    @pytest.mark.attack(95)
    def test_the_sessions_go_on_if_the_model_saves_more(self, alice, pair, request, monkeypatch):
        """As models do that keep the time of their last change."""
        save = type(alice).save

        def save_more(user, **given):
            save(user, **{**given, "update_fields": {*given["update_fields"], "first_name"}})

        monkeypatch.setattr(type(alice), "save", save_more)
        request.getfixturevalue("_stronger")
        self.rehash(alice)
        assert reason_of(pair) == ""
        assert services.refresh(pair.refresh_token).session.generation == 2

    @pytest.mark.attack(95)
    def test_the_access_tokens_go_on(self, alice, pair, request):
        request.getfixturevalue("_stronger")
        self.rehash(alice)
        claims = services.authenticate_access_token(pair.access_token, now=after(minutes=1))
        assert services.get_user(claims) == alice

    def test_sessions_of_an_older_password_do_not_come_alive(self, alice, request):
        stale = made(alice, auth_hash="that of an older password")
        request.getfixturevalue("_stronger")
        self.rehash(alice)
        stale.refresh_from_db()
        assert stale.auth_hash == "that of an older password"

    def test_it_takes_two_statements_besides_its_own(self, alice, pair, request):
        request.getfixturevalue("_stronger")
        with CaptureQueriesContext(connection) as statements:
            services.check_password(None, "alice", "correct horse")
        # The user, the hash of before, the user's own change, the sessions.
        assert [one["sql"][:6] for one in statements] == ["SELECT", "SELECT", "UPDATE", "UPDATE"]

    def test_a_new_password_afterwards_ends_the_sessions(self, alice, pair, request):
        request.getfixturevalue("_stronger")
        user = services.check_password(None, "alice", "correct horse")
        change_password(user)
        assert reason_of(pair) == RevokedReason.USER_CHANGED

    def test_sessions_of_a_fallback_key_go_on_too(self, alice, pair, settings, request):
        settings.SECRET_KEY_FALLBACKS = [settings.SECRET_KEY]
        settings.SECRET_KEY = "a new secret key, which is longer than 32 bytes too"
        request.getfixturevalue("_stronger")
        self.rehash(alice)
        assert services.refresh(pair.refresh_token).session.generation == 2
