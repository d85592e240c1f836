"""The OpenAPI schema of the routes, made by drf-spectacular in a separate process."""

from __future__ import annotations

from tests.support.scenarios.running import run_scenario

PACKAGE = "tests.support.scenarios.openapi"


def reference(schema):
    """Return the name of the component that *schema* refers to."""
    return schema["$ref"].rpartition("/")[2]


def content(part):
    return reference(part["content"]["application/json"]["schema"])


def test_schema_describes_the_routes_without_a_warning():
    result = run_scenario(f"{PACKAGE}.api_tokens_scenario", f"{PACKAGE}.api_tokens_settings")
    assert result["warnings"] == ""
    paths = result["schema"]["paths"]
    tokens, token = paths["/auth/api-tokens/"], paths["/auth/api-tokens/{token_id}/"]
    rotation = paths["/auth/api-tokens/{token_id}/rotate/"]["post"]
    assert content(tokens["post"]["requestBody"]) == "TokenAuthNewAPIToken"
    assert content(tokens["post"]["responses"]["201"]) == "TokenAuthIssuedAPIToken"
    listed = tokens["get"]["responses"]["200"]["content"]["application/json"]["schema"]
    assert reference(listed["items"]) == "TokenAuthAPIToken"
    assert content(token["patch"]["responses"]["200"]) == "TokenAuthAPIToken"
    assert token["delete"]["responses"].keys() == {"204", "401", "403", "404"}
    assert rotation["responses"].keys() == {"200", "400", "401", "403", "404", "409"}
    components = result["schema"]["components"]["schemas"]
    assert "token" in components["TokenAuthIssuedAPIToken"]["properties"]
    assert "token" not in components["TokenAuthAPIToken"]["properties"]
