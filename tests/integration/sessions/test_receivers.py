"""Receivers of Django's user signals: which changes of a user revoke their sessions."""

from __future__ import annotations

from contextlib import nullcontext
from datetime import timedelta

import pytest
from django.contrib.admin.utils import NestedObjects
from django.contrib.auth import get_user_model
from django.contrib.auth.hashers import make_password
from django.core import serializers
from django.db import IntegrityError, OperationalError, connection
from django.db.models.signals import post_save, pre_delete
from django.db.transaction import atomic
from django.test.utils import CaptureQueriesContext

from django_tokenauth import services, signals
from django_tokenauth.errors import InvalidToken
from django_tokenauth.models import RevokedReason, Session
from django_tokenauth.sessions import store
from django_tokenauth.sessions.users import auth_hash
from tests.models import Person
from tests.support.clock import NOW, after
from tests.support.session_rows import create_session
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


def statements_on_sessions(run):
    with CaptureQueriesContext(connection) as statements:
        run()
    table = Session._meta.db_table
    return [sql[:6] for sql in (query["sql"] for query in statements) if table in sql]


def unavailable(*arguments, **options):
    raise OperationalError("the server is gone")


def logged_error(caplog):
    [error] = [record.exc_info[1] for record in caplog.records if record.levelname == "ERROR"]
    return error


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
    def test_password_change_or_deactivation_revokes_the_sessions(self, alice, pair, other, change):
        change(alice)
        session = Session.objects.get(pk=pair.session.pk)
        assert session.revoked_reason == RevokedReason.USER_CHANGED
        assert session.revoked_at == session.idle_expires_at == after(minutes=1)
        assert reason_of(other) == ""

    def test_deactivation_revokes_sessions_of_older_passwords_too(self, alice, pair):
        older = create_session(alice, auth_hash="something")
        deactivate(alice)
        assert set(Session.objects.filter(revoked_at=after(minutes=1))) == {pair.session, older}

    @pytest.mark.parametrize(
        "change",
        [
            lambda user: user.save(),
            lambda user: user.save(update_fields=["email"]),
            lambda user: user.set_password("another"),
        ],
        ids=["save", "other_field", "unsaved_password"],
    )
    def test_user_save_without_a_password_change_keeps_sessions(self, alice, pair, change):
        change(alice)
        assert reason_of(pair) == ""

    def test_session_with_the_new_password_survives_a_user_save(self, alice, pair):
        change_password(alice)
        new = services.sign_in(alice)
        alice.save()
        assert reason_of(new) == ""
        assert reason_of(pair) == RevokedReason.USER_CHANGED

    @pytest.mark.parametrize("field", ["email", "first_name"])
    def test_save_of_an_outdated_user_object_keeps_new_sessions(self, alice, field):
        """Another request read the user before the password change and saves another field."""
        old_object = get_user_model().objects.get(pk=alice.pk)
        change_password(alice)
        new = services.sign_in(alice)
        old_object.save(update_fields=[field])
        assert reason_of(new) == ""

    def test_unsaved_password_change_keeps_the_sessions(self, alice, pair):
        alice.set_password("another")
        alice.is_active = False
        alice.save(update_fields=["email"])
        assert reason_of(pair) == ""

    def test_save_of_another_field_of_an_inactive_user_revokes(self, alice, pair):
        """Another process has deactivated the user without save()."""
        get_user_model().objects.update(is_active=False)
        alice.save(update_fields=["first_name"])
        assert reason_of(pair) == RevokedReason.USER_CHANGED

    def test_save_of_a_deleted_user_raises_no_error(self, alice, pair):
        user = get_user_model().objects.get(pk=alice.pk)
        Session.objects.update(user=None)
        get_user_model().objects.filter(pk=alice.pk)._raw_delete("default")
        post_save.send(type(user), instance=user, created=False, update_fields=frozenset({"email"}))
        assert reason_of(pair) == ""

    def test_password_change_keeps_reason_of_revoked_sessions(self, alice, pair):
        services.revoke_token(pair.refresh_token, now=NOW)
        change_password(alice)
        assert reason_of(pair) == RevokedReason.SIGNED_OUT

    def test_user_save_adds_one_update_of_sessions(self, alice, pair):
        assert statements_on_sessions(alice.save) == ["UPDATE"]
        assert statements_on_sessions(lambda: change_password(alice)) == ["UPDATE"]
        assert statements_on_sessions(lambda: deactivate(alice)) == ["UPDATE"]

    def test_save_of_last_login_adds_no_session_statement(self, alice, pair):
        assert statements_on_sessions(lambda: alice.save(update_fields=["last_login"])) == []

    def test_user_creation_adds_no_session_statement(self):
        create = get_user_model().objects.create_user
        assert statements_on_sessions(lambda: create("newcomer", password="x")) == []

    def test_loading_a_user_fixture_keeps_the_sessions(self, alice, pair):
        alice.set_password("another")
        [loaded] = serializers.deserialize("json", serializers.serialize("json", [alice]))
        assert statements_on_sessions(loaded.save) == []
        assert reason_of(pair) == ""

    def test_password_change_by_a_proxy_model_revokes_the_sessions(self, alice, pair):
        change_password(Person.objects.get(pk=alice.pk))
        assert reason_of(pair) == RevokedReason.USER_CHANGED

    def test_user_save_keeps_sessions_of_a_fallback_secret_key(self, alice, pair, settings):
        settings.SECRET_KEY_FALLBACKS = [settings.SECRET_KEY]
        settings.SECRET_KEY = "a new secret key, which is longer than 32 bytes too"
        alice.save()
        assert reason_of(pair) == ""


