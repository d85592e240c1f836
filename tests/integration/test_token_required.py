"""``token_required`` on views of Django, with ``TokenMiddleware`` and without it."""

from __future__ import annotations

import json

import pytest
from asgiref.sync import async_to_sync
from django.http import HttpRequest, HttpResponse
from django.test import AsyncClient, Client, RequestFactory
from django.views import View
from rest_framework.views import APIView

from django_tokenauth import services
from django_tokenauth.decorators import token_required
from django_tokenauth.models import Session
from tests.support import plain_views
from tests.support.client import (
    BARE,
    INVALID_ACCESS_TOKEN,
    INVALID_TOKEN,
    UNAVAILABLE,
    status_and_json,
)
from tests.support.locks import unreadable

pytestmark = pytest.mark.urls("tests.support.plain_views")
WITHOUT_TOKEN = {"error_description": "Authentication credentials were not provided."}
INSUFFICIENT_SCOPE = {
    "error": "insufficient_scope",
    "error_description": "The access token does not have the required scope.",
}
CHALLENGE = (
    'Bearer realm="api", error="insufficient_scope", '
    'error_description="The access token does not have the required scope.", '
    'scope="notes:read notes:write"'
)


@pytest.fixture(autouse=True, params=["with middleware", "without middleware"])
def _middleware(settings, request):
    with_middleware = request.param == "with middleware"
    settings.MIDDLEWARE = plain_views.MIDDLEWARE[: None if with_middleware else -1]
    settings.TOKENAUTH = {"SCOPES": ["notes:read", "notes:write"]}


@pytest.fixture
def token(alice):
    return services.sign_in(alice).access_token


@pytest.fixture
def read_only(alice):
    return services.sign_in(alice, scope=["notes:read"]).access_token


def send(path, token=None, *, method="GET", client=None):
    client = client or Client(raise_request_exception=False, enforce_csrf_checks=True)
    headers = {} if token is None else {"Authorization": f"Bearer {token}"}
    return client.generic(method, path, headers=headers)


def send_async(path, token=None):
    headers = {} if token is None else {"Authorization": f"Bearer {token}"}
    return async_to_sync(AsyncClient().get)(path, headers=headers)


class TestRequests:
    def test_view_gets_the_user_and_the_claims_in_one_query(self, token, django_assert_num_queries):
        with django_assert_num_queries(1):
            response = send("/token/", token)
        assert status_and_json(response) == (200, {"user": "alice", "auth": True})
        assert "Authorization" in response.headers["Vary"]

    @pytest.mark.parametrize("path", ["/token/", "/token/scoped/", "/token/class/"])
    def test_request_without_token_gets_the_bare_challenge(self, path):
        response = send(path)
        assert status_and_json(response) == (401, WITHOUT_TOKEN)
        assert response.headers["WWW-Authenticate"] == BARE
        assert "Authorization" in response.headers["Vary"]

    @pytest.mark.parametrize("path", ["/token/", "/token/scoped/", "/token/class/"])
    def test_request_with_an_invalid_token_gets_401(self, path):
        response = send(path, "garbage")
        assert status_and_json(response) == (401, INVALID_ACCESS_TOKEN)
        assert response.headers["WWW-Authenticate"] == INVALID_TOKEN
        assert response.headers["Cache-Control"] == "no-store"

    def test_token_without_a_required_scope_gets_403(self, token, read_only):
        response = send("/token/scoped/", read_only)
        assert status_and_json(response) == (403, INSUFFICIENT_SCOPE)
        assert response.headers["WWW-Authenticate"] == CHALLENGE
        assert send("/token/class/", read_only).status_code == 403
        assert send("/token/scoped/", token).json() == {"user": "alice"}
        assert send("/token/class/", token).json()["user"] == "alice"

    def test_user_of_a_django_session_is_rejected(self, bob):
        client = Client()
        client.force_login(bob)
        assert send("/token/", client=client).status_code == 401
        assert send("/token/", "garbage", client=client).status_code == 401

    @pytest.mark.parametrize("path", ["/token/", "/token/class/"])
    def test_post_needs_no_csrf_token(self, token, path):
        assert send(path, token, method="POST").status_code == 200
        assert send(path, method="POST").status_code == 401

    def test_challenge_has_the_realm_of_the_class(self, token):
        assert send("/token/realm/").headers["WWW-Authenticate"] == 'Bearer realm="pages"'
        assert send("/token/realm/", token).json() == {"user": "alice"}

    def test_decorator_may_choose_the_stateless_class(self, token):
        assert send("/token/stateless/", token).json() == {"user": "TokenUser"}

    @pytest.mark.django_db(transaction=True)
    def test_database_error_returns_503(self, token):
        with unreadable(Session):
            response = send("/token/", token)
        assert status_and_json(response) == (503, UNAVAILABLE)

    def test_view_without_a_response_is_reported_by_django(self, token):
        with pytest.raises(ValueError, match="didn't return an HttpResponse"):
            send("/token/nothing/", token, client=Client())

    @pytest.mark.django_db(transaction=True)
    def test_async_views_are_decorated(self, token, read_only):
        for path in ("/async/scoped/", "/async/class/"):
            assert send_async(path, token).json()["user"] == "alice"
            assert send_async(path, read_only).status_code == 200
            assert status_and_json(send_async(path)) == (401, WITHOUT_TOKEN)
            assert status_and_json(send_async(path, "x")) == (401, INVALID_ACCESS_TOKEN)
        assert send_async("/async/scoped/", token).json()["same"]

    def test_synchronous_view_can_be_called_in_an_event_loop(self):
        async def call():
            return await token_required(plain_views.public)(RequestFactory().get("/"))

        assert status_and_json_of(async_to_sync(call)()) == (401, WITHOUT_TOKEN)

    @pytest.mark.django_db(transaction=True)
    def test_synchronous_view_in_an_event_loop_returns_its_response(self, token):
        async def call():
            request = RequestFactory().get("/", headers={"Authorization": f"Bearer {token}"})
            return await token_required(plain_views.public)(request)

        assert status_and_json_of(async_to_sync(call)()) == (200, {"public": True})


def status_and_json_of(response):
    return response.status_code, json.loads(response.content)


class TestMistakes:
    @pytest.mark.parametrize("scopes", [("",), ("a b",), (1,), ('"',), ("notes:read", None)])
    def test_invalid_scope_name_is_a_type_error(self, scopes):
        with pytest.raises(TypeError, match="takes the names of scopes"):
            token_required(*scopes)

    @pytest.mark.parametrize("decorator", [token_required, token_required("notes:read")])
    def test_decorated_class_is_a_type_error(self, decorator):
        with pytest.raises(TypeError, match="method_decorator"):
            decorator(type("Page", (View,), {}))

    def test_decorated_rest_framework_view_is_a_type_error(self):
        with pytest.raises(TypeError, match="@required_scopes below @api_view"):
            token_required(APIView.as_view())

    def test_decorated_method_is_a_type_error(self):
        class Page(View):
            @token_required
            def get(self, request):
                """Return nothing."""

        with pytest.raises(TypeError, match="on a method only by @method_decorator"):
            Page.as_view()(RequestFactory().get("/"))

    def test_decorator_keeps_the_name_of_the_view(self):
        @token_required()
        def page(request: HttpRequest) -> HttpResponse:
            """A page."""
            return HttpResponse()

        assert (page.__name__, page.__doc__) == ("page", "A page.")
        assert page(RequestFactory().get("/")).status_code == 401
