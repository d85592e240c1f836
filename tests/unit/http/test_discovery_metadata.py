"""``/.well-known/oauth-authorization-server``: the features in use (RFC 8414)."""

from __future__ import annotations

import json
import logging
from datetime import timedelta

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import override_script_prefix
from django.urls import include, path

from django_tokenauth import urls
from tests.support.asgi import asgi_request
from tests.support.client import UNAVAILABLE
from tests.support.confidential_clients import DIGEST
from tests.support.http_server import send_request, serve
from tests.support.system_checks import SIGNED

PATH = "/.well-known/oauth-authorization-server"
ISSUER = "https://auth.example.com"
CLIENTS = {"reports": f"sha256${DIGEST}"}
#: The members with any settings.
ALWAYS = {
    "issuer": ISSUER,
    "token_endpoint": f"{ISSUER}/auth/token/",
    "response_types_supported": [],
    "grant_types_supported": ["refresh_token"],
    "token_endpoint_auth_methods_supported": ["none"],
}
REVOCATION = {
    "revocation_endpoint": f"{ISSUER}/auth/token/revoke/",
    "revocation_endpoint_auth_methods_supported": ["none"],
}
SECRETS = ["client_secret_basic", "client_secret_post"]


@pytest.fixture
def metadata(settings):
    """Return a function that returns the metadata with these settings."""

    def metadata(suffix="", **values):
        settings.TOKENAUTH = {"ISSUER": ISSUER, **values}
        response = Client().get(PATH + suffix)
        assert response.status_code == 200, response.content
        return response.json()

    return metadata


@pytest.fixture
def not_found(settings):
    """Return a function that returns the reason of the 404 with these settings."""

    def not_found(suffix="", **values):
        settings.TOKENAUTH = {"ISSUER": ISSUER, **values}
        response = Client().get(PATH + suffix)
        assert response.status_code == 404
        return response.content.decode()

    return not_found


class TestMembers:
    def test_metadata_is_indented_with_one_line_per_member(self, settings):
        settings.TOKENAUTH = {"ISSUER": ISSUER}
        assert Client().get(PATH).content.startswith(b'{\n "issuer": "https://auth.example.com",\n')

    @pytest.mark.standard("rfc8414-2-7", "rfc8414-3.2-2")
    def test_metadata_by_default_has_token_and_revocation_endpoint(self, metadata):
        assert metadata() == {**ALWAYS, **REVOCATION}

    def test_metadata_has_the_audiences_that_are_urls(self, metadata):
        audiences = {"https://b.example.com": [], "urn:example:c": [], "http://a.example.com": []}
        members = metadata(AUDIENCES=audiences)
        assert members["protected_resources"] == [
            ISSUER,
            "https://b.example.com",
            "http://a.example.com",
        ]
        members = metadata(AUDIENCE="https://b.example.com", AUDIENCES=audiences)
        assert members["protected_resources"] == ["https://b.example.com", "http://a.example.com"]
        assert "protected_resources" not in metadata(AUDIENCE="api", AUDIENCES={"urn:c": []})

    @pytest.mark.standard("rfc8414-2-4", "rfc9068-4-1")
    def test_metadata_with_public_keys_has_jwks_uri(self, metadata):
        assert metadata(**SIGNED) == {
            **ALWAYS,
            **REVOCATION,
            "jwks_uri": f"{ISSUER}/.well-known/jwks.json",
        }

    @pytest.mark.standard("rfc8414-3.2-2")
    def test_metadata_without_sessions_has_no_revocation_endpoint(self, metadata):
        assert metadata(STATELESS_REFRESH=True) == ALWAYS

    @pytest.mark.standard("rfc8414-2-6")
    def test_metadata_lists_the_scopes_of_the_settings(self, metadata):
        assert metadata(SCOPES=["notes:read", "notes:write"])["scopes_supported"] == [
            "notes:read",
            "notes:write",
        ]

    @pytest.mark.standard("rfc8414-2-2", "rfc8414-2-8", "rfc8414-2-9")
    def test_metadata_with_client_secrets_lists_secret_auth_methods(self, metadata):
        assert metadata(CLIENTS=CLIENTS) == {
            **ALWAYS,
            **REVOCATION,
            "token_endpoint_auth_methods_supported": ["none", *SECRETS],
            "revocation_endpoint_auth_methods_supported": ["none", *SECRETS],
            "introspection_endpoint": f"{ISSUER}/auth/token/introspect/",
            "introspection_endpoint_auth_methods_supported": SECRETS,
        }

    @pytest.mark.standard("rfc8414-2-9")
    def test_metadata_with_introspect_scope_lists_bearer_auth_method(self, metadata):
        members = metadata(SCOPES=["introspect"])
        assert members["introspection_endpoint"] == f"{ISSUER}/auth/token/introspect/"
        assert members["introspection_endpoint_auth_methods_supported"] == ["Bearer"]
        both = metadata(SCOPES=["introspect"], CLIENTS=CLIENTS)
        assert both["introspection_endpoint_auth_methods_supported"] == [*SECRETS, "Bearer"]

    @pytest.mark.standard("rfc8414-2-3", "rfc8414-3-1", "rfc9700-2.6-1")
    def test_metadata_lists_only_existing_endpoints(self, metadata):
        members = metadata(SCOPES=["introspect"], CLIENTS=CLIENTS, **SIGNED)
        urls_in_metadata = [
            value for name, value in members.items() if name.endswith(("_endpoint", "_uri"))
        ]
        assert len(urls_in_metadata) == 4
        for url in urls_in_metadata:
            # An existing endpoint rejects the method or a missing parameter, without a 404.
            response = Client().post(url.removeprefix(ISSUER), {}, "application/json")
            assert response.status_code == (405 if url.endswith("jwks.json") else 400)

    @pytest.mark.standard("rfc9470-7-1")
    def test_metadata_lists_the_acr_values_of_the_settings(self, metadata):
        values = ["urn:example:password", "urn:example:mfa"]
        assert metadata(ACR_VALUES=values) == {
            **ALWAYS,
            **REVOCATION,
            "acr_values_supported": values,
        }

    @pytest.mark.standard("rfc9700-2.4-1")
    @pytest.mark.parametrize(
        ("advertised", "grants"),
        [(False, ["refresh_token"]), (True, ["password", "refresh_token"])],
    )
    def test_metadata_lists_the_password_grant_only_by_setting(self, metadata, advertised, grants):
        members = metadata(ADVERTISE_PASSWORD_GRANT=advertised)
        assert members == {**ALWAYS, **REVOCATION, "grant_types_supported": grants}

    @pytest.mark.parametrize("grant", ["password", "refresh_token"])
    def test_metadata_grant_types_are_those_of_the_token_endpoint(self, metadata, grant):
        assert grant in metadata(ADVERTISE_PASSWORD_GRANT=True)["grant_types_supported"]
        response = Client().post("/auth/token/", {"grant_type": grant}, "application/json")
        assert response.json()["error"] == "invalid_request"