class TestBeforeDelete:
    @pytest.mark.attack(92)
    def test_user_deletion_revokes_sessions_and_keeps_their_rows(self, alice, pair, other):
        alice.delete()
        session = Session.objects.get(pk=pair.session.pk)
        assert session.user is None
        assert session.revoked_reason == RevokedReason.USER_DELETED
        assert session.revoked_at == session.idle_expires_at == after(minutes=1)
        assert reason_of(other) == ""

    def test_queryset_deletion_of_users_revokes_their_sessions(self, alice, bob, pair, other):
        get_user_model().objects.all().delete()
        assert reason_of(pair) == reason_of(other) == RevokedReason.USER_DELETED

    def test_user_deletion_by_a_proxy_model_revokes_the_sessions(self, alice, pair):
        Person.objects.get(pk=alice.pk).delete()
        assert reason_of(pair) == RevokedReason.USER_DELETED

    def test_user_deletion_keeps_reason_of_revoked_sessions(self, alice, pair):
        services.revoke_token(pair.refresh_token, now=NOW)
        alice.delete()
        assert reason_of(pair) == RevokedReason.SIGNED_OUT

    def test_page_that_lists_a_deletion_revokes_nothing(self, alice, pair):
        """The admin collects the objects that it would delete, to show them."""
        collector = NestedObjects(using="default", origin=alice)
        collector.collect([alice])
        assert collector.field_updates
        assert reason_of(pair) == ""

    @pytest.mark.parametrize("has_receiver", [False, True])
    def test_deletion_of_many_users_takes_statements_per_batch(self, alice, has_receiver):
        users = get_user_model().objects.bulk_create(
            get_user_model()(username=f"user{number}") for number in range(1000)
        )
        now = after(minutes=1)
        times = {"created_at": now, "refreshed_at": now, "absolute_expires_at": after(days=90)}
        Session.objects.bulk_create(
            Session(user=user, idle_expires_at=after(days=9), client_id="app", **times)
            for user in users
            for _ in range(3)
        )
        with received(signals.session_revoked) if has_receiver else nullcontext([]) as calls:
            statements = statements_on_sessions(
                get_user_model().objects.filter(username__startswith="user").delete
            )
        assert Session.objects.filter(user=None, revoked_reason="user_deleted").count() == 3000
        assert len(calls) == (3000 if has_receiver else 0)
        # SQLite before 3.32 permits 999 parameters, so Django makes two batches.
        assert len(statements) <= (20 if has_receiver else 7)


