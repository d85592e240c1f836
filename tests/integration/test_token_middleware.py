"""``TokenMiddleware``: the user of a token in views of Django and REST framework."""

from __future__ import annotations

import asyncio
import logging
from datetime import UTC, datetime, timedelta

import pytest
from asgiref.sync import async_to_sync
from django.contrib.auth.models import Permission
from django.http import HttpResponse
from django.middleware.csrf import CsrfViewMiddleware
from django.test import AsyncClient, Client
from django.test.client import RequestFactory
from django.utils.functional import SimpleLazyObject

from django_tokenauth import services
from django_tokenauth.authentication import TokenUser
from django_tokenauth.middleware import TokenMiddleware
from django_tokenauth.models import Session
from tests.support import plain_views
from tests.support.client import (
    BARE,
    EXPIRED_ACCESS_TOKEN,
    EXPIRED_TOKEN,
    INVALID_ACCESS_TOKEN,
    INVALID_TOKEN,
    UNAVAILABLE,
    log_messages,
    status_and_json,
)
from tests.support.locks import unreadable

pytestmark = pytest.mark.urls("tests.support.plain_views")
ALICE = {"user": "alice", "token": True}
ANONYMOUS = {"user": "AnonymousUser", "token": False}
READER = f"{plain_views.__name__}.read_user"
MODULE = "tests.support.plain_views"


@pytest.fixture(autouse=True)
def _middleware(settings):
    settings.MIDDLEWARE = plain_views.MIDDLEWARE


@pytest.fixture
def token(alice):
    return services.sign_in(alice).access_token


@pytest.fixture
def expired(alice):
    return services.sign_in(alice, now=datetime.now(UTC) - timedelta(hours=1)).access_token


def send(path, token=None, *, method="GET", client=None, **headers):
    client = client or Client(raise_request_exception=False, enforce_csrf_checks=True)
    if token is not None:
        headers["Authorization"] = f"Bearer {token}"
    return client.generic(method, path, headers=headers)


def signed_in(user):
    """Return a browser with a Django session of *user*, and its CSRF token."""
    client = Client(raise_request_exception=False, enforce_csrf_checks=True)
    client.force_login(user)
    return client


class TestUser:
    def test_valid_token_sets_user_and_claims(self, token):
        assert status_and_json(send("/user/", token)) == (200, ALICE)
        assert status_and_json(send("/scope/", token)) == (200, {"scope": []})

    def test_request_without_token_keeps_the_django_session(self, bob):
        assert status_and_json(send("/user/", client=signed_in(bob))) == (
            200,
            {"user": "bob", "token": False},
        )
        assert status_and_json(send("/user/")) == (200, ANONYMOUS)
        assert status_and_json(send("/scope/")) == (200, {"scope": None})

    def test_valid_token_precedes_the_django_session(self, token, bob):
        assert status_and_json(send("/user/", token, client=signed_in(bob))) == (200, ALICE)

    @pytest.mark.parametrize("invalid", ["", "garbage", "a.b.c"])
    def test_invalid_token_never_counts_as_the_session_user(self, bob, invalid):
        response = send("/user/", invalid, client=signed_in(bob))
        assert response.status_code == 401
        assert "bob" not in response.content.decode()

    def test_revoked_token_never_counts_as_the_session_user(self, alice, token):
        client = signed_in(alice)
        services.sign_out_everywhere(alice)
        assert send("/user/", token, client=client).status_code == 401

    def test_scheme_other_than_bearer_keeps_the_django_session(self, bob):
        response = send("/user/", client=signed_in(bob), Authorization="Basic YTpi")
        assert response.json()["user"] == "bob"

    def test_query_runs_only_when_the_user_is_read(self, token, django_assert_num_queries):
        with django_assert_num_queries(0):
            assert send("/public/", token).status_code == 200
        with django_assert_num_queries(1):
            assert send("/user/", token).json() == ALICE

    def test_invalid_token_is_ignored_by_a_view_without_user(self, caplog):
        with caplog.at_level(logging.INFO, "django_tokenauth"):
            assert send("/public/", "garbage").status_code == 200
            assert send("/exempt/", "garbage", method="POST").status_code == 200
        assert log_messages(caplog) == []

    @pytest.mark.django_db(transaction=True)
    def test_stateless_middleware_takes_no_query(self, token, settings, django_assert_num_queries):
        settings.TOKENAUTH = {"REVOCATION_POLL_INTERVAL": None}
        settings.MIDDLEWARE = [f"{MODULE}.StatelessTokenMiddleware"]
        with django_assert_num_queries(0):
            response = send("/user/", token)
        assert response.json()["token"]
        assert type(response.wsgi_request.user._wrapped) is TokenUser

    def test_middleware_works_without_django_sessions(self, token, settings):
        settings.MIDDLEWARE = [plain_views.TOKEN]
        assert send("/user/", token).json() == ALICE
        assert send("/user/").json() == ANONYMOUS

    def test_token_that_the_project_class_leaves_has_no_user(self, token, bob, settings):
        settings.MIDDLEWARE = [*plain_views.MIDDLEWARE[:-1], f"{MODULE}.NotMineMiddleware"]
        response = send("/user/", token, client=signed_in(bob))
        assert status_and_json(response) == (200, ANONYMOUS)
        assert send("/token/", token).status_code == 401
        assert send("/token/", token).headers["WWW-Authenticate"] == BARE

    def test_responses_vary_by_the_header_of_the_token(self, token):
        for response in (send("/user/", token), send("/public/"), send("/member/", "x")):
            assert "Authorization" in response.headers["Vary"]


