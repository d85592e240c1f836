"""``/.well-known/oauth-authorization-server``: true for what is switched on (RFC 8414)."""

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
from tests.support.asgi import over_asgi
from tests.support.client import UNAVAILABLE
from tests.support.confidential_clients import DIGEST
from tests.support.http_server import exchange, serving
from tests.support.system_checks import SIGNED

PATH = "/.well-known/oauth-authorization-server"
ISSUER = "https://auth.example.com"
CLIENTS = {"reports": f"sha256${DIGEST}"}
#: What is there whatever is switched on.
ALWAYS = {
    "issuer": ISSUER,
    "token_endpoint": f"{ISSUER}/auth/token/",
    "response_types_supported": [],
    "grant_types_supported": ["password", "refresh_token"],
    "token_endpoint_auth_methods_supported": ["none"],
}
REVOKES = {
    "revocation_endpoint": f"{ISSUER}/auth/token/revoke/",
    "revocation_endpoint_auth_methods_supported": ["none"],
}
SECRETS = ["client_secret_basic", "client_secret_post"]


@pytest.fixture
def told(settings):
    """What is told with these settings."""

    def told(behind="", **values):
        settings.TOKENAUTH = {"ISSUER": ISSUER, **values}
        answer = Client().get(PATH + behind)
        assert answer.status_code == 200, answer.content
        return answer.json()

    return told


@pytest.fixture
def refused(settings):
    """Whether there is nothing at that place with these settings."""

    def refused(behind="", **values):
        settings.TOKENAUTH = {"ISSUER": ISSUER, **values}
        return Client().get(PATH + behind).status_code == 404

    return refused


class TestMembers:
    @pytest.mark.standard("rfc8414-2-7", "rfc8414-3.2-2")
    def test_with_nothing_set_it_tells_what_is_always_there(self, told):
        assert told() == {**ALWAYS, **REVOKES}

    @pytest.mark.standard("rfc8414-2-4", "rfc9068-4-1")
    def test_public_keys_have_a_place(self, told):
        assert told(**SIGNED) == {
            **ALWAYS,
            **REVOKES,
            "jwks_uri": f"{ISSUER}/.well-known/jwks.json",
        }

    @pytest.mark.standard("rfc8414-3.2-2")
    def test_without_sessions_nothing_can_be_revoked(self, told):
        assert told(STATELESS_REFRESH=True) == ALWAYS

    @pytest.mark.standard("rfc8414-2-6")
    def test_scopes_are_named(self, told):
        assert told(SCOPES=["notes:read", "notes:write"])["scopes_supported"] == [
            "notes:read",
            "notes:write",
        ]

    @pytest.mark.standard("rfc8414-2-2", "rfc8414-2-8", "rfc8414-2-9")
    def test_clients_with_a_secret_can_show_it_in_two_ways_and_ask_about_tokens(self, told):
        assert told(CLIENTS=CLIENTS) == {
            **ALWAYS,
            **REVOKES,
            "token_endpoint_auth_methods_supported": ["none", *SECRETS],
            "revocation_endpoint_auth_methods_supported": ["none", *SECRETS],
            "introspection_endpoint": f"{ISSUER}/auth/token/introspect/",
            "introspection_endpoint_auth_methods_supported": SECRETS,
        }

    @pytest.mark.standard("rfc8414-2-9")
    def test_so_can_a_token_with_the_scope_for_it(self, told):
        members = told(SCOPES=["introspect"])
        assert members["introspection_endpoint"] == f"{ISSUER}/auth/token/introspect/"
        assert members["introspection_endpoint_auth_methods_supported"] == ["Bearer"]
        both = told(SCOPES=["introspect"], CLIENTS=CLIENTS)
        assert both["introspection_endpoint_auth_methods_supported"] == [*SECRETS, "Bearer"]

    @pytest.mark.standard("rfc8414-2-3", "rfc8414-3-1")
    def test_each_endpoint_is_where_it_says(self, told):
        members = told(SCOPES=["introspect"], CLIENTS=CLIENTS, **SIGNED)
        places = [value for name, value in members.items() if name.endswith(("_endpoint", "_uri"))]
        assert len(places) == 4
        for place in places:
            # Nowhere would be 404; here it is another method, or a parameter that is missing.
            answer = Client().post(place.removeprefix(ISSUER), {}, "application/json")
            assert answer.status_code == (405 if place.endswith("jwks.json") else 400)

    @pytest.mark.parametrize("grant", ALWAYS["grant_types_supported"])
    def test_each_grant_is_one_that_the_endpoint_knows(self, told, grant):
        assert told()["grant_types_supported"] == ["password", "refresh_token"]
        answer = Client().post("/auth/token/", {"grant_type": grant}, "application/json")
        assert answer.json()["error"] == "invalid_request"