class TestUnusablePassword:
    """Django makes another unusable password each time, and no user can sign in with one."""

    @pytest.fixture
    def pair(self, alice):
        alice.set_unusable_password()
        alice.save()
        return services.sign_in(alice, now=NOW)

    def is_accepted(self, pair):
        claims = services.authenticate_access_token(pair.access_token, now=NOW)
        try:
            services.get_user(claims)
        except InvalidToken:
            return False
        return services.refresh(pair.refresh_token, now=NOW).session.pk == pair.session.pk

    @pytest.mark.parametrize("update_fields", [None, ["password"]])
    def test_another_unusable_password_revokes_no_session(self, alice, pair, update_fields):
        alice.set_unusable_password()
        alice.save(update_fields=update_fields)
        assert reason_of(pair) == ""
        assert self.is_accepted(pair)

    def test_save_with_the_same_unusable_password_keeps_sessions(self, alice, pair):
        alice.save()
        assert self.is_accepted(pair)

    def test_first_password_after_an_unusable_one_revokes_sessions(self, alice, pair):
        change_password(alice)
        assert reason_of(pair) == RevokedReason.USER_CHANGED

    def test_unusable_password_after_a_password_revokes_sessions(self, bob):
        pair = services.sign_in(bob, now=NOW)
        bob.set_unusable_password()
        bob.save()
        assert reason_of(pair) == RevokedReason.USER_CHANGED

    def test_deactivation_with_an_unusable_password_revokes(self, alice, pair):
        alice.set_unusable_password()
        alice.is_active = False
        alice.save()
        assert reason_of(pair) == RevokedReason.USER_CHANGED

    @pytest.mark.attack(94)
    def test_failed_save_does_not_keep_sessions_of_the_next_change(self, alice, bob, pair):
        """The next save stores a real password."""
        alice.set_unusable_password()
        alice.username = "bob"
        with pytest.raises(IntegrityError), atomic():
            alice.save()
        alice.username = "alice"
        change_password(alice)
        assert reason_of(pair) == RevokedReason.USER_CHANGED

    def test_save_of_a_user_with_deferred_password_reads_no_password(self, alice, pair):
        user = get_user_model().objects.only("email").get(pk=alice.pk)
        with CaptureQueriesContext(connection) as statements:
            user.save(update_fields=["email"])
        # The stored user is read once, and the password of this object is not.
        assert sum(query["sql"].startswith("SELECT") for query in statements) == 1
        assert reason_of(pair) == ""

    def test_new_user_with_an_unusable_password_takes_no_statement(self, db):
        user = get_user_model()(username="carol")
        user.set_unusable_password()
        assert statements_on_sessions(user.save) == []