class TestIssuer:
    @pytest.mark.standard("rfc7009-2-4", "rfc8414-2-4", "rfc8414-3.3-1")
    def test_metadata_ignores_the_host_of_the_request(self, metadata, settings):
        settings.ALLOWED_HOSTS = ["*"]
        settings.USE_X_FORWARDED_HOST = True
        expected = metadata(**SIGNED)
        headers = {"host": "evil.example", "x-forwarded-host": "evil.example"}
        assert Client().get(PATH, headers=headers).json() == expected

    @pytest.mark.standard(
        "rfc8414-2-1", "rfc8414-3-1", "rfc8414-3.1-2", "rfc8414-3.3-1", "rfc9700-2.6-1"
    )
    @pytest.mark.parametrize("slash", ["", "/"])
    def test_metadata_of_issuer_with_path_is_served_at_that_path(self, metadata, not_found, slash):
        issuer = f"https://example.com/api/v1{slash}"
        members = metadata("/api/v1", ISSUER=issuer, **SIGNED)
        assert members["issuer"] == issuer
        assert members["token_endpoint"] == "https://example.com/auth/token/"
        assert members["jwks_uri"] == "https://example.com/.well-known/jwks.json"
        for suffix in ("", "/api", "/api/v1/x", "/API/v1", "/v1"):
            assert not_found(suffix, ISSUER=issuer)

    @pytest.mark.parametrize("path", ["X", "X/api", "api/X"])
    def test_metadata_issuer_path_may_begin_or_end_with_any_letter(self, metadata, not_found, path):
        issuer = f"https://example.com/{path}/"
        assert metadata(f"/{path}", ISSUER=issuer)["issuer"] == issuer
        assert not_found(f"/{path.strip('X')}", ISSUER=issuer)

    def test_metadata_of_issuer_with_non_ascii_path_is_served(self, metadata):
        for issuer in ("https://example.com/caf%C3%A9", "https://example.com/café"):
            assert metadata("/caf%C3%A9", ISSUER=issuer)["issuer"] == issuer

    @pytest.mark.parametrize(
        "suffix",
        [
            *("/", "//", "/%", "/%zz", "/%FF", "/%00", "/%0A", "/%2e%2e", "/\\", "/;x", "/x/../x"),
            *("/%ED%A0%80", "/%F0%9F%98%80", "/<script>", "/x" * 2000, "x", "%2Fx", ".json"),
        ],
    )
    @pytest.mark.parametrize("issuer", ["https://example.com/x%FF", f"{ISSUER}//y//z"])
    def test_metadata_at_path_that_differs_from_issuer_is_not_found(
        self, not_found, issuer, suffix
    ):
        assert not_found(suffix, ISSUER=issuer)

    def test_metadata_with_path_is_not_found_for_issuer_without_path(self, metadata, not_found):
        assert metadata(ISSUER="https://example.com/")["issuer"] == "https://example.com/"
        for suffix in ("/x", "/api/v1", "/..", "/%00", "/a%2Fb"):
            assert not_found(suffix)

    @pytest.mark.standard("rfc8414-2-1")
    def test_metadata_keeps_the_port_of_the_issuer(self, metadata):
        issuer = "http://127.0.0.1:8000"
        assert metadata(ISSUER=issuer)["token_endpoint"] == f"{issuer}/auth/token/"

    @pytest.mark.standard("rfc8414-2-1")
    @pytest.mark.parametrize(
        "issuer",
        [
            "django-tokenauth",
            "auth.example.com",
            "//auth.example.com",
            "ftp://auth.example.com",
            "mailto:alice@example.com",
            "https:",
            "https://",
            "https://auth.example.com?x=1",
            "https://auth.example.com?",
            "https://auth.example.com#x",
            "https://auth.example.com#",
            "https://[::1",
        ],
    )
    def test_metadata_of_issuer_unsuitable_as_base_url_is_not_found(self, not_found, issuer):
        assert not_found(ISSUER=issuer) == (
            "ISSUER is not a URL with a host, or has a query or a fragment."
        )


