"""A header other than ``Authorization``, which each reader of the token follows."""

from __future__ import annotations

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.test import Client

from django_tokenauth import services
from django_tokenauth.authentication import JWTAuthentication, StatelessJWTAuthentication
from django_tokenauth.middleware import TokenMiddleware
from tests.support import plain_views
from tests.support.client import BARE, INVALID_TOKEN, status_and_json
from tests.support.confidential_clients import SECRETS, clients_setting

pytestmark = pytest.mark.urls("tests.support.plain_views")
GATEWAY = "tests.support.plain_views.GatewayAuthentication"
CHALLENGE = f'{BARE}, header="X-Auth-Token"'
#: What a gateway sends in the header that it uses itself.
OF_GATEWAY = "Basic Z2F0ZXdheTp4"


@pytest.fixture(autouse=True)
def _settings(settings):
    settings.MIDDLEWARE = plain_views.MIDDLEWARE
    settings.REST_FRAMEWORK = {"DEFAULT_AUTHENTICATION_CLASSES": [GATEWAY]}
    settings.TOKENAUTH = {"SCOPES": ["notes:read", "notes:write", "introspect"]}


@pytest.fixture
def token(alice):
    return services.sign_in(alice).access_token


def send(path, header=None, *, method="GET", authorization=OF_GATEWAY, **options):
    headers = {"Authorization": authorization}
    if header is not None:
        headers["X-Auth-Token"] = header
    client = Client(raise_request_exception=False, enforce_csrf_checks=True)
    return client.generic(method, path, headers=headers, **options)


class TestHeader:
    @pytest.mark.parametrize("form", ["{}", "Bearer {}", "bearer {}"])
    def test_header_may_contain_the_token_with_or_without_scheme(self, token, form):
        response = send("/rest/gateway/", form.format(token))
        assert status_and_json(response) == (200, {"user": "alice"})

    @pytest.mark.parametrize(
        "form",
        [
            *("{0},{0}", "{0}, {0}", "{0} {0}", "Bearer {0},Bearer {0}", "Bearer Bearer {0}"),
            *("Basic {0}", "Bearer", "Bearer ", " {0}", "{0} ", '"{0}"', "garbage", "a.b.c"),
            "a" * 1_000_000,
        ],
    )
    def test_malformed_header_is_rejected(self, token, form):
        response = send("/rest/gateway/", form.format(token))
        assert response.status_code == 401
        assert response.headers["WWW-Authenticate"] == INVALID_TOKEN

    @pytest.mark.parametrize("header", [None, ""])
    def test_challenge_without_token_names_the_header(self, header):
        response = send("/rest/gateway/", header)
        assert response.status_code == 401
        assert response.headers["WWW-Authenticate"] == CHALLENGE

    def test_token_in_authorization_is_ignored(self, token):
        response = send("/rest/gateway/", authorization=f"Bearer {token}")
        assert response.headers["WWW-Authenticate"] == CHALLENGE

    @pytest.mark.parametrize(
        "header", ["", "X_Auth_Token", "X Auth", "X-Auth:", "X-Äuth", "1", "X\n", 'a"', None, 1]
    )
    def test_invalid_name_of_a_header_is_an_error(self, header):
        with pytest.raises(ImproperlyConfigured, match="must be the name of a header"):
            type("Own", (JWTAuthentication,), {"header": header})

    @pytest.mark.parametrize("header", ["Cookie", "Accept", "content-type", "Referer", "Origin"])
    def test_header_that_browsers_send_is_an_error(self, header):
        with pytest.raises(ImproperlyConfigured, match="pages of other origins"):
            type("Own", (StatelessJWTAuthentication,), {"header": header})

    def test_authorization_in_lower_case_keeps_its_rules(self, token):
        own = type("Own", (JWTAuthentication,), {"header": "authorization"})
        request = send("/public/", authorization=f"Bearer {token}").wsgi_request
        user, _ = own().authenticate(request)
        assert user.get_username() == "alice"
        assert own().authenticate_header(request) == BARE
        assert own().authenticate(send("/public/").wsgi_request) is None