@pytest.mark.django_db(transaction=True)
class TestSignInDuringDeletion:
    @pytest.fixture
    def signed_in_meanwhile(self, alice):
        """Sign alice in while she is being deleted, after her sessions were revoked."""
        pairs = []

        def sign_in(instance, **keywords):
            pairs.append(services.sign_in(instance, now=NOW))

        pre_delete.connect(sign_in, sender=type(alice))
        yield pairs
        pre_delete.disconnect(sign_in, sender=type(alice))

    @pytest.mark.attack(194)
    def test_session_of_sign_in_during_user_deletion_is_revoked(
        self, alice, other, signed_in_meanwhile
    ):
        with received(signals.session_revoked) as calls:
            alice.delete()
        [pair] = signed_in_meanwhile
        assert reason_of(pair) == RevokedReason.USER_DELETED
        assert reason_of(other) == ""
        assert [call["session"].pk for call in calls] == [pair.session.pk]

    @pytest.fixture
    def stored_meanwhile(self, alice):
        """Store a session of alice whose row lost its user before Django's own update."""

        def store_session(instance, **keywords):
            create_session(instance, device_name="late")
            Session.objects.filter(device_name="late").update(user=None)

        pre_delete.connect(store_session, sender=type(alice))
        yield
        pre_delete.disconnect(store_session, sender=type(alice))

    @pytest.mark.attack(194)
    def test_late_session_of_a_deleted_user_is_revoked_after_commit(
        self, alice, pair, stored_meanwhile, caplog
    ):
        caplog.set_level("INFO", "django_tokenauth")
        with received(signals.session_revoked) as calls:
            alice.delete()
        late = Session.objects.get(device_name="late")
        assert late.revoked_reason == RevokedReason.USER_DELETED
        assert [(call["session"].pk, call["user"]) for call in calls][-1] == (late.pk, None)
        assert [text for text in caplog.messages if "user_deleted" in text] == [
            "1 session revoked: user_deleted",
            "1 session of user None revoked: user_deleted",
        ]

    def test_error_after_the_commit_of_a_user_deletion_is_logged(self, alice, monkeypatch, caplog):
        monkeypatch.setattr(store, "revoke_without_user", unavailable)
        alice.delete()
        assert not get_user_model().objects.filter(username="alice").exists()
        assert isinstance(logged_error(caplog), OperationalError)

    def test_user_deletion_does_not_revoke_older_userless_sessions(self, alice, pair):
        Session.objects.update(user=None, created_at=NOW - timedelta(hours=1))
        alice.delete()
        assert reason_of(pair) == ""

    def test_user_deletion_adds_two_updates_of_the_session_table(self, alice, pair):
        # The other two are Django's own SET NULL, of the user and of the actor.
        assert statements_on_sessions(alice.delete) == ["UPDATE"] * 4


@pytest.mark.django_db(transaction=True)
class TestSignInDuringSave:
    """A sign-in before the commit reads the old password. Its session may be stored later."""

    @pytest.mark.attack(94)
    @pytest.mark.parametrize(
        ("change", "expected"),
        [
            (change_password, {"old": RevokedReason.USER_CHANGED, "new": ""}),
            (deactivate, dict.fromkeys(("old", "new"), RevokedReason.USER_CHANGED)),
        ],
    )
    def test_session_with_old_hash_stored_before_commit_is_revoked(
        self, alice, other, change, expected
    ):
        old_hash = auth_hash(alice)
        with received(signals.session_revoked) as calls, atomic():
            change(alice)
            create_session(alice, device_name="old", auth_hash=old_hash)
            create_session(alice, device_name="new", auth_hash=auth_hash(alice))
        sessions = alice.tokenauth_sessions.all()
        assert {each.device_name: each.revoked_reason for each in sessions} == expected
        assert reason_of(other) == ""
        revoked = {name for name, reason in expected.items() if reason}
        assert {call["session"].device_name for call in calls} == revoked
        assert {call["user"] for call in calls} == {alice}

    def test_error_after_the_commit_of_a_user_save_is_logged(self, alice, monkeypatch, caplog):
        monkeypatch.setattr(store, "batches", unavailable)
        with atomic():
            change_password(alice)
        alice.refresh_from_db()
        assert alice.check_password("another")
        assert isinstance(logged_error(caplog), OperationalError)

    def test_user_deletion_before_commit_of_a_change_logs_no_error(self, alice, caplog):
        with atomic():
            change_password(alice)
            alice.delete()
        assert [record for record in caplog.records if record.levelname == "ERROR"] == []


class TestStateless:
    def test_user_change_in_stateless_mode_adds_no_session_statement(self, alice, pair, settings):
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