WELL_KNOWN = path(".well-known/", include("django_tokenauth.well_known"))


class TestRoutes:
    @pytest.mark.standard("rfc8414-2-3")
    def test_metadata_urls_contain_the_url_prefix_of_the_project(self, metadata, settings):
        settings.ROOT_URLCONF = (WELL_KNOWN, path("api/v2/", include("django_tokenauth.urls")))
        assert metadata()["token_endpoint"] == f"{ISSUER}/api/v2/token/"

    def test_metadata_urls_contain_the_script_name(self, metadata):
        with override_script_prefix("/project/"):
            assert metadata()["token_endpoint"] == f"{ISSUER}/project/auth/token/"

    def test_metadata_without_token_route_is_not_found(self, not_found, settings):
        settings.ROOT_URLCONF = (WELL_KNOWN,)
        assert not_found(**SIGNED) == (
            "The URLconf has no route to TokenView, or only routes with other URL parameters."
        )

    def test_metadata_omits_endpoints_without_a_route(self, metadata, settings):
        only_token = [pattern for pattern in urls.urlpatterns if pattern.name == "token"]
        settings.ROOT_URLCONF = (WELL_KNOWN, path("", include((only_token, urls.app_name))))
        members = metadata(CLIENTS=CLIENTS)
        assert [name for name in members if name.endswith("_endpoint")] == ["token_endpoint"]


class TestHeaders:
    @pytest.mark.standard("rfc8414-3.2-1")
    def test_metadata_is_cacheable_json_for_all_origins(self, metadata, settings):
        metadata(JWKS_MAX_AGE=timedelta(seconds=60))
        headers = Client().get(PATH).headers
        assert headers["Content-Type"] == "application/json"
        assert headers["Access-Control-Allow-Origin"] == "*"
        assert headers["Cache-Control"] == "public, max-age=60"
        again = Client().get(PATH, headers={"if-none-match": headers["ETag"]})
        assert (again.status_code, again.headers["Access-Control-Allow-Origin"]) == (304, "*")

    @pytest.mark.standard("rfc8414-3.1-1")
    @pytest.mark.parametrize("method", ["post", "put", "patch", "delete", "options"])
    def test_metadata_permits_only_get_and_head(self, metadata, method):
        metadata()
        response = getattr(Client(), method)(PATH)
        assert response.status_code == 405
        assert response.headers["Access-Control-Allow-Origin"] == "*"

    def test_metadata_404_is_plain_text_for_all_origins(self, settings):
        """Without the header a browser reports a network error."""
        settings.TOKENAUTH = {"ISSUER": ISSUER}
        response = Client().get(f"{PATH}/api")
        assert (response.status_code, response.headers["Access-Control-Allow-Origin"]) == (404, "*")
        assert response.headers["Content-Type"].startswith("text/plain")
        assert response.content == b"The path of ISSUER differs from the requested path."

    def test_metadata_needs_no_sign_in_with_login_middleware(self, metadata, settings):
        settings.MIDDLEWARE = [
            "django.contrib.sessions.middleware.SessionMiddleware",
            "django.contrib.auth.middleware.AuthenticationMiddleware",
            "django.contrib.auth.middleware.LoginRequiredMiddleware",
        ]
        assert metadata()["issuer"] == ISSUER

    def test_metadata_needs_no_database_with_atomic_requests(self, metadata, monkeypatch):
        monkeypatch.setitem(connection.settings_dict, "ATOMIC_REQUESTS", True)
        assert metadata()["issuer"] == ISSUER
        assert metadata("/api", ISSUER=f"{ISSUER}/api")["issuer"] == f"{ISSUER}/api"

    def test_metadata_is_served_by_real_server_and_asgi(self, metadata):
        expected = metadata()
        with serve() as address:
            response = send_request(address, f"GET {PATH} HTTP/1.1".encode())
        assert (response.status, response.json()) == (200, expected)
        assert json.loads(asgi_request("GET", PATH)[2]) == expected

    def test_metadata_with_invalid_settings_returns_503(self, settings, caplog):
        settings.TOKENAUTH = {"ISSUER": ISSUER, "ALGORITHM": "EdDSA"}
        with caplog.at_level(logging.CRITICAL, "django_tokenauth"):
            response = Client().get(PATH)
        assert (response.status_code, response.json()) == (503, UNAVAILABLE)
