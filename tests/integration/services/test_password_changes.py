"""Users who change their own password stay signed in here, and are signed out elsewhere."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from django.contrib.auth.hashers import make_password
from django.db import transaction
from django.db.models.signals import post_save
from rest_framework.permissions import IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.test import APIClient, APIRequestFactory, force_authenticate
from rest_framework.views import APIView

from django_tokenauth import services
from django_tokenauth.authentication import JWTAuthentication
from django_tokenauth.errors import InvalidGrant, InvalidToken
from django_tokenauth.models import RevokedReason, Session
from tests.support.client import log_messages
from tests.support.clock import NOW
from tests.support.hashers import FastPBKDF2

pytestmark = pytest.mark.django_db

DEVICE = {"device_name": "phone", "client_id": "app", "scope": ["notes:read"]}


@pytest.fixture(autouse=True)
def _settings(settings):
    settings.TOKENAUTH = {"SCOPES": ["notes:read", "notes:write"]}


@pytest.fixture
def here(alice):
    return services.sign_in(alice, **DEVICE)


@pytest.fixture
def there(alice):
    return services.sign_in(alice)


class ChangePassword(APIView):
    authentication_classes = (JWTAuthentication,)
    permission_classes = (IsAuthenticated,)
    first = "save"

    def post(self, request):
        user = request.user
        user.set_password(request.data["password"])
        with transaction.atomic():
            if self.first == "save":
                user.save()
                kept = services.update_session_auth_hash(request, user)
            else:
                kept = services.update_session_auth_hash(request, user)
                user.save()
        return Response(kept)


def change(pair, **initkwargs):
    request = APIRequestFactory().post(
        "/",
        {"password": "new"},
        headers={"Authorization": f"Bearer {pair.access_token}"},
    )
    return ChangePassword.as_view(**initkwargs)(request)


def is_accepted(pair):
    try:
        services.get_user(services.authenticate_access_token(pair.access_token))
    except InvalidToken:
        return False
    return True


@pytest.mark.parametrize("first", ["save", "update"])
class TestOwnPassword:
    def test_own_password_change_keeps_only_the_current_session(self, here, there, first):
        assert change(here, first=first).data is True
        assert (is_accepted(here), is_accepted(there)) == (True, False)
        with pytest.raises(InvalidGrant):
            services.refresh(there.refresh_token)
        assert services.refresh(here.refresh_token).session.pk == here.session.pk

    def test_kept_session_has_its_name_client_scope_and_expiry(self, here, first):
        before = Session.objects.get()
        change(here, first=first)
        after_change = Session.objects.get()
        for field in Session._meta.concrete_fields:
            if field.name != "auth_hash":
                assert getattr(after_change, field.name) == getattr(before, field.name), field
        assert services.refresh(here.refresh_token).scope == {"notes:read"}

    def test_kept_session_ends_with_the_next_password_change(self, here, alice, first):
        change(here, first=first)
        alice.set_password("another")
        alice.save()
        assert not is_accepted(here)

    def test_kept_session_is_logged_without_its_id(self, here, first, caplog):
        caplog.set_level("INFO", "django_tokenauth")
        change(here, first=first)
        [message] = [text for text in log_messages(caplog) if "continues" in text]
        assert message.endswith(f"of user {here.user.pk} continues after a change of the password")
        assert str(here.session.pk) not in message


def request_of(pair=None, user=None):
    auth = None if pair is None else services.authenticate_access_token(pair.access_token)
    return SimpleNamespace(user=user, auth=auth)


def save_new_password(user):
    user.set_password("new")
    user.save()


def saved_again(user):
    save_new_password(user)
    user.first_name = "Alice"
    user.save()


def saved_again_in_a_transaction(user):
    with transaction.atomic():
        saved_again(user)


def saved_again_in_part(user):
    save_new_password(user)
    user.save(update_fields=["first_name"])


def saved_again_by_a_receiver(user):
    """The receiver of a project stores, for example, the time of the change."""

    def save_once_more(instance, **keywords):
        post_save.disconnect(save_once_more, sender=type(user))
        instance.save()

    post_save.connect(save_once_more, sender=type(user))
    save_new_password(user)


def changed_again(user):
    user.set_password("first")
    user.save()
    save_new_password(user)


@pytest.mark.parametrize(
    "save",
    [
        *(saved_again, saved_again_in_a_transaction, saved_again_in_part),
        *(saved_again_by_a_receiver, changed_again),
    ],
)
def test_user_who_was_saved_again_stays_signed_in(alice, here, there, save):
    request = request_of(here)
    save(alice)
    assert services.update_session_auth_hash(request, alice) is True
    assert (is_accepted(here), is_accepted(there)) == (True, False)


def test_user_whose_old_password_was_rehashed_stays_signed_in(alice):
    """Django replaces an outdated hash while a view checks the old password."""
    alice.password = make_password("correct horse", hasher=FastPBKDF2.algorithm)
    alice.save()
    here, there = services.sign_in(alice), services.sign_in(alice)
    request = request_of(here)
    assert alice.check_password("correct horse")
    save_new_password(alice)
    assert services.update_session_auth_hash(request, alice) is True
    assert (is_accepted(here), is_accepted(there)) == (True, False)


class TestNotKept:
    def test_request_without_a_token_ends_all_sessions(self, alice, here):
        save_new_password(alice)
        assert services.update_session_auth_hash(request_of(), alice) is False
        assert not is_accepted(here)

    def test_forced_authentication_keeps_no_session(self, alice, here):
        request = Request(APIRequestFactory().get("/"))
        force_authenticate(request, alice)
        save_new_password(alice)
        assert services.update_session_auth_hash(request, alice) is False

    def test_token_of_another_user_keeps_no_session_of_either(self, alice, bob, here):
        """A member of the staff changes the password of a user."""
        staff = services.sign_in(bob)
        save_new_password(alice)
        assert services.update_session_auth_hash(request_of(staff), alice) is False
        assert (is_accepted(here), is_accepted(staff)) == (False, True)

    @pytest.mark.parametrize("reason", [each for each in RevokedReason if each != "user_changed"])
    def test_session_revoked_for_another_reason_stays_revoked(self, alice, here, reason):
        request = request_of(here)
        services.sign_out(alice, here.session.pk, reason=reason)
        save_new_password(alice)
        assert services.update_session_auth_hash(request, alice) is False
        assert Session.objects.get().revoked_reason == reason

    def test_session_that_another_save_revoked_stays_revoked(self, alice, here):
        request = request_of(here)
        save_new_password(type(alice).objects.get())
        alice.refresh_from_db()
        assert services.update_session_auth_hash(request, alice) is False

    def test_revocation_of_a_save_is_undone_only_once(self, alice, here):
        request = request_of(here)
        save_new_password(alice)
        revoked_at = Session.objects.get().revoked_at
        assert services.update_session_auth_hash(request, alice) is True
        Session.objects.update(revoked_at=revoked_at, revoked_reason="user_changed")
        assert services.update_session_auth_hash(request, alice) is False

    def test_session_of_a_user_who_was_inactive_is_not_continued(self, alice, here):
        request = request_of(here)
        for alice.is_active in (False, True):
            alice.save()
        assert services.update_session_auth_hash(request, alice) is False

    @pytest.mark.parametrize("column", ["idle_expires_at", "absolute_expires_at"])
    def test_expired_session_is_not_continued(self, alice, here, column):
        request = request_of(here)
        if column == "absolute_expires_at":
            save_new_password(alice)
        else:
            alice.set_password("new")
        now = Session.objects.get().revoked_at or NOW
        Session.objects.update(**{column: now})
        assert services.update_session_auth_hash(request, alice, now=now) is False

    def test_inactive_user_keeps_no_session(self, alice, here):
        request = request_of(here)
        alice.is_active = False
        save_new_password(alice)
        assert services.update_session_auth_hash(request, alice) is False

    def test_deleted_session_is_not_continued(self, alice, here):
        request = request_of(here)
        Session.objects.all().delete()
        assert services.update_session_auth_hash(request, alice) is False

    def test_session_revoked_at_the_same_moment_stays_revoked(self, alice, here):
        request = request_of(here)
        alice.set_password("new")

        def revoke_first(execute, sql, params, many, context):
            if sql.startswith("UPDATE") and not revoked:
                revoked.append(True)
                Session.objects.update(revoked_at=NOW, revoked_reason="signed_out")
            return execute(sql, params, many, context)

        revoked = []
        with transaction.get_connection().execute_wrapper(revoke_first):
            assert services.update_session_auth_hash(request, alice) is False
        assert Session.objects.get().revoked_reason == "signed_out"

    def test_stateless_refresh_has_no_session_to_keep(self, alice, settings):
        settings.TOKENAUTH = {"STATELESS_REFRESH": True}
        assert services.update_session_auth_hash(request_of(), alice) is False


def test_other_sessions_end_even_if_the_user_was_saved_by_update(alice, here, there):
    request = request_of(here)
    alice.set_password("new")
    type(alice).objects.filter(pk=alice.pk).update(password=alice.password)
    assert services.update_session_auth_hash(request, alice) is True
    assert Session.objects.get(pk=there.session.pk).revoked_reason == "user_changed"


def test_password_change_over_http_takes_three_more_statements(
    alice, here, django_assert_num_queries
):
    request = request_of(here)
    save_new_password(alice)
    with django_assert_num_queries(3):
        services.update_session_auth_hash(request, alice)


def test_client_goes_on_with_the_same_tokens(alice, settings):
    client = APIClient()
    body = {"username": "alice", "password": "correct horse"}
    tokens = client.post("/auth/token/", body).json()
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {tokens['access_token']}")
    claims = services.authenticate_access_token(tokens["access_token"])
    save_new_password(alice)
    assert client.get("/who/").status_code == 401
    services.update_session_auth_hash(SimpleNamespace(auth=claims), alice)
    assert client.get("/who/").status_code == 200