class TestRejectedToken:
    @pytest.mark.parametrize(
        "path", ["/member/", "/member/function/", "/editor/", "/editor/function/", "/scope/"]
    )
    def test_denied_request_with_an_invalid_token_gets_401(self, path):
        response = send(path, "garbage")
        assert status_and_json(response) == (401, INVALID_ACCESS_TOKEN)
        assert response.headers["WWW-Authenticate"] == INVALID_TOKEN
        assert response.headers["Cache-Control"] == "no-store"

    @pytest.mark.django_db
    def test_expired_token_is_named_in_the_response(self, expired):
        response = send("/member/", expired)
        assert status_and_json(response) == (401, EXPIRED_ACCESS_TOKEN)
        assert response.headers["WWW-Authenticate"] == EXPIRED_TOKEN

    def test_rejected_token_reads_as_anonymous_in_a_public_view(self):
        response = send("/moved/", "garbage")
        assert response.headers["Location"] == "/public/?user=AnonymousUser"

    def test_rejected_token_is_logged_once(self, caplog):
        with caplog.at_level(logging.INFO, "django_tokenauth"):
            send("/member/", "garbage")
            send("/rest/", "garbage")
        assert log_messages(caplog) == ["access token rejected: malformed"] * 2

    def test_denial_without_token_is_that_of_the_view(self):
        assert send("/member/").headers["Location"] == "/accounts/login/?next=/member/"
        assert send("/forbidden/").status_code == 403

    def test_denial_of_a_valid_token_is_that_of_the_view(self, token):
        assert send("/forbidden/", token).status_code == 403
        assert send("/editor/", token).status_code == 403
        assert send("/editor/function/", token).status_code == 403

    def test_denial_before_the_user_is_read_is_that_of_the_view(self):
        assert send("/forbidden/", "garbage").status_code == 403

    def test_error_of_a_view_with_a_rejected_token_stays_500(self):
        assert send("/crashing/", "garbage").status_code == 500


