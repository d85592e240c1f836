"""The routes of the package with the access token of a member of the staff who acts as a user."""

from __future__ import annotations

from io import StringIO

import pytest
from django.core.management import call_command
from rest_framework.permissions import IsAuthenticated
from rest_framework.response import Response
from rest_framework.test import APIRequestFactory
from rest_framework.views import APIView

from django_tokenauth import services
from django_tokenauth.authentication import JWTAuthentication
from django_tokenauth.permissions import IsNotImpersonated
from tests.support.client import call, get, post
from tests.support.impersonation import ALLOWED, is_accepted

pytestmark = pytest.mark.django_db

SESSIONS = "/auth/sessions/"
IMPERSONATION = {"actor": "bob", "user": "alice"}


@pytest.fixture(autouse=True)
def _allowed(settings):
    settings.TOKENAUTH = ALLOWED


@pytest.fixture
def staff(bob):
    bob.is_staff = True
    bob.save()
    return bob


@pytest.fixture
def own(alice):
    return services.sign_in(alice)


@pytest.fixture
def pair(staff, alice, own):
    return services.impersonate(staff, alice)


def listed(pair):
    return [
        (session["impersonation"], session["current"])
        for session in get(SESSIONS, pair.access_token).json()
    ]


def test_both_users_see_the_session_in_three_statements(
    staff, own, pair, django_assert_num_queries
):
    with django_assert_num_queries(3):
        assert listed(own) == [(IMPERSONATION, False), (None, True)]
    staff_pair = services.sign_in(staff)
    with django_assert_num_queries(3):
        assert listed(staff_pair) == [(None, True), (IMPERSONATION, False)]
    assert listed(pair) == [(IMPERSONATION, True), (None, False)]


@pytest.mark.parametrize("path", ["", "?keep=current", "other"])
def test_actor_cannot_end_sessions_of_the_user(own, pair, path):
    path = f"{own.session.pk}/" if path == "other" else path
    response = call("DELETE", SESSIONS + path, pair.access_token)
    assert response.status_code == 403
    assert response.json() == {"detail": "The user must do this without the staff."}
    assert is_accepted(own)
    assert is_accepted(pair)


def test_actor_can_end_the_session_of_the_token(own, pair):
    path = f"{SESSIONS}{pair.session.pk}/"
    assert call("DELETE", path, pair.access_token).status_code == 204
    assert not is_accepted(pair)
    assert is_accepted(own)


def test_actor_can_revoke_the_refresh_token(own, pair):
    assert post("token/revoke/", {"token": pair.refresh_token}).status_code == 200
    assert not is_accepted(pair)


@pytest.mark.parametrize("name", ["alice", "bob"])
def test_both_users_can_end_the_session(staff, own, pair, name):
    token = {"alice": own, "bob": services.sign_in(staff)}[name].access_token
    assert call("DELETE", f"{SESSIONS}{pair.session.pk}/", token).status_code == 204
    assert not is_accepted(pair)


class ChangePassword(APIView):
    authentication_classes = (JWTAuthentication,)
    permission_classes = (IsAuthenticated,)

    def post(self, request):
        request.user.set_password("new")
        request.user.save()
        return Response(services.update_session_auth_hash(request, request.user))


def change_password(pair, **initkwargs):
    headers = {} if pair is None else {"Authorization": f"Bearer {pair.access_token}"}
    return ChangePassword.as_view(**initkwargs)(APIRequestFactory().post("/", headers=headers))


def test_password_change_by_the_actor_ends_the_session(own, pair):
    assert change_password(pair).data is False
    assert not is_accepted(pair)


def test_is_not_impersonated_denies_only_the_actor(own, pair):
    classes = [IsAuthenticated, IsNotImpersonated]
    response = change_password(pair, permission_classes=classes)
    assert (response.status_code, str(response.data["detail"])) == (
        403,
        "The user must do this without the staff.",
    )
    assert change_password(own, permission_classes=classes).data is True
    assert change_password(None, permission_classes=classes).status_code == 401


class Owned(APIView):
    """A view that checks the permissions for an object."""

    authentication_classes = [JWTAuthentication]
    permission_classes = [IsAuthenticated & ~IsNotImpersonated]

    def get(self, request):
        self.check_object_permissions(request, request.user)
        return Response(status=204)


def test_object_of_a_view_for_the_staff_is_allowed(own, pair):
    view, requests = Owned.as_view(), APIRequestFactory()

    def status(pair):
        headers = {"Authorization": f"Bearer {pair.access_token}"}
        return view(requests.get("/", headers=headers)).status_code

    assert (status(pair), status(own)) == (204, 403)


def test_forward_auth_names_the_user_and_the_actor_in_one_query(
    staff, alice, pair, django_assert_num_queries
):
    with django_assert_num_queries(1):
        response = get("/auth/token/forward-auth/", pair.access_token)
    assert response["X-Auth-User"] == str(alice.pk)
    assert response["X-Auth-Actor"] == str(staff.pk)


def test_session_command_names_the_actor(staff, pair):
    output = StringIO()
    call_command("tokenauth_session", str(pair.session.pk), stdout=output)
    assert f"Actor:            bob (id {staff.pk})\n" in output.getvalue()


def test_admin_shows_the_actor(admin_client, pair):
    path = "/admin/django_tokenauth/session/"
    detail = '<span class="django-tokenauth-detail">actor: bob</span>'
    assert detail in admin_client.get(path).content.decode()
    page = admin_client.get(f"{path}{pair.session.pk}/change/").content.decode()
    assert "field-actor" in page
