"""Other middleware that replaces the user of a token by a lazy object, as django-otp does."""

from __future__ import annotations

from functools import partial

import pytest
from django.test import Client, RequestFactory
from django.urls import path
from django.utils.functional import SimpleLazyObject
from rest_framework.authentication import SessionAuthentication
from rest_framework.decorators import api_view, authentication_classes, permission_classes
from rest_framework.permissions import IsAuthenticated
from rest_framework.response import Response

from django_tokenauth import services
from django_tokenauth.permissions import IsAuthenticatedWithoutToken, IsNotImpersonated
from tests.support import plain_views

pytestmark = pytest.mark.urls(__name__)


class VerifyingMiddleware:
    """Add an attribute to the user when the user is read first."""

    def __init__(self, get_response):
        self.get_response = get_response

    def __call__(self, request):
        request.user = SimpleLazyObject(partial(self.verified, request.user))
        return self.get_response(request)

    def verified(self, user):
        user.is_verified = True
        return user


class LoadingMiddleware(VerifyingMiddleware):
    """Replace the user by the object in the lazy object."""

    def verified(self, user):
        super().verified(user)
        return user._wrapped


def hidden_rest_view(*permissions):
    """Return a plain function that calls a view of REST framework."""

    @api_view(["GET"])
    @authentication_classes([SessionAuthentication])
    @permission_classes(permissions)
    def view(request):
        return Response({"user": str(request.user), "token": request.auth is not None})

    def hidden(request):
        return view(request)

    return hidden


urlpatterns = [
    path("without-token/", hidden_rest_view(IsAuthenticatedWithoutToken)),
    path("not-impersonated/", hidden_rest_view(IsAuthenticated, IsNotImpersonated)),
    path("impersonated/", hidden_rest_view(~IsNotImpersonated)),
    path("user/", plain_views.user_of),
]


@pytest.fixture(autouse=True, params=[VerifyingMiddleware, LoadingMiddleware])
def _middleware(settings, request):
    settings.MIDDLEWARE = [*plain_views.MIDDLEWARE, f"{__name__}.{request.param.__name__}"]
    settings.TOKENAUTH = {"IMPERSONATION": lambda *_: True}


@pytest.fixture
def token(alice):
    return services.sign_in(alice).access_token


@pytest.fixture
def impersonated(alice, bob):
    return services.impersonate(bob, alice, request=RequestFactory().get("/")).access_token


def send(client, path, token=None, method="GET"):
    headers = {} if token is None else {"Authorization": f"Bearer {token}"}
    return client.generic(method, path, headers=headers)


def test_user_of_a_token_needs_a_view_with_tokens(client, token):
    assert send(client, "/without-token/", token).status_code == 403


def test_user_of_a_session_is_without_token(client, bob):
    client.force_login(bob)
    assert send(client, "/without-token/").json()["user"] == "bob"


def test_staff_who_acts_as_the_user_is_denied(client, impersonated):
    assert send(client, "/not-impersonated/", impersonated).status_code == 403
    assert send(client, "/impersonated/", impersonated).json()["user"] == "alice"


def test_user_without_staff_is_allowed(client, token):
    assert send(client, "/not-impersonated/", token).json()["user"] == "alice"


def test_post_with_a_token_needs_no_csrf_token(token):
    client = Client(enforce_csrf_checks=True)
    assert send(client, "/user/", token, "POST").json() == {"user": "alice", "token": True}


@pytest.mark.parametrize(("token", "status"), [(None, 403), ("garbage", 401)])
def test_post_with_a_session_needs_a_csrf_token(bob, token, status):
    client = Client(enforce_csrf_checks=True)
    client.force_login(bob)
    assert send(client, "/user/", token, "POST").status_code == status