class TestErrors:
    def test_view_may_raise_insufficient_scope(self, token):
        response = send("/failing/", token)
        assert response.status_code == 403
        assert response.json()["error"] == "insufficient_scope"
        assert 'scope="notes:write"' in response.headers["WWW-Authenticate"]

    def test_view_may_require_another_sign_in(self, token):
        response = send("/stale/", token)
        assert response.status_code == 401
        assert response.json()["error"] == "insufficient_user_authentication"
        assert 'max_age="600"' in response.headers["WWW-Authenticate"]

    @pytest.mark.django_db(transaction=True)
    @pytest.mark.parametrize(
        ("path", "method"), [("/user/", "GET"), ("/public/", "POST"), ("/token/", "GET")]
    )
    def test_database_error_returns_503(self, token, path, method):
        with unreadable(Session):
            response = send(path, token, method=method)
        assert status_and_json(response) == (503, UNAVAILABLE)
        assert response.headers["Retry-After"] == "1"

    @pytest.mark.django_db(transaction=True)
    def test_database_error_in_another_middleware_returns_503(self, token, settings):
        settings.MIDDLEWARE = [
            *plain_views.MIDDLEWARE,
            "django.contrib.auth.middleware.LoginRequiredMiddleware",
        ]
        assert send("/user/", token).status_code == 200
        with unreadable(Session):
            response = send("/user/", token)
        assert status_and_json(response) == (503, UNAVAILABLE)

    def test_login_required_middleware_accepts_tokens(self, token, settings):
        settings.MIDDLEWARE = [
            *plain_views.MIDDLEWARE,
            "django.contrib.auth.middleware.LoginRequiredMiddleware",
        ]
        assert send("/user/", token).status_code == 200
        assert send("/user/", "garbage").status_code == 401
        assert send("/user/").status_code == 302
        assert send("/token/").status_code == 401


class TestDjangoContracts:
    def test_login_and_permission_checks_use_the_user_of_the_token(self, alice, token):
        assert send("/member/", token).json() == ALICE
        assert send("/member/function/", token).json() == ALICE
        assert send("/editor/", token).status_code == 403
        alice.user_permissions.add(Permission.objects.get(codename="change_user"))
        assert send("/editor/", token).json() == ALICE
        assert send("/editor/function/", token).json() == ALICE

    def test_admin_ignores_the_user_of_a_token(self, alice, token):
        alice.is_staff = alice.is_superuser = True
        alice.save()
        assert send("/admin/", client=signed_in(alice)).status_code == 200
        response = send("/admin/", token, client=signed_in(alice))
        assert response.headers["Location"] == "/admin/login/?next=/admin/"


class TestCSRF:
    """A form of another origin can send cookies, but not the header of a token."""

    def test_post_with_a_valid_token_needs_no_csrf_token(self, token, bob):
        assert send("/user/", token, method="POST").json() == ALICE
        client = signed_in(bob)
        assert send("/user/", token, method="POST", client=client).json() == ALICE

    @pytest.mark.parametrize("headers", [{}, {"Authorization": "Basic YTpi"}])
    def test_post_with_a_session_cookie_needs_a_csrf_token(self, bob, headers):
        response = send("/user/", method="POST", client=signed_in(bob), **headers)
        assert response.status_code == 403

    @pytest.mark.parametrize("path", ["/user/", "/public/"])
    def test_post_with_an_invalid_token_is_rejected(self, bob, path):
        response = send(path, "garbage", method="POST", client=signed_in(bob))
        assert status_and_json(response) == (401, INVALID_ACCESS_TOKEN)

    def test_post_with_a_revoked_token_is_rejected(self, alice, token, bob):
        services.sign_out_everywhere(alice)
        response = send("/public/", token, method="POST", client=signed_in(bob))
        assert status_and_json(response) == (401, INVALID_ACCESS_TOKEN)

    def test_invalid_token_with_a_csrf_token_is_anonymous(self, bob):
        client = signed_in(bob)
        client.cookies["csrftoken"] = secret = "a" * 32
        headers = {"X-CSRFToken": secret}
        assert send("/user/", method="POST", client=client, **headers).json()["user"] == "bob"
        response = send("/user/", "garbage", method="POST", client=client, **headers)
        assert response.status_code == 401

    def test_csrf_token_is_needed_if_the_session_replaces_the_user(self, token, bob, settings):
        session, csrf, login, tokens = plain_views.MIDDLEWARE
        settings.MIDDLEWARE = [session, csrf, tokens, login]
        client = signed_in(bob)
        assert send("/user/", token, client=client).json()["user"] == "bob"
        assert send("/user/", token, method="POST", client=client).status_code == 403

    def test_csrf_middleware_may_follow_the_token_middleware(self, token, bob, settings):
        session, csrf, login, tokens = plain_views.MIDDLEWARE
        settings.MIDDLEWARE = [session, login, tokens, csrf]
        client = signed_in(bob)
        assert send("/user/", token, method="POST", client=client).json() == ALICE
        assert send("/user/", "x", method="POST", client=client).status_code == 401
        assert send("/user/", method="POST", client=client).status_code == 403

    def test_post_makes_one_query(self, token, django_assert_num_queries):
        with django_assert_num_queries(1):
            send("/user/", token, method="POST")

    def test_token_endpoints_make_no_query_for_the_header(self, alice, django_assert_num_queries):
        pair = services.sign_in(alice)
        body = {"refresh_token": pair.refresh_token}
        headers = {"Authorization": f"Bearer {pair.access_token}"}
        with django_assert_num_queries(2):
            response = Client().post("/auth/token/refresh/", body, headers=headers)
        assert response.status_code == 200