class TestIssuer:
    @pytest.mark.standard("rfc7009-2-4", "rfc8414-2-4", "rfc8414-3.3-1")
    def test_the_host_of_the_request_counts_for_nothing(self, told, settings):
        settings.ALLOWED_HOSTS = ["*"]
        settings.USE_X_FORWARDED_HOST = True
        expected = told(**SIGNED)
        headers = {"host": "evil.example", "x-forwarded-host": "evil.example"}
        assert Client().get(PATH, headers=headers).json() == expected

    @pytest.mark.standard("rfc8414-2-1", "rfc8414-3-1", "rfc8414-3.1-2", "rfc8414-3.3-1")
    @pytest.mark.parametrize("slash", ["", "/"])
    def test_its_path_stands_behind(self, told, refused, slash):
        issuer = f"https://example.com/api/v1{slash}"
        members = told("/api/v1", ISSUER=issuer, **SIGNED)
        assert members["issuer"] == issuer
        assert members["token_endpoint"] == "https://example.com/auth/token/"
        assert members["jwks_uri"] == "https://example.com/.well-known/jwks.json"
        for elsewhere in ("", "/api", "/api/v1/x", "/API/v1", "/v1"):
            assert refused(elsewhere, ISSUER=issuer)

    def test_a_path_with_other_letters_is_found(self, told):
        told("/caf%C3%A9", ISSUER="https://example.com/caf%C3%A9")
        told("/caf%C3%A9", ISSUER="https://example.com/café")

    @pytest.mark.parametrize(
        "behind",
        [
            *("/", "//", "/%", "/%zz", "/%FF", "/%00", "/%0A", "/%2e%2e", "/\\", "/;x", "/x/../x"),
            *("/%ED%A0%80", "/%F0%9F%98%80", "/<script>", "/x" * 2000, "x", "%2Fx", ".json"),
        ],
    )
    @pytest.mark.parametrize("issuer", ["https://example.com/x%FF", f"{ISSUER}//y//z"])
    def test_whatever_else_stands_behind_is_not_found(self, refused, issuer, behind):
        assert refused(behind, ISSUER=issuer)

    def test_one_without_a_path_has_none_behind(self, told, refused):
        assert told(ISSUER="https://example.com/")["issuer"] == "https://example.com/"
        for behind in ("/x", "/api/v1", "/..", "/%00", "/a%2Fb"):
            assert refused(behind)

    @pytest.mark.standard("rfc8414-2-1")
    def test_its_port_is_kept(self, told):
        issuer = "http://127.0.0.1:8000"
        assert told(ISSUER=issuer)["token_endpoint"] == f"{issuer}/auth/token/"

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
    def test_one_that_is_no_place_has_no_metadata(self, refused, issuer):
        assert refused(ISSUER=issuer)


WELL_KNOWN = path(".well-known/", include("django_tokenauth.well_known"))


