"""Inner requests: code that serves several requests in one copies META or the whole request."""

from __future__ import annotations

import copy
import json

import pytest
from django.db import connection
from django.test import RequestFactory

from django_tokenauth import services
from django_tokenauth.authentication import JWTAuthentication
from django_tokenauth.middleware import TokenMiddleware
from django_tokenauth.sessions import tenants
from tests.support import plain_views
from tests.support.client import BARE, INVALID_TOKEN

pytestmark = pytest.mark.urls("tests.support.plain_views")


@pytest.fixture
def tokens(alice, bob):
    """Return an access token of alice and one of bob."""
    return services.sign_in(alice).access_token, services.sign_in(bob).access_token


def bearer(token):
    return f"Bearer {token}"


def request_with(token, **extra):
    return RequestFactory(headers={"Authorization": bearer(token)}, **extra).get("/")


def outer(inner, request):
    """Return the response of *inner* to *request*, below the middleware."""

    def view(request):
        assert str(request.user) in {"alice", "AnonymousUser"}
        return inner(request)

    return TokenMiddleware(view)(request)


def user_in(response):
    data = response.data if hasattr(response, "data") else json.loads(response.content)
    return data["user"]


def from_meta(request, **changes):
    """Return a new request with the META of *request*."""
    return RequestFactory(**{**request.META, **changes}).get("/")


def copied(request, **changes):
    """Return a copy of *request* with its own META."""
    inner = copy.copy(request)
    inner.META = {**request.META, **changes}
    return inner


@pytest.mark.parametrize("build", [from_meta, copied])
class TestInnerRequest:
    @pytest.mark.parametrize("view", [plain_views.token_only, plain_views.rest])
    def test_inner_request_gets_the_user_of_its_own_token(self, tokens, build, view):
        alice, bob = tokens

        def inner(request):
            return view(build(request, HTTP_AUTHORIZATION=bearer(bob)))

        assert user_in(outer(inner, request_with(alice))) == "bob"

    @pytest.mark.parametrize("view", [plain_views.token_only, plain_views.rest])
    def test_token_of_another_tenant_is_rejected_in_inner_request(
        self, alice, settings, build, view
    ):
        settings.ALLOWED_HOSTS = ["*"]
        settings.TOKENAUTH = {"ISSUER": f"{__name__}.issuer_of_host"}
        request = RequestFactory(headers={"host": "a.example.com"}).get("/")
        request.META["HTTP_AUTHORIZATION"] = bearer(
            services.sign_in(alice, request=request).access_token
        )

        def inner(request):
            return view(build(request, HTTP_HOST="b.example.com"))

        assert outer(view, request).status_code == 200
        assert outer(inner, request).status_code == 401

    def test_rejected_token_is_not_named_in_an_inner_request(self, build):
        def inner(request):
            rejected = plain_views.token_only(request)
            assert rejected.headers["WWW-Authenticate"] == INVALID_TOKEN
            return plain_views.token_only(build(request, HTTP_AUTHORIZATION=""))

        assert outer(inner, request_with("a.b.c")).headers["WWW-Authenticate"] == BARE

    def test_views_of_an_inner_request_share_no_query(
        self, tokens, build, django_assert_num_queries
    ):
        def inner(request):
            return plain_views.token_only(build(request))

        with django_assert_num_queries(2):
            assert user_in(outer(inner, request_with(tokens[0]))) == "alice"


def issuer_of_host(request):
    return f"https://{request.get_host()}"


class TestChangedRequest:
    def test_header_that_is_set_below_the_middleware_counts(self, tokens):
        def inner(request):
            request.META["HTTP_AUTHORIZATION"] = bearer(tokens[0])
            return plain_views.token_only(request)

        assert user_in(TokenMiddleware(inner)(RequestFactory().get("/"))) == "alice"

    def test_replaced_header_takes_one_more_query(self, tokens, django_assert_num_queries):
        alice, bob = tokens

        def inner(request):
            request.META["HTTP_AUTHORIZATION"] = bearer(bob)
            assert user_in(plain_views.rest(request)) == "bob"
            return plain_views.token_only(request)

        with django_assert_num_queries(2):
            assert user_in(outer(inner, request_with(alice))) == "bob"

    @pytest.mark.parametrize("view", [plain_views.token_only, plain_views.rest])
    def test_result_of_one_schema_does_not_count_in_another(self, alice, tokens, view):
        connection.schema_name = "a"
        tenants._has_schemas.cache_clear()
        try:
            token = services.sign_in(alice).access_token

            def inner(request):
                connection.schema_name = "b"
                return view(request)

            assert outer(inner, request_with(token)).status_code == 401
        finally:
            del connection.schema_name
            tenants._has_schemas.cache_clear()


class TestReplacedRequest:
    """A middleware below ``TokenMiddleware`` passes a copy of the request on."""

    @pytest.fixture
    def middleware(self, settings):
        settings.MIDDLEWARE = [*plain_views.MIDDLEWARE, f"{__name__}.replace_request"]

    @pytest.mark.usefixtures("middleware")
    def test_copied_request_keeps_the_user_in_plain_views(self, tokens, client):
        response = client.get("/user/", headers={"Authorization": bearer(tokens[0])})
        assert response.json() == {"user": "alice", "token": True}

    @pytest.mark.usefixtures("middleware")
    def test_copied_request_has_no_user_in_rest_views(self, tokens, client):
        response = client.get("/rest/session/", headers={"Authorization": bearer(tokens[0])})
        assert response.json() == {"user": "AnonymousUser", "token": False}

    @pytest.mark.usefixtures("middleware")
    def test_error_of_a_view_with_a_copied_request_has_a_response(self, client):
        assert client.get("/failing/").status_code == 403


def replace_request(get_response):
    return lambda request: get_response(copy.copy(request))


def test_authentication_accepts_a_request_without_middleware(tokens):
    user, _ = JWTAuthentication().authenticate(request_with(tokens[0]))
    assert str(user) == "alice"