class TestRestFramework:
    @pytest.mark.parametrize("method", ["GET", "POST"])
    def test_rest_view_and_middleware_share_one_query(
        self, token, settings, django_assert_num_queries, method
    ):
        settings.MIDDLEWARE = [*plain_views.MIDDLEWARE, READER]
        with django_assert_num_queries(1):
            response = send("/rest/", token, method=method)
        assert response.json()["user"] == "alice"
        assert response.headers["X-User"] == "alice"

    def test_rejected_token_is_looked_up_once(
        self, alice, token, settings, django_assert_num_queries
    ):
        services.sign_out_everywhere(alice)
        settings.MIDDLEWARE = [*plain_views.MIDDLEWARE, READER]
        with django_assert_num_queries(1):
            response = send("/rest/", token)
        assert response.status_code == 401
        assert response.headers["WWW-Authenticate"] == INVALID_TOKEN
        assert response.json() == {"detail": "The access token is not valid."}

    @pytest.mark.django_db(transaction=True)
    def test_stateless_result_does_not_satisfy_the_stateful_class(
        self, alice, settings, django_assert_num_queries
    ):
        settings.TOKENAUTH = {"REVOCATION_POLL_INTERVAL": None}
        pair = services.sign_in(alice)
        services.sign_out_everywhere(alice)
        settings.MIDDLEWARE = [f"{MODULE}.StatelessTokenMiddleware", READER]
        assert send("/rest/stateless/", pair.access_token).json() == {"user": "TokenUser"}
        with django_assert_num_queries(1):
            response = send("/rest/", pair.access_token)
        assert response.status_code == 401
        assert response.headers["X-User"] == str(alice.pk)

    def test_rest_view_with_another_header_uses_its_own_token(self, alice, bob, settings):
        settings.MIDDLEWARE = [*plain_views.MIDDLEWARE, READER]
        tokens = [services.sign_in(user).access_token for user in (alice, bob)]
        response = send("/rest/gateway/", tokens[0], **{"X-Auth-Token": tokens[1]})
        assert response.json() == {"user": "bob"}
        assert response.headers["X-User"] == "alice"
        response = send("/rest/gateway/", tokens[0], **{"X-Auth-Token": "garbage"})
        assert response.status_code == 401

    def test_same_token_for_a_class_with_another_header_is_shared(
        self, token, settings, django_assert_num_queries
    ):
        settings.MIDDLEWARE = [*plain_views.MIDDLEWARE, READER]
        with django_assert_num_queries(1):
            send("/rest/gateway/", token, **{"X-Auth-Token": token})

    def test_session_authentication_ignores_the_user_of_a_token(self, token, bob):
        assert send("/rest/session/", token).json() == ANONYMOUS
        assert send("/rest/session/", token, client=signed_in(bob)).json() == ANONYMOUS
        assert send("/rest/session/", client=signed_in(bob)).json()["user"] == "bob"

    def test_rest_view_leaves_no_user_of_the_token_behind(self, token):
        assert send("/rest/user/", token).json() == ["AnonymousUser", "AnonymousUser", True]

    def test_session_authentication_does_not_widen_the_scope(self, alice, settings):
        settings.TOKENAUTH = {"SCOPES": ["notes:read", "notes:write"]}
        settings.MIDDLEWARE = [*plain_views.MIDDLEWARE, READER]
        narrow = services.sign_in(alice, scope=["notes:read"]).access_token
        assert send("/rest/scoped/", narrow).status_code == 403
        assert send("/rest/scoped/", services.sign_in(alice).access_token).status_code == 200
        assert send("/rest/scoped/", client=signed_in(alice)).status_code == 200

    def test_rejection_of_a_rest_view_has_its_own_format(self, settings):
        settings.MIDDLEWARE = [*plain_views.MIDDLEWARE, READER]
        response = send("/rest/", "garbage")
        assert status_and_json(response) == (401, {"detail": "The access token is not valid."})


