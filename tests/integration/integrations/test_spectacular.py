"""What drf-spectacular says of a project: in a process of its own, for the app is not in ours."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.support.scenarios.openapi import settings as project
from tests.support.scenarios.running import ROOT, outcome_of

BEARER = {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}


@pytest.fixture(scope="module")
def told():
    return outcome_of(
        "tests.support.scenarios.openapi.scenario", "tests.support.scenarios.openapi.settings"
    )


@pytest.fixture(scope="module")
def schema(told):
    return told["all"]


class TestSigningIn:
    def test_the_password_grant_hands_the_token_out(self, schema):
        assert schema["components"]["securitySchemes"] == {
            "accessToken": {
                "type": "oauth2",
                "flows": {
                    "password": {
                        "tokenUrl": "/auth/token/",
                        "refreshUrl": "/auth/token/refresh/",
                        "scopes": {"notes:read": "", "notes:write": ""},
                    }
                },
            }
        }

    @pytest.mark.parametrize("project", ["verifies", "named"])
    def test_without_our_routes_the_token_comes_from_elsewhere(self, told, project):
        assert told[project]["components"]["securitySchemes"] == {"accessToken": BEARER}


class TestWhoMayCall:
    @pytest.mark.parametrize("path", ["/stateless/", "/own/", "/auth/sessions/"])
    def test_who_has_a_token(self, schema, path):
        security = schema["paths"][path]["get"]["security"]
        assert {"accessToken": []} in security
        assert all(set(scheme) <= {"accessToken"} for scheme in security)

    @pytest.mark.parametrize(
        ("method", "scopes"),
        [("get", ["notes:read"]), ("post", ["notes:read", "notes:write"]), ("delete", [])],
    )
    def test_with_the_scopes_that_the_view_requires(self, schema, method, scopes):
        assert schema["paths"]["/notes/"][method]["security"] == [{"accessToken": scopes}]

    @pytest.mark.parametrize("path", ["/computed/{name}/", "/forgotten/"])
    def test_a_view_that_cannot_say_which_scopes_takes_no_other_down(self, told, path):
        schema = told["untold"]
        assert schema["paths"][path]["get"]["security"] == [{"accessToken": []}]
        assert schema["paths"]["/notes/"]["get"]["security"] == [{"accessToken": ["notes:read"]}]

    @pytest.mark.parametrize(
        ("view", "why"), [("Computed", "KeyError"), ("Forgotten", "ImproperlyConfigured")]
    )
    def test_it_is_named_in_a_warning(self, told, view, why):
        line = f"Warning [{view}]: the required scopes are unknown ({why})"
        assert line in told["warned"]

    @pytest.mark.parametrize("route", ["token/", "token/refresh/", "token/revoke/"])
    def test_everybody_may_call_the_token_endpoints(self, schema, route):
        assert "security" not in schema["paths"][f"/auth/{route}"]["post"]


class TestRoutes:
    @pytest.mark.parametrize(
        ("path", "asked", "answered"),
        [
            ("/auth/token/", "TokenAuthGrant", "TokenAuthTokenPair"),
            ("/own/token/", "TokenAuthGrant", "TokenAuthTokenPair"),
            ("/auth/token/refresh/", "TokenAuthRefresh", "TokenAuthTokenPair"),
            ("/auth/token/verify/", "TokenAuthToken", "TokenAuthVerification"),
            ("/auth/token/revoke/", "TokenAuthRevocationRequest", None),
            ("/auth/token/introspect/", "TokenAuthRevocationRequest", "TokenAuthIntrospection"),
        ],
    )
    def test_a_token_endpoint_takes_json_and_forms(self, schema, path, asked, answered):
        operation = schema["paths"][path]["post"]
        body = operation["requestBody"]["content"]
        assert set(body) == {"application/json", "application/x-www-form-urlencoded"}
        assert {names(media) for media in body.values()} == {asked}
        assert answers(operation) == {
            "200": answered,
            "400": "TokenAuthError",
            "401": "TokenAuthError",
            "429": "TokenAuthError",
        }

    def test_the_sessions(self, schema):
        listing = schema["paths"]["/auth/sessions/"]
        one = schema["paths"]["/auth/sessions/{session_id}/"]
        refused = {"401": "TokenAuthProblem", "403": "TokenAuthProblem"}
        items = listing["get"]["responses"]["200"]["content"]["application/json"]["schema"]
        assert items["items"] == {"$ref": "#/components/schemas/TokenAuthSession"}
        assert answers(listing["delete"]) == {"204": None, "400": "TokenAuthProblem", **refused}
        assert answers(one["delete"]) == {"204": None, "404": "TokenAuthProblem", **refused}
        [keep] = listing["delete"]["parameters"]
        assert (keep["in"], keep["name"], keep["schema"]["enum"]) == ("query", "keep", ["current"])

    def test_an_endpoint_of_the_project_is_described_by_it(self, schema):
        assert answers(schema["paths"]["/own/endpoint/"]["post"]) == {"204": None}

    def test_secrets_are_only_asked_for(self, schema):
        members = schema["components"]["schemas"]["TokenAuthGrant"]["properties"]
        assert members["password"]["writeOnly"]
        assert members["client_secret"]["writeOnly"]


class TestNames:
    """A project may have serializers with the same names as this package."""

    @pytest.mark.parametrize("path", ["session", "token", "error", "grant"])
    def test_own_serializer_has_its_own_component(self, told, path):
        schema = told["same_names"]
        name = names(*answers_of(schema["paths"][f"/{path}/"]["get"], "200"))
        assert name == path.capitalize()
        assert set(schema["components"]["schemas"][name]["properties"]) == {"room", "grant_type"}

    def test_routes_of_this_package_keep_their_components(self, told, schema):
        same = told["same_names"]
        ours = {path for path in schema["paths"] if path.startswith("/auth/")}
        assert {path: same["paths"][path] for path in ours} == {
            path: schema["paths"][path] for path in ours
        }

    def test_every_component_of_this_package_has_the_prefix(self, schema):
        assert all(name.startswith("TokenAuth") for name in schema["components"]["schemas"])


def names(media):
    return media["schema"]["$ref"].rpartition("/")[2]


def answers_of(operation, status):
    return operation["responses"][status]["content"].values()


def answers(operation):
    return {
        status: names(*answer["content"].values()) if "content" in answer else None
        for status, answer in operation["responses"].items()
    }


@pytest.mark.parametrize("installed", [True, False])
def test_it_is_loaded_with_the_app_only(installed):
    apps = [app for app in project.INSTALLED_APPS if installed or app != "drf_spectacular"]
    code = (
        "import sys, django; from django.conf import settings;"
        f"settings.configure(SECRET_KEY={project.SECRET_KEY!r}, INSTALLED_APPS={apps!r});"
        "django.setup(); print('drf_spectacular' in sys.modules)"
    )
    command = [sys.executable, "-W", "error", "-c", code]
    ended = subprocess.run(command, check=True, cwd=ROOT, capture_output=True, text=True)  # noqa: S603
    assert ended.stdout.strip() == str(installed)
