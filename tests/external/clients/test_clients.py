"""Independent OAuth client libraries against the running example."""

from __future__ import annotations

import pytest
import requests

from tests.external.clients.programs import BASIC, NONE, POST, Authlib

#: The confidential client of the demo.
SERVICE = "service/statistics"
TOKENS = ("access_token", "refresh_token")


def status(url, token):
    """Return the status of a request with only this token."""
    headers = {"Authorization": f"Bearer {token['access_token']}"}
    return requests.get(url, headers=headers, timeout=30).status_code


class TestOAuthClient:
    def test_oauth_client_signs_in_and_calls_api(self, program, alice, notes):
        token = program.sign_in(*alice)
        assert token["token_type"] == "Bearer"
        assert program.get(notes).status_code == 200
        assert status(notes, {"access_token": "another"}) == 401

    def test_oauth_client_with_wrong_password_is_rejected(self, program, notes):
        with pytest.raises(program.Error) as caught:
            program.sign_in("alice", "a guess")
        assert caught.value.error == "invalid_grant"
        assert caught.value.description == "Wrong username or password."

    def test_oauth_client_gets_requested_scope(self, program, alice, notes):
        token = program.sign_in(*alice, scope="notes:read")
        assert "notes:read" in token["scope"]
        assert "notes:write" not in token["scope"]
        assert program.get(notes).status_code == 200
        assert program.session.post(notes, json={"text": "No"}).status_code == 403

    def test_oauth_client_refreshes_tokens(self, program, alice, notes):
        first = dict(program.sign_in(*alice))
        second = dict(program.refresh())
        assert second["access_token"] != first["access_token"]
        assert second["refresh_token"] != first["refresh_token"]
        assert program.get(notes).status_code == 200

    def test_oauth_client_refreshes_after_the_access_token_expires(self, program, alice, notes):
        token = program.sign_in(*alice)
        expired = {**token, "access_token": "expired", "expires_at": 1, "expires_in": -1}
        program.session.token = expired
        assert program.get(notes).status_code == 200
        assert program.session.token["refresh_token"] != token["refresh_token"]

    def test_access_token_of_a_public_client_revokes_no_session(
        self, library, metadata, alice, notes
    ):
        program = library(metadata, NONE, "notebook", None)
        token = dict(program.sign_in(*alice))
        response = program.revoke(token["access_token"], "access_token")
        assert (response.status_code, response.json()["error"]) == (400, "unsupported_token_type")
        assert status(notes, token) == 200

    @pytest.mark.parametrize(
        ("program", "kind"),
        [
            (NONE, "refresh_token"),
            *((method, kind) for method in (BASIC, POST) for kind in TOKENS),
        ],
        indirect=["program"],
    )
    def test_oauth_client_revokes_one_session(self, program, alice, notes, kind):
        token = dict(program.sign_in(*alice))
        other = dict(program.sign_in(*alice))
        assert status(notes, token) == 200
        assert program.revoke(token[kind], kind).status_code == 200
        assert status(notes, token) == 401
        with pytest.raises(program.Error) as caught:
            program.refresh(token["refresh_token"])
        assert caught.value.error == "invalid_grant"
        # The other session still works.
        assert status(notes, other) == 200


class TestConfidentialClient:
    def test_wrong_client_secret_is_rejected_at_sign_in(self, library, method, metadata, alice):
        program = library(metadata, method, SERVICE, "a guess")
        with pytest.raises(program.Error) as caught:
            program.sign_in(*alice)
        assert caught.value.error == "invalid_client"

    def test_wrong_client_secret_is_rejected_at_refresh(
        self, service, library, method, metadata, alice
    ):
        token = dict(service.sign_in(*alice))
        with pytest.raises(service.Error) as caught:
            library(metadata, method, SERVICE, "a guess").refresh(token["refresh_token"])
        assert caught.value.error == "invalid_client"
        assert service.refresh(token["refresh_token"])["access_token"]

    def test_public_client_cannot_use_session_of_another_client(
        self, service, library, metadata, alice, notes
    ):
        token = dict(service.sign_in(*alice))
        other = library(metadata, NONE, "notebook", None)
        with pytest.raises(service.Error) as caught:
            other.refresh(token["refresh_token"])
        assert caught.value.error == "invalid_client"
        other.revoke(token["refresh_token"], "refresh_token")
        assert status(notes, token) == 200

    def test_session_list_shows_client_id(self, service, alice, demo):
        service.sign_in(*alice)
        listed = service.session.get(f"{demo.api}/auth/sessions/").json()
        [current] = [session for session in listed if session["current"]]
        assert current["client_id"] == SERVICE


class TestIntrospection:
    @pytest.fixture
    def resource_server(self, method, metadata, demo):
        """Return an Authlib program, because requests-oauthlib has no introspection."""
        return Authlib(metadata, method, *demo.client)

    def test_introspection_reports_active_until_revocation(self, resource_server, program, alice):
        token = dict(program.sign_in(*alice))
        response = resource_server.introspect(token["access_token"]).json()
        assert (response["active"], response["username"]) == (True, "alice")
        assert response["client_id"] == program.session.client_id
        program.revoke(token["refresh_token"], "refresh_token")
        assert resource_server.introspect(token["access_token"]).json() == {"active": False}

    def test_introspection_with_wrong_secret_is_rejected(self, method, metadata, program, alice):
        token = dict(program.sign_in(*alice))
        response = Authlib(metadata, method, SERVICE, "a guess").introspect(token["access_token"])
        assert (response.status_code, response.json()["error"]) == (401, "invalid_client")


def test_metadata_lists_client_authentication_methods(metadata):
    # The report service has a key.
    confidential = [BASIC, POST, "private_key_jwt"]
    methods = [NONE, *confidential]
    assert metadata["token_endpoint_auth_methods_supported"] == methods
    assert metadata["revocation_endpoint_auth_methods_supported"] == methods
    assert metadata["introspection_endpoint_auth_methods_supported"] == confidential
    assert set(metadata["grant_types_supported"]) == {
        "refresh_token",
        "client_credentials",
        "urn:ietf:params:oauth:grant-type:token-exchange",
    }