@pytest.mark.django_db(transaction=True)
class TestAsync:
    def send(self, path, token=None):
        headers = {} if token is None else {"Authorization": f"Bearer {token}"}
        client = AsyncClient(raise_request_exception=False)
        return async_to_sync(client.get)(path, headers=headers)

    def test_async_views_get_the_user_of_the_token(self, token):
        assert self.send("/async/user/", token).json() == {"user": "alice", "same": True}
        assert self.send("/async/member/", token).json() == {"user": "alice"}
        assert self.send("/rest/", token).json()["user"] == "alice"
        assert self.send("/user/", token).json() == ALICE

    @pytest.mark.parametrize("path", ["/async/member/", "/async/scoped/", "/member/"])
    def test_async_views_reject_an_invalid_token(self, path):
        response = self.send(path, "garbage")
        assert status_and_json(response) == (401, INVALID_ACCESS_TOKEN)

    def test_async_request_without_token_is_anonymous(self, settings):
        settings.MIDDLEWARE = [plain_views.TOKEN]
        assert self.send("/async/user/").json() == {"user": "AnonymousUser", "same": True}
        assert self.send("/async/member/").status_code == 302

    def test_async_post_with_a_valid_token_needs_no_csrf_token(self, token):
        client = AsyncClient(raise_request_exception=False, enforce_csrf_checks=True)
        for header, status in (("Bearer " + token, 200), ("Bearer x", 401), ("Basic x", 403)):
            response = async_to_sync(client.post)("/public/", headers={"Authorization": header})
            assert response.status_code == status

    def test_middleware_is_asynchronous_if_the_project_is(self):
        async def get_response(request):
            return HttpResponse(str(asyncio.get_running_loop() is not None))

        async def respond():
            return await TokenMiddleware(get_response)(RequestFactory().get("/"))

        assert async_to_sync(respond)().content == b"True"


def test_csrf_middleware_reads_the_attribute_that_is_set():
    """Django may rename its private attribute; then tokens would need CSRF tokens."""
    request = RequestFactory().post("/")
    request._dont_enforce_csrf_checks = SimpleLazyObject(lambda: True)
    middleware = CsrfViewMiddleware(lambda _: HttpResponse())
    assert middleware.process_view(request, lambda _: None, (), {}) is None
    request = RequestFactory().post("/")
    request._dont_enforce_csrf_checks = SimpleLazyObject(lambda: False)
    assert middleware.process_view(request, lambda _: None, (), {}).status_code == 403
