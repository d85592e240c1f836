"""Plain functions that call a view of REST framework, below TokenMiddleware or token_required.

``SessionAuthentication`` takes the user that the middleware or the decorator set for the user of a
Django session.
"""

from __future__ import annotations

from functools import partial, update_wrapper, wraps

import pytest
from django.test import Client, RequestFactory
from django.urls import path
from rest_framework.authentication import SessionAuthentication
from rest_framework.decorators import api_view, authentication_classes, permission_classes
from rest_framework.permissions import BasePermission, IsAuthenticated
from rest_framework.response import Response

from django_tokenauth import services
from django_tokenauth.authentication import JWTAuthentication
from django_tokenauth.decorators import token_required
from django_tokenauth.permissions import (
    HasScope,
    IsAuthenticatedWithoutToken,
    IsNotImpersonated,
    required_scopes,
)
from tests.support import plain_views

pytestmark = pytest.mark.urls(__name__)


def rest_view(*permissions, authentication=SessionAuthentication):
    @api_view(["GET", "POST"])
    @authentication_classes([authentication])
    @permission_classes(permissions)
    def view(request):
        return Response({"user": str(request.user), "token": request.auth is not None})

    view.cls.required_scopes = ["notes:write"]
    return view


@api_view(["GET"])
@authentication_classes([SessionAuthentication])
@permission_classes([IsAuthenticated])
@required_scopes("notes:write", without_token=True)
def with_decorated_scopes(request):
    return Response({"user": str(request.user)})


def hidden(view):
    """Return a plain function that calls *view*."""

    def function(request):
        return view(request)

    return function


def counted(view):
    """Decorate *view* without a copy of its attributes."""

    def wrapper(request):
        return view(request)

    return update_wrapper(wrapper, view, updated=())


@wraps(plain_views.rest_session)
def wrapped(request):
    return plain_views.rest_session(request)


without_token = rest_view(IsAuthenticatedWithoutToken)
either: list[type[BasePermission]] = [HasScope | IsAuthenticatedWithoutToken]
not_impersonated = rest_view(IsAuthenticated, IsNotImpersonated)
urlpatterns = [
    path("without-token/", hidden(without_token)),
    path("decorator/without-token/", token_required(hidden(without_token))),
    path("either/", hidden(rest_view(*either))),
    path("either/token/", hidden(rest_view(*either, authentication=JWTAuthentication))),
    path("scopes/", hidden(with_decorated_scopes)),
    path("not-impersonated/", hidden(not_impersonated)),
    path("decorator/not-impersonated/", token_required(hidden(not_impersonated))),
    path("authenticated/", hidden(rest_view(IsAuthenticated))),
    path("partial/", partial(plain_views.rest_session)),
    path("counted/", counted(plain_views.rest_session)),
    path("wrapped/", wrapped),
]


@pytest.fixture(autouse=True)
def _middleware(settings):
    settings.MIDDLEWARE = plain_views.MIDDLEWARE
    settings.TOKENAUTH = {"SCOPES": ["notes:read", "notes:write"], "IMPERSONATION": lambda *_: True}


def send(client, path, token=None, method="GET"):
    headers = {} if token is None else {"Authorization": f"Bearer {token}"}
    return client.generic(method, path, headers=headers)


def strict():
    """Return a client that needs a CSRF token."""
    return Client(enforce_csrf_checks=True)


@pytest.fixture
def token(alice):
    return services.sign_in(alice, scope=["notes:read"]).access_token


@pytest.fixture
def impersonated(alice, bob):
    return services.impersonate(bob, alice, request=RequestFactory().get("/")).access_token


class TestWithoutToken:
    @pytest.mark.parametrize(
        "path", ["/without-token/", "/decorator/without-token/", "/either/", "/scopes/"]
    )
    def test_user_of_a_token_is_denied(self, client, token, path):
        assert send(client, path, token).status_code == 403

    @pytest.mark.parametrize("path", ["/without-token/", "/either/", "/scopes/"])
    def test_user_of_a_django_session_is_allowed(self, client, bob, path):
        client.force_login(bob)
        assert send(client, path).json()["user"] == "bob"

    def test_user_of_a_session_replaces_that_of_the_token(self, client, token, bob, settings):
        session, csrf, login, tokens = plain_views.MIDDLEWARE
        settings.MIDDLEWARE = [session, csrf, tokens, login]
        client.force_login(bob)
        assert send(client, "/without-token/", token).json()["user"] == "bob"

    def test_token_of_a_rest_view_keeps_its_scope(self, client, token, alice):
        assert send(client, "/either/token/", token).status_code == 403
        full = services.sign_in(alice).access_token
        assert send(client, "/either/token/", full).json() == {"user": "alice", "token": True}


class TestNotImpersonated:
    @pytest.mark.parametrize("path", ["/not-impersonated/", "/decorator/not-impersonated/"])
    def test_staff_who_acts_as_the_user_is_denied(self, client, impersonated, path):
        response = send(client, path, impersonated)
        assert response.status_code == 403
        assert response.json() == {"detail": "The user must do this without the staff."}

    @pytest.mark.parametrize("path", ["/not-impersonated/", "/decorator/not-impersonated/"])
    def test_user_is_allowed(self, client, token, path):
        assert send(client, path, token).json()["user"] == "alice"


class TestRecognised:
    @pytest.mark.parametrize("path", ["/partial/", "/counted/", "/wrapped/"])
    def test_wrapped_rest_view_gets_no_user_of_the_token(self, client, token, path):
        assert send(client, path, token).json() == {"user": "AnonymousUser", "token": False}

    def test_hidden_rest_view_gets_the_user_of_the_token(self, token):
        """The documentation warns of this: REST framework cannot see the token."""
        for method in ("GET", "POST"):
            response = send(strict(), "/authenticated/", token, method)
            assert response.json() == {"user": "alice", "token": False}

    def test_hidden_rest_view_checks_the_csrf_token_of_a_session(self, bob):
        client = strict()
        client.force_login(bob)
        assert send(client, "/authenticated/", method="POST").status_code == 403
