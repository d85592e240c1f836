"""The schema that drf-spectacular generates, in a process that has drf-spectacular installed."""

from __future__ import annotations

import subprocess
import sys

import jsonschema
import pytest

from tests.support.scenarios.openapi import settings as project
from tests.support.scenarios.running import ROOT, run_scenario

BEARER = {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}


@pytest.fixture(scope="module")
def schemas():
    return run_scenario(
        "tests.support.scenarios.openapi.scenario", "tests.support.scenarios.openapi.settings"
    )


@pytest.fixture(scope="module")
def schema(schemas):
    return schemas["all"]


class TestSecurityScheme:
    def test_openapi_security_scheme_is_the_oauth2_password_flow(self, schema):
        assert schema["components"]["securitySchemes"] == {
            "TokenAuthAccessToken": {
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

    def test_openapi_security_scheme_has_a_flow_for_service_accounts(self, schema, schemas):
        schemes = schemas["service_accounts"]["components"]["securitySchemes"]
        [password] = schema["components"]["securitySchemes"].values()
        assert schemes["TokenAuthAccessToken"]["flows"] == {
            **password["flows"],
            "clientCredentials": {
                "tokenUrl": "/auth/token/",
                "scopes": {"notes:read": "", "notes:write": ""},
            },
        }

    @pytest.mark.parametrize(
        ("project", "requests", "responses"),
        [
            ("all", ["Grant"], ["TokenPair"]),
            ("service_accounts", ["Grant", "ClientGrant"], ["TokenPair", "ClientToken"]),
            (
                "exchanges",
                ["Grant", "ClientGrant", "ExchangeGrant"],
                ["TokenPair", "ClientToken", "ExchangedToken"],
            ),
        ],
    )
    def test_schema_of_token_route_has_the_grants_of_clients(
        self, schemas, project, requests, responses
    ):
        operation = schemas[project]["paths"]["/auth/token/"]["post"]
        components = schemas[project]["components"]["schemas"]
        for content, names in (
            (operation["requestBody"]["content"]["application/json"]["schema"], requests),
            (operation["responses"]["200"]["content"]["application/json"]["schema"], responses),
        ):
            found = components[content["$ref"].rpartition("/")[2]]
            refs = [each["$ref"] for each in found.get("anyOf", [content])]
            assert refs == [f"#/components/schemas/TokenAuth{name}" for name in names]

    def test_schema_of_client_grants_has_their_parameters(self, schemas):
        components = schemas["exchanges"]["components"]["schemas"]
        client = components["TokenAuthClientGrant"]
        assert client["required"] == ["grant_type"]
        assert {"client_id", "client_secret", "client_assertion"} <= client["properties"].keys()
        exchange = components["TokenAuthExchangeGrant"]
        assert set(exchange["required"]) == {"grant_type", "subject_token", "subject_token_type"}
        assert "issued_token_type" in components["TokenAuthExchangedToken"]["required"]
        assert "refresh_token" not in components["TokenAuthClientToken"]["properties"]

    @pytest.mark.parametrize(
        ("is_request", "body"),
        [
            (True, {"username": "alice", "password": "x"}),
            (True, {"grant_type": "password", "username": "alice", "password": "x"}),
            (True, {"grant_type": "client_credentials", "scope": "notes:read"}),
            (True, {"grant_type": "x", "subject_token": "a.b.c", "subject_token_type": "x"}),
            (False, {"access_token": "a.b.c", "token_type": "Bearer", "expires_in": 300}),
            (
                False,
                {
                    "access_token": "a.b.c",
                    "token_type": "Bearer",
                    "expires_in": 300,
                    "refresh_token": "a.b.c",
                    "refresh_token_expires_in": 1,
                    "scope": "x",
                },
            ),
        ],
        ids=["sign_in", "password", "client", "exchange", "client_token", "pair"],
    )
    def test_schema_of_the_grants_accepts_their_bodies(self, schemas, is_request, body):
        """A body may fit several alternatives: an exchange has the members of a client's grant."""
        schema = schemas["exchanges"]
        operation = schema["paths"]["/auth/token/"]["post"]
        described = operation["requestBody"] if is_request else operation["responses"]["200"]
        reference = described["content"]["application/json"]["schema"]
        jsonschema.validate(body, {**schema, **reference})
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate({"scope": 1}, {**schema, **reference})

    @pytest.mark.parametrize("project", ["verifies", "tenants"])
    def test_openapi_security_scheme_without_token_path_is_bearer(self, schemas, project):
        assert schemas[project]["components"]["securitySchemes"] == {"TokenAuthAccessToken": BEARER}

    @pytest.mark.parametrize(
        ("project", "token", "refresh"),
        [
            ("named", "/sign-in/", "/sign-in/"),
            ("versioned", "/api/v1/auth/token/", "/api/v1/auth/token/refresh/"),
        ],
    )
    def test_openapi_security_scheme_finds_routes_by_their_view(
        self, schemas, project, token, refresh
    ):
        flow = schemas[project]["components"]["securitySchemes"]["TokenAuthAccessToken"]["flows"][
            "password"
        ]
        assert (flow["tokenUrl"], flow["refreshUrl"]) == (token, refresh)

    def test_openapi_security_scheme_of_another_header_is_an_api_key(self, schemas):
        schema = schemas["other_header"]
        name = "TokenAuthAccessToken-X-Auth-Token"
        assert schema["components"]["securitySchemes"][name] == {
            "type": "apiKey",
            "in": "header",
            "name": "X-Auth-Token",
        }
        for path in ("/gateway/", "/auth/sessions/", "/auth/token/forward-auth/"):
            [*needed] = schema["paths"][path]["get"]["security"]
            assert [each for each in needed if each] == [{name: []}]


class TestSecurity:
    @pytest.mark.parametrize("path", ["/stateless/", "/own/", "/auth/sessions/"])
    def test_schema_of_a_protected_view_has_the_security_scheme(self, schema, path):
        security = schema["paths"][path]["get"]["security"]
        assert {"TokenAuthAccessToken": []} in security
        assert all(set(scheme) <= {"TokenAuthAccessToken"} for scheme in security)

    @pytest.mark.parametrize(
        ("method", "scopes"),
        [("get", ["notes:read"]), ("post", ["notes:read", "notes:write"]), ("delete", [])],
    )
    def test_schema_security_contains_required_scopes_of_a_view(self, schema, method, scopes):
        for path in ("/notes/", "/combined/"):
            assert schema["paths"][path][method]["security"] == [{"TokenAuthAccessToken": scopes}]
        alternative = schema["paths"]["/alternative/"][method]["security"]
        assert alternative == [{"TokenAuthAccessToken": []}]

    @pytest.mark.parametrize(
        ("path", "method", "scopes"),
        [
            ("/decorated/", "get", ["notes:read"]),
            ("/decorated/", "post", []),
            ("/decorated/", "delete", []),
            ("/decorated-function/", "get", ["notes:read", "notes:write"]),
        ],
    )
    def test_schema_security_contains_decorated_scopes(self, schema, path, method, scopes):
        # REST framework's default permission is AllowAny, so drf-spectacular adds {}.
        assert schema["paths"][path][method]["security"] == [{"TokenAuthAccessToken": scopes}, {}]

    @pytest.mark.parametrize("path", ["/computed/{name}/", "/forgotten/"])
    def test_schema_with_unknown_scopes_describes_the_other_views(self, schemas, path):
        schema = schemas["unknown_scopes"]
        assert schema["paths"][path]["get"]["security"] == [{"TokenAuthAccessToken": []}]
        assert schema["paths"]["/notes/"]["get"]["security"] == [
            {"TokenAuthAccessToken": ["notes:read"]}
        ]

    @pytest.mark.parametrize(
        ("view", "why"), [("Computed", "KeyError"), ("Forgotten", "ImproperlyConfigured")]
    )
    def test_schema_warning_names_a_view_with_unknown_scopes(self, schemas, view, why):
        line = f"Warning [{view}]: the required scopes are unknown ({why})"
        assert line in schemas["warnings"]

    @pytest.mark.parametrize("route", ["token/", "token/refresh/", "token/revoke/"])
    def test_schema_requires_no_security_for_token_endpoints(self, schema, route):
        assert "security" not in schema["paths"][f"/auth/{route}"]["post"]


class TestRoutes:
    @pytest.mark.parametrize(
        ("path", "request_component", "response_component"),
        [
            ("/auth/token/", "TokenAuthGrant", "TokenAuthTokenPair"),
            ("/own/token/", "TokenAuthGrant", "TokenAuthTokenPair"),
            ("/auth/token/refresh/", "TokenAuthRefresh", "TokenAuthTokenPair"),
            ("/auth/token/verify/", "TokenAuthToken", "TokenAuthVerification"),
            ("/auth/token/revoke/", "TokenAuthRevocationRequest", None),
            (
                "/auth/token/introspect/",
                "TokenAuthIntrospectionRequest",
                "TokenAuthIntrospection",
            ),
        ],
    )
    def test_schema_of_token_endpoints_lists_json_form_and_multipart(
        self, schema, path, request_component, response_component
    ):
        operation = schema["paths"][path]["post"]
        body = operation["requestBody"]["content"]
        assert set(body) == {
            "application/json",
            "application/x-www-form-urlencoded",
            "multipart/form-data",
        }
        assert {component_names(media) for media in body.values()} == {request_component}
        assert response_components(operation) == {
            "200": response_component,
            "400": "TokenAuthError",
            "401": "TokenAuthError",
            "429": "TokenAuthError",
        }

    def test_schema_describes_the_session_endpoints(self, schema):
        listing = schema["paths"]["/auth/sessions/"]
        single = schema["paths"]["/auth/sessions/{session_id}/"]
        errors = {"401": "TokenAuthProblem", "403": "TokenAuthProblem"}
        items = listing["get"]["responses"]["200"]["content"]["application/json"]["schema"]
        assert items["items"] == {"$ref": "#/components/schemas/TokenAuthSession"}
        assert response_components(listing["delete"]) == {
            "204": None,
            "400": "TokenAuthProblem",
            **errors,
        }
        assert response_components(single["delete"]) == {
            "204": None,
            "404": "TokenAuthProblem",
            **errors,
        }
        [keep] = listing["delete"]["parameters"]
        assert (keep["in"], keep["name"], keep["schema"]["enum"]) == ("query", "keep", ["current"])

    def test_schema_describes_only_get_of_the_forward_auth_route(self, schema):
        operations = schema["paths"]["/auth/token/forward-auth/"]
        assert set(operations) == {"get"}
        assert operations["get"]["security"] == [{"TokenAuthAccessToken": []}]
        parameters = operations["get"]["parameters"]
        assert [parameter["name"] for parameter in parameters] == ["scope", "status"]
        assert response_components(operations["get"]) == {
            "200": None,
            "204": None,
            "400": "TokenAuthProblem",
            "401": "TokenAuthProblem",
            "403": "TokenAuthProblem",
        }

    def test_schema_keeps_the_description_of_a_project_endpoint(self, schema):
        assert response_components(schema["paths"]["/own/endpoint/"]["post"]) == {"204": None}

    def test_schema_marks_password_and_client_secret_as_write_only(self, schema):
        members = schema["components"]["schemas"]["TokenAuthGrant"]["properties"]
        assert members["password"]["writeOnly"]
        assert members["client_secret"]["writeOnly"]
        assert members["refresh_token"]["writeOnly"]


class TestExtendedViews:
    """Views with ``sign_in_serializer_class`` and ``extra_serializer_class``."""

    def test_schema_contains_the_extra_data_of_the_response(self, schemas):
        schema = schemas["extended"]
        for path in ("/extended/token/", "/extended/refresh/"):
            responses = response_components(schema["paths"][path]["post"])
            assert responses["200"] == "TokenAuthTokenPairWithUser"
        component = schema["components"]["schemas"]["TokenAuthTokenPairWithUser"]
        standard = schema["components"]["schemas"]["TokenAuthTokenPair"]
        assert component["properties"].keys() == standard["properties"].keys() | {
            "user",
            "language",
        }
        assert component["properties"]["user"] == {"$ref": "#/components/schemas/Person"}
        assert {*component["required"]} == {*standard["required"], "user"}
        assert component["description"] == standard["description"]

    def test_schema_contains_the_further_fields_of_the_sign_in(self, schemas):
        schema = schemas["extended"]
        body = schema["paths"]["/extended/token/"]["post"]["requestBody"]["content"]
        reference = {"$ref": "#/components/schemas/TokenAuthGrantRemember"}
        assert body["application/json"]["schema"] == reference
        component = schema["components"]["schemas"]["TokenAuthGrantRemember"]
        standard = schema["components"]["schemas"]["TokenAuthGrant"]
        assert component["properties"].keys() == standard["properties"].keys() | {"remember"}
        assert component["required"] == standard["required"]


STRING, INTEGER, BOOLEAN = "string", "integer", "boolean"
MEMBERS = {
    "TokenAuthError": {"error": STRING, "error_description": STRING},
    "TokenAuthProblem": {"detail": STRING},
    "TokenAuthTokenPair": {
        **dict.fromkeys(("access_token", "refresh_token", "token_type", "scope"), STRING),
        **dict.fromkeys(("expires_in", "refresh_token_expires_in"), INTEGER),
    },
    "TokenAuthVerification": {"active": BOOLEAN, "expires_in": INTEGER},
    "TokenAuthIntrospection": {
        "active": BOOLEAN,
        **dict.fromkeys(
            ("token_type", "username", "scope", "client_id", "sub", "iss", "aud", "jti", "sid"),
            STRING,
        ),
        **dict.fromkeys(("exp", "iat", "auth_time"), INTEGER),
        "acr": STRING,
        "amr": "array",
    },
}
OPTIONAL = {
    "TokenAuthTokenPair": {"scope"},
    "TokenAuthIntrospection": MEMBERS["TokenAuthIntrospection"].keys() - {"active"},
}


class TestDetails:
    def test_schema_of_each_package_route_has_a_summary(self, schema):
        assert {
            path.removeprefix("/auth/"): [operation["summary"] for operation in methods.values()]
            for path, methods in schema["paths"].items()
            if path.startswith("/auth/")
        } == {
            "token/": ["Sign in"],
            "token/refresh/": ["Refresh"],
            "token/verify/": ["Verify a token"],
            "token/revoke/": ["Sign out"],
            "token/introspect/": ["Introspect a token"],
            "token/forward-auth/": ["Authenticate a request for a gateway"],
            "sessions/": ["List the sessions", "Sign out everywhere"],
            "sessions/{session_id}/": ["Sign one session out"],
        }

    def test_schema_of_signing_out_everywhere_has_its_operation_id(self, schema):
        operation = schema["paths"]["/auth/sessions/"]["delete"]
        assert operation["operationId"] == "auth_sessions_destroy_all"

    def test_schema_describes_query_parameters_and_their_values(self, schema):
        gateway = schema["paths"]["/auth/token/forward-auth/"]["get"]
        sessions = schema["paths"]["/auth/sessions/"]["delete"]
        assert [
            (item["name"], item["in"], item["schema"].get("enum"), item["description"])
            for item in gateway["parameters"] + sessions["parameters"]
        ] == [
            ("scope", "query", None, "Required scopes, separated by spaces."),
            ("status", "query", ["200", "204"], "The status of an accepted request."),
            ("keep", "query", ["current"], "Keep the current session."),
        ]

    @pytest.mark.parametrize("component", MEMBERS)
    def test_schema_component_has_its_types_and_required_members(self, schema, component):
        found = schema["components"]["schemas"][component]
        types = {name: member["type"] for name, member in found["properties"].items()}
        assert types == MEMBERS[component]
        assert set(found["required"]) == types.keys() - OPTIONAL.get(component, set())

    def test_schema_of_sign_in_has_an_optional_grant_type(self, schema):
        grant = schema["components"]["schemas"]["TokenAuthGrant"]
        assert grant["properties"]["grant_type"] == {
            "type": "string",
            "description": '"password", or omitted.',
        }
        assert set(grant["required"]) == {"username", "password"}

    @pytest.mark.parametrize("name", ["Grant", "Refresh", "Token", "IntrospectionRequest"])
    def test_schema_with_audiences_has_their_parameters(self, schemas, name):
        component = f"TokenAuth{name}"
        without = schemas["all"]["components"]["schemas"][component]
        found = schemas["audiences"]["components"]["schemas"][component]
        added = found["properties"].keys() - without["properties"].keys()
        assert added == {"resource", "audience"}
        assert found["required"] == without["required"]

    def test_schema_of_sign_in_by_email_has_either_name(self, schemas):
        grant = schemas["by_email"]["components"]["schemas"]["TokenAuthGrant"]
        assert set(grant["required"]) == {"password"}
        assert {"username", "email"} <= set(grant["properties"])
        assert grant["properties"]["email"]["description"] == "Replaces username."


class TestNames:
    """A project may have serializers with the same names as this package."""

    @pytest.mark.parametrize("path", ["session", "token", "error", "grant", "refresh"])
    def test_project_serializer_has_its_own_schema_component(self, schemas, path):
        schema = schemas["same_names"]
        name = component_names(*response_content(schema["paths"][f"/{path}/"]["get"], "200"))
        assert name == path.capitalize()
        assert set(schema["components"]["schemas"][name]["properties"]) == {"room", "grant_type"}

    def test_package_routes_keep_schema_components_on_name_clash(self, schemas, schema):
        same_names = schemas["same_names"]
        package_paths = {path for path in schema["paths"] if path.startswith("/auth/")}
        assert {path: same_names["paths"][path] for path in package_paths} == {
            path: schema["paths"][path] for path in package_paths
        }

    def test_package_schema_components_start_with_tokenauth(self, schema):
        components = schema["components"]
        names = [name for kind in components.values() for name in kind]
        assert len(names) > len(components["schemas"]) > 8
        assert all(name.startswith("TokenAuth") for name in names)

    @pytest.mark.parametrize(
        ("subclass", "component", "member"),
        [
            ("LocatedSessionSerializer", "LocatedSession", "city"),
            ("CodeSerializer", "SignInWithCode", "code"),
            ("NamedTokenSerializer", "OwnToken", "name"),
        ],
    )
    def test_subclass_of_a_serializer_has_its_own_component(
        self, schemas, schema, subclass, component, member
    ):
        subclasses = schemas["subclasses"]
        operation = subclasses["paths"][f"/{subclass}/"]["get"]
        assert component_names(*response_content(operation, "200")) == component
        components = dict(subclasses["components"]["schemas"])
        assert member in components[component]["properties"]
        for name in schema["components"]["schemas"]:
            assert components[name] == schema["components"]["schemas"][name]

    def test_operation_ids_of_the_package_begin_with_their_path(self, schemas):
        """Other operations of the project cannot have the same id."""
        paths = schemas["two_versions"]["paths"]
        ids = [(path, method["operationId"]) for path in paths for method in paths[path].values()]
        assert len(ids) == len({name for _, name in ids}) == 18
        for path, name in ids:
            fixed = path.partition("{")[0].strip("/")
            assert name.startswith(fixed.replace("/", "_").replace("-", "_"))


def component_names(media):
    return media["schema"]["$ref"].rpartition("/")[2]


def response_content(operation, status):
    return operation["responses"][status]["content"].values()


def response_components(operation):
    return {
        status: component_names(*response["content"].values()) if "content" in response else None
        for status, response in operation["responses"].items()
    }


@pytest.mark.parametrize("installed", [True, False])
def test_drf_spectacular_is_imported_only_if_installed(installed):
    apps = [app for app in project.INSTALLED_APPS if installed or app != "drf_spectacular"]
    code = (
        "import sys, django; from django.conf import settings;"
        f"settings.configure(SECRET_KEY={project.SECRET_KEY!r}, INSTALLED_APPS={apps!r});"
        "django.setup(); print('drf_spectacular' in sys.modules)"
    )
    command = [sys.executable, "-W", "error", "-c", code]
    process = subprocess.run(command, check=True, cwd=ROOT, capture_output=True, text=True)  # noqa: S603
    assert process.stdout.strip() == str(installed)