class TestSignalsAndLog:
    def test_password_change_sends_a_signal_per_session(self, alice, pair, other, caplog):
        second = services.sign_in(alice, now=NOW)
        with received(signals.session_revoked) as calls:
            change_password(alice)
        assert {call["session"] for call in calls} == {pair.session, second.session}
        for call in calls:
            assert call["session"].revoked_reason == RevokedReason.USER_CHANGED
            assert (call["sender"], call["user"], call["request"]) == (Session, alice, None)

    def test_user_deletion_signal_contains_the_deleted_user(self, alice, pair):
        pk = alice.pk
        with received(signals.session_revoked) as calls:
            alice.delete()
        [call] = calls
        assert (call["session"], call["user"].pk) == (pair.session, pk)
        assert call["session"].revoked_reason == RevokedReason.USER_DELETED
        assert call["session"].user_id == pk

    def test_password_change_without_receivers_takes_one_update(self, alice, pair):
        assert statements_on_sessions(lambda: change_password(alice)) == ["UPDATE"]

    def test_user_save_without_revocation_sends_no_session_revoked(self, alice, pair):
        with received(signals.session_revoked) as calls:
            alice.save()
        assert calls == []

    def test_password_change_logs_the_number_of_revoked_sessions(self, alice, pair, caplog):
        caplog.set_level("INFO", logger="django_tokenauth")
        services.sign_in(alice, now=NOW)
        caplog.clear()
        change_password(alice)
        alice.save()
        assert caplog.messages == [f"2 sessions of user {alice.pk} revoked: user_changed"]


class TestRehash:
    """``PASSWORD_HASHERS`` changed: Django rehashes the same password at the next sign-in."""

    @pytest.fixture
    def _other_hasher(self, settings):
        settings.PASSWORD_HASHERS = settings.PASSWORD_HASHERS[::-1]

    def rehash(self, user):
        before = user.password
        services.check_password(None, "alice", "correct horse")
        user.refresh_from_db()
        assert user.password != before

    @pytest.mark.attack(95)
    def test_password_rehash_keeps_the_sessions(self, alice, pair, request):
        request.getfixturevalue("_other_hasher")
        self.rehash(alice)
        assert reason_of(pair) == ""
        assert services.refresh(pair.refresh_token).session.generation == 2
        assert Session.objects.get().auth_hash == auth_hash(alice)

    @pytest.mark.attack(95)
    def test_password_rehash_that_saves_more_fields_keeps_sessions(
        self, alice, pair, request, monkeypatch
    ):
        """A model may save more fields, such as the time of its last change."""
        save = type(alice).save

        def save_more(user, **options):
            save(user, **{**options, "update_fields": {*options["update_fields"], "first_name"}})

        monkeypatch.setattr(type(alice), "save", save_more)
        request.getfixturevalue("_other_hasher")
        self.rehash(alice)
        assert reason_of(pair) == ""
        assert services.refresh(pair.refresh_token).session.generation == 2

    @pytest.mark.attack(95)
    def test_password_rehash_keeps_access_tokens_valid(self, alice, pair, request):
        request.getfixturevalue("_other_hasher")
        self.rehash(alice)
        claims = services.authenticate_access_token(pair.access_token, now=after(minutes=1))
        assert services.get_user(claims) == alice

    def test_password_rehash_does_not_revive_older_sessions(self, alice, request):
        old_object = create_session(alice, auth_hash="that of an older password")
        request.getfixturevalue("_other_hasher")
        self.rehash(alice)
        old_object.refresh_from_db()
        assert old_object.auth_hash == "that of an older password"

    def test_password_rehash_adds_two_statements(self, alice, pair, request):
        request.getfixturevalue("_other_hasher")
        with CaptureQueriesContext(connection) as statements:
            services.check_password(None, "alice", "correct horse")
        # Read the user and the stored hash, update the user and the sessions.
        # The optional app of the test project has a statement of its own.
        executed = [query["sql"] for query in statements if "api_tokens" not in query["sql"]]
        assert [sql[:6] for sql in executed] == ["SELECT", "SELECT", "UPDATE", "UPDATE"]

    def test_new_password_after_a_rehash_revokes_the_sessions(self, alice, pair, request):
        request.getfixturevalue("_other_hasher")
        user = services.check_password(None, "alice", "correct horse")
        change_password(user)
        assert reason_of(pair) == RevokedReason.USER_CHANGED

    def test_password_rehash_keeps_sessions_of_a_fallback_key(self, alice, pair, settings, request):
        settings.SECRET_KEY_FALLBACKS = [settings.SECRET_KEY]
        settings.SECRET_KEY = "a new secret key, which is longer than 32 bytes too"
        request.getfixturevalue("_other_hasher")
        self.rehash(alice)
        assert services.refresh(pair.refresh_token).session.generation == 2