class TestReaders:
    @pytest.mark.parametrize(
        ("path", "status"),
        [
            ("/auth/sessions/", 200),
            ("/auth/token/forward-auth/", 204),
            ("/user/", 200),
            ("/member/", 200),
            ("/token/", 200),
            ("/token/stateless/", 200),
            ("/async/member/", 200),
        ],
    )
    def test_every_route_reads_the_header_of_the_project(self, token, path, status):
        assert send(path, token).status_code == status
        assert send(path, "garbage").status_code == 401

    @pytest.mark.parametrize(
        "path", ["/auth/sessions/", "/auth/token/forward-auth/", "/token/", "/token/stateless/"]
    )
    def test_no_route_reads_a_token_in_authorization(self, token, path):
        response = send(path, authorization=f"Bearer {token}")
        assert response.status_code == 401
        assert response.headers["WWW-Authenticate"] == CHALLENGE

    @pytest.mark.parametrize("path", ["/user/", "/token/", "/rest/gateway/"])
    def test_responses_vary_by_the_header(self, token, path):
        vary = send(path, token).headers["Vary"]
        assert "X-Auth-Token" in vary
        assert "Authorization" not in vary

    def test_introspection_reads_the_header_of_the_project(self, token):
        options = {"data": {"token": token}, "content_type": "application/json"}
        client = Client(headers={"X-Auth-Token": token, "Authorization": OF_GATEWAY})
        assert client.post("/auth/token/introspect/", **options).json()["active"]
        client = Client(headers={"Authorization": f"Bearer {token}"})
        assert client.post("/auth/token/introspect/", **options).status_code == 401

    def test_introspection_rejects_token_and_secret_together(self, token, settings):
        settings.TOKENAUTH = {**settings.TOKENAUTH, "CLIENTS": clients_setting()}
        name, secret = next(iter(SECRETS.items()))
        body = {"token": token, "client_id": name, "client_secret": secret}
        client = Client(headers={"X-Auth-Token": token})
        response = client.post("/auth/token/introspect/", body, content_type="application/json")
        assert (response.status_code, response.json()["error"]) == (400, "invalid_request")
        client = Client(headers={"Authorization": f"Bearer {token}"})
        response = client.post("/auth/token/introspect/", body, content_type="application/json")
        assert response.json()["active"]

    def test_middleware_and_rest_view_share_one_query(
        self, token, settings, django_assert_num_queries
    ):
        reader = f"{plain_views.__name__}.read_user"
        settings.MIDDLEWARE = [*plain_views.MIDDLEWARE, reader]
        with django_assert_num_queries(1):
            response = send("/rest/gateway/", token)
        assert response.headers["X-User"] == "alice"

    def test_middleware_may_name_a_class_with_its_own_header(self, token, settings):
        settings.REST_FRAMEWORK = {}
        settings.MIDDLEWARE = [
            *plain_views.MIDDLEWARE[:-1],
            "tests.support.plain_views.GatewayMiddleware",
        ]
        assert send("/user/", token).json()["user"] == "alice"
        assert send("/user/", authorization=f"Bearer {token}").json()["user"] == "AnonymousUser"
        assert send("/user/", token, method="POST").status_code == 200

    @pytest.mark.parametrize(
        "classes",
        [[], ["django_tokenauth.authentication.JWTAuthentication", GATEWAY], GATEWAY],
    )
    def test_header_is_authorization_unless_the_first_class_differs(self, token, settings, classes):
        settings.REST_FRAMEWORK = {"DEFAULT_AUTHENTICATION_CLASSES": classes}
        response = send("/auth/sessions/", authorization=f"Bearer {token}")
        assert response.status_code == 200
        assert send("/auth/sessions/", token).status_code == 401

    def test_classes_of_other_packages_are_skipped(self, token, settings):
        session = "rest_framework.authentication.SessionAuthentication"
        settings.REST_FRAMEWORK = {"DEFAULT_AUTHENTICATION_CLASSES": [session, GATEWAY]}
        assert send("/auth/sessions/", token).status_code == 200


def test_default_header_is_authorization():
    assert JWTAuthentication.header == "Authorization"
    assert TokenMiddleware.authentication_class is JWTAuthentication