class TestRoutes:
    @pytest.mark.standard("rfc8414-2-3")
    def test_the_prefix_is_that_of_the_project(self, told, settings):
        settings.ROOT_URLCONF = (WELL_KNOWN, path("api/v2/", include("django_tokenauth.urls")))
        assert told()["token_endpoint"] == f"{ISSUER}/api/v2/token/"

    def test_so_is_the_place_below_which_it_is_served(self, told):
        with override_script_prefix("/project/"):
            assert told()["token_endpoint"] == f"{ISSUER}/project/auth/token/"

    def test_where_no_token_can_be_had_there_is_nothing_to_tell(self, refused, settings):
        settings.ROOT_URLCONF = (WELL_KNOWN,)
        assert refused(**SIGNED)

    def test_a_route_that_is_not_there_is_not_told(self, told, settings):
        only_token = [one for one in urls.urlpatterns if one.name == "token"]
        settings.ROOT_URLCONF = (WELL_KNOWN, path("", include((only_token, urls.app_name))))
        members = told(CLIENTS=CLIENTS)
        assert [name for name in members if name.endswith("_endpoint")] == ["token_endpoint"]


class TestHeaders:
    @pytest.mark.standard("rfc8414-3.2-1")
    def test_it_is_json_for_every_script_and_cache(self, told, settings):
        told(JWKS_MAX_AGE=timedelta(seconds=60))
        headers = Client().get(PATH).headers
        assert headers["Content-Type"] == "application/json"
        assert headers["Access-Control-Allow-Origin"] == "*"
        assert headers["Cache-Control"] == "public, max-age=60"
        again = Client().get(PATH, headers={"if-none-match": headers["ETag"]})
        assert (again.status_code, again.headers["Access-Control-Allow-Origin"]) == (304, "*")

    @pytest.mark.standard("rfc8414-3.1-1")
    @pytest.mark.parametrize("method", ["post", "put", "patch", "delete", "options"])
    def test_it_is_only_read(self, told, method):
        told()
        answer = getattr(Client(), method)(PATH)
        assert answer.status_code == 405
        assert answer.headers["Access-Control-Allow-Origin"] == "*"

    def test_a_script_may_see_why_there_is_none(self, settings):
        """Else it is told of a fault of the network."""
        settings.TOKENAUTH = {"ISSUER": ISSUER}
        answer = Client().get(f"{PATH}/api")
        assert (answer.status_code, answer.headers["Access-Control-Allow-Origin"]) == (404, "*")
        assert answer.headers["Content-Type"].startswith("text/plain")
        assert answer.content == b"ISSUER has another path."

    def test_it_needs_no_sign_in_where_everything_else_does(self, told, settings):
        settings.MIDDLEWARE = [
            "django.contrib.sessions.middleware.SessionMiddleware",
            "django.contrib.auth.middleware.AuthenticationMiddleware",
            "django.contrib.auth.middleware.LoginRequiredMiddleware",
        ]
        assert told()["issuer"] == ISSUER

    def test_it_needs_no_database_where_every_request_is_a_transaction(self, told, monkeypatch):
        monkeypatch.setitem(connection.settings_dict, "ATOMIC_REQUESTS", True)
        assert told()["issuer"] == ISSUER
        assert told("/api", ISSUER=f"{ISSUER}/api")["issuer"] == f"{ISSUER}/api"

    def test_a_real_server_gives_it_too(self, told):
        expected = told()
        with serving() as address:
            answer = exchange(address, f"GET {PATH} HTTP/1.1".encode())
        assert (answer.status, answer.json()) == (200, expected)
        assert json.loads(over_asgi("GET", PATH)[2]) == expected

    def test_settings_that_cannot_be_used_are_a_503(self, settings, caplog):
        settings.TOKENAUTH = {"ISSUER": ISSUER, "ALGORITHM": "EdDSA"}
        with caplog.at_level(logging.CRITICAL, "django_tokenauth"):
            answer = Client().get(PATH)
        assert (answer.status_code, answer.json()) == (503, UNAVAILABLE)
