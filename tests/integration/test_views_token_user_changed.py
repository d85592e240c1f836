"""A sign-in is rejected if its user changes while the password is hashed or a hook runs."""

from __future__ import annotations

from threading import Thread

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.models import update_last_login
from django.contrib.auth.signals import user_logged_in
from django.db import IntegrityError, connection, transaction
from django.db.models.signals import pre_save

from django_tokenauth import services
from django_tokenauth.errors import InvalidGrant
from django_tokenauth.models import RevokedReason, Session
from django_tokenauth.sessions.users import auth_hash
from tests.support.client import PASSWORDS, WRONG_PASSWORD, get, log_messages, post, status_and_json
from tests.support.interrupted_hashing import HASHERS, during_password_check
from tests.support.session_rows import create_session

STRONGER = "tests.support.hashers.FastPBKDF2"
ALICE = {"username": "alice", "password": PASSWORDS["alice"]}

pytestmark = pytest.mark.django_db(transaction=True)


def change_password(pk):
    user = get_user_model().objects.get(pk=pk)
    user.set_password("another")
    user.save()


def update_password(pk):
    get_user_model().objects.filter(pk=pk).update(password="md5$x$y")


def deactivate(pk):
    user = get_user_model().objects.get(pk=pk)
    user.is_active = False
    user.save()


def update_is_active(pk):
    get_user_model().objects.filter(pk=pk).update(is_active=False)


def delete(pk):
    get_user_model().objects.get(pk=pk).delete()


CHANGES = [change_password, update_password, deactivate, update_is_active, delete]


def in_thread(change, pk):
    """Run *change* in another thread, with its own connection, and wait for it."""

    def run():
        try:
            change(pk)
        finally:
            connection.close()

    thread = Thread(target=run)
    thread.start()
    thread.join()


@pytest.fixture(params=[False, True], ids=["session", "stateless"])
def stateless(request, settings):
    settings.PASSWORD_HASHERS = HASHERS
    settings.TOKENAUTH = {"STATELESS_REFRESH": request.param}
    return request.param


@pytest.mark.promise(5)
@pytest.mark.attack(194)
@pytest.mark.usefixtures("stateless")
class TestUserChangesDuringTheSignIn:
    @pytest.mark.parametrize("change", CHANGES)
    def test_user_change_during_hashing_rejects_the_sign_in(self, alice, change):
        with during_password_check(lambda: in_thread(change, alice.pk)):
            response = post("token/", ALICE)
        assert status_and_json(response) == (400, WRONG_PASSWORD)
        assert not Session.objects.filter(revoked_at=None).exists()

    @pytest.mark.parametrize("change", CHANGES)
    def test_user_change_during_extra_claims_rejects_the_sign_in(self, alice, change, settings):
        def claims(user, session, request):
            in_thread(change, user.pk)
            return {}

        settings.TOKENAUTH = {**settings.TOKENAUTH, "EXTRA_CLAIMS": claims}
        assert status_and_json(post("token/", ALICE)) == (400, WRONG_PASSWORD)
        assert not Session.objects.filter(revoked_at=None).exists()

    @pytest.mark.parametrize("change", CHANGES)
    def test_user_change_in_a_receiver_rejects_the_sign_in(self, alice, change):
        def receive(*, user, **keywords):
            in_thread(change, user.pk)

        user_logged_in.connect(receive)
        try:
            assert status_and_json(post("token/", ALICE)) == (400, WRONG_PASSWORD)
        finally:
            user_logged_in.disconnect(receive)
        assert not Session.objects.filter(revoked_at=None).exists()

    @pytest.mark.parametrize("change", CHANGES)
    def test_sign_in_of_an_outdated_user_object_is_rejected(self, alice, change):
        change(alice.pk)
        with pytest.raises(InvalidGrant):
            services.sign_in(alice)
        assert not Session.objects.filter(revoked_at=None).exists()

    def test_sign_in_rejected_after_a_user_change_is_logged(self, alice, caplog):
        caplog.set_level("INFO", logger="django_tokenauth")
        with during_password_check(lambda: update_is_active(alice.pk)):
            post("token/", ALICE)
        assert log_messages(caplog) == [
            f"user {alice.pk}: the password is correct",
            f"sign-in rejected: user {alice.pk} changed during the sign-in",
        ]

    def test_sign_in_that_rehashes_the_password_succeeds(self, alice, settings):
        settings.PASSWORD_HASHERS = [STRONGER, *HASHERS]
        assert post("token/", ALICE).status_code == 200

    def test_rehash_at_sign_in_keeps_a_concurrent_new_password(self, alice, settings):
        """Django stores the new hash after the check, whatever is stored by then."""
        settings.PASSWORD_HASHERS = [STRONGER, *HASHERS]
        with during_password_check(lambda: in_thread(change_password, alice.pk)):
            assert status_and_json(post("token/", ALICE)) == (400, WRONG_PASSWORD)
        alice.refresh_from_db()
        assert alice.check_password("another")

    def test_parallel_sign_ins_that_rehash_the_password_succeed(self, alice, settings):
        settings.PASSWORD_HASHERS = [STRONGER, *HASHERS]
        statuses = []

        def sign_in(pk):
            statuses.append(post("token/", ALICE).status_code)

        with during_password_check(lambda: in_thread(sign_in, alice.pk)):
            sign_in(alice.pk)
        assert statuses == [200, 200]


@pytest.fixture
def _without_last_login():
    """Django's receiver would wait for the transaction that changes the user."""
    user_logged_in.disconnect(dispatch_uid="update_last_login")
    yield
    user_logged_in.connect(update_last_login, dispatch_uid="update_last_login")


@pytest.mark.promise(5)
@pytest.mark.attack(194)
@pytest.mark.usefixtures("_without_last_login")
def test_commit_of_password_change_revokes_concurrent_session(alice):
    """The sign-in reads the old password after the UPDATE of the user, before its commit."""
    if connection.vendor != "postgresql":
        pytest.skip("SQLite and MariaDB let the INSERT of the session wait for the commit")
    responses = []
    with transaction.atomic():
        change_password(alice.pk)
        in_thread(lambda pk: responses.append(post("token/", ALICE)), alice.pk)
        assert Session.objects.get().revoked_at is None
    assert responses[0].status_code == 200
    assert Session.objects.get().revoked_reason == RevokedReason.USER_CHANGED
    assert get("/who/stateless/", responses[0].json()["access_token"]).status_code == 401


@pytest.mark.parametrize("change", [change_password, deactivate, delete])
def test_commit_revokes_sessions_with_the_old_password_hash(alice, change):
    """A session that the transaction did not see is revoked after the commit."""
    late = []
    with transaction.atomic():
        change(alice.pk)
        if change is not delete:
            late.append(create_session(alice, auth_hash=auth_hash(alice)))
    assert [Session.objects.get(pk=each.pk).revoked_reason for each in late] == (
        ["user_changed"] if late else []
    )


def test_user_saved_and_deleted_in_one_commit_revokes_sessions(alice):
    session = services.sign_in(alice).session
    with transaction.atomic():
        change_password(alice.pk)
        delete(alice.pk)
    assert Session.objects.get(pk=session.pk).revoked_reason == RevokedReason.USER_CHANGED


def test_sign_in_integrity_error_of_existing_user_propagates(alice):
    """Only the deletion of the user makes the error a rejected sign-in."""

    def fail(**keywords):
        raise IntegrityError

    pre_save.connect(fail, sender=Session)
    try:
        with pytest.raises(IntegrityError):
            services.sign_in(alice)
    finally:
        pre_save.disconnect(fail, sender=Session)
    assert not Session.objects.exists()


def test_new_session_in_transaction_of_password_change_is_kept(alice):
    with transaction.atomic():
        for password in ("second", "third"):
            alice.set_password(password)
            alice.save()
        pair = services.sign_in(alice)
    assert list(services.list_sessions(alice)) == [pair.session]
