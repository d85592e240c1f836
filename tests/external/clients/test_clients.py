"""OAuth client libraries that we did not write, against the running example."""

from __future__ import annotations

import pytest
import requests

from tests.external.clients.programs import BASIC, NONE, POST, Authlib


def status(url, token):
    """What a request with just this token is answered."""
    headers = {"Authorization": f"Bearer {token['access_token']}"}
    return requests.get(url, headers=headers, timeout=30).status_code


class TestEveryClient:
    def test_signs_in_and_is_let_in(self, program, alice, notes):
        token = program.sign_in(*alice)
        assert token["token_type"] == "Bearer"
        assert program.get(notes).status_code == 200
        assert status(notes, {"access_token": "another"}) == 401

    def test_is_refused_with_another_password(self, program, notes):
        with pytest.raises(program.Refused) as caught:
            program.sign_in("alice", "a guess")
        assert caught.value.error == "invalid_grant"
        assert caught.value.description == "The credentials or the token are not valid."

    def test_gets_the_scope_that_it_asks_for(self, program, alice, notes):
        token = program.sign_in(*alice, scope="notes:read")
        assert "notes:read" in token["scope"]
        assert "notes:write" not in token["scope"]
        assert program.get(notes).status_code == 200
        assert program.session.post(notes, json={"text": "No"}).status_code == 403

    def test_refreshes(self, program, alice, notes):
        first = dict(program.sign_in(*alice))
        second = dict(program.refresh())
        assert second["access_token"] != first["access_token"]
        assert second["refresh_token"] != first["refresh_token"]
        assert program.get(notes).status_code == 200

    def test_refreshes_by_itself_when_the_token_has_expired(self, program, alice, notes):
        token = program.sign_in(*alice)
        expired = {**token, "access_token": "an expired one", "expires_at": 1, "expires_in": -1}
        program.session.token = expired
        assert program.get(notes).status_code == 200
        assert program.session.token["refresh_token"] != token["refresh_token"]

    @pytest.mark.parametrize("kind", ["access_token", "refresh_token"])
    def test_signs_out(self, program, alice, notes, kind):
        token = dict(program.sign_in(*alice))
        other = dict(program.sign_in(*alice))
        assert status(notes, token) == 200
        assert program.revoke(token[kind], kind).status_code == 200
        assert status(notes, token) == 401
        with pytest.raises(program.Refused) as caught:
            program.refresh(token["refresh_token"])
        assert caught.value.error == "invalid_grant"
        # That was one session, and no other.
        assert status(notes, other) == 200


class TestClientWithASecret:
    def test_is_refused_with_another_one(self, library, method, metadata, alice):
        program = library(metadata, method, "reports", "a guess")
        with pytest.raises(program.Refused) as caught:
            program.sign_in(*alice)
        assert caught.value.error == "invalid_client"

    def test_does_not_refresh_with_another_one(self, service, library, method, metadata, alice):
        token = dict(service.sign_in(*alice))
        with pytest.raises(service.Refused) as caught:
            library(metadata, method, "reports", "a guess").refresh(token["refresh_token"])
        assert caught.value.error == "invalid_client"
        assert service.refresh(token["refresh_token"])["access_token"]

    def test_keeps_its_sessions_from_a_client_without(
        self, service, library, metadata, alice, notes
    ):
        token = dict(service.sign_in(*alice))
        other = library(metadata, NONE, "a notebook", None)
        with pytest.raises(service.Refused) as caught:
            other.refresh(token["refresh_token"])
        assert caught.value.error == "invalid_client"
        other.revoke(token["refresh_token"], "refresh_token")
        assert status(notes, token) == 200

    def test_is_named_in_the_list_of_sessions(self, service, alice, demo):
        service.sign_in(*alice)
        listed = service.session.get(f"{demo.api}/auth/sessions/").json()
        [current] = [session for session in listed if session["current"]]
        assert current["client_id"] == "reports"


class TestIntrospection:
    @pytest.fixture
    def resource_server(self, method, metadata, demo):
        """Of the two libraries the one that can ask."""
        return Authlib(metadata, method, "reports", demo.passwords["reports"])

    def test_tells_of_a_token_until_its_session_ends(self, resource_server, program, alice):
        token = dict(program.sign_in(*alice))
        said = resource_server.introspect(token["access_token"]).json()
        assert (said["active"], said["username"]) == (True, "alice")
        assert said["client_id"] == program.session.client_id
        program.revoke(token["refresh_token"], "refresh_token")
        assert resource_server.introspect(token["access_token"]).json() == {"active": False}

    def test_tells_nothing_to_who_has_another_secret(self, method, metadata, program, alice):
        token = dict(program.sign_in(*alice))
        answer = Authlib(metadata, method, "reports", "a guess").introspect(token["access_token"])
        assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client")


def test_the_metadata_says_how_these_clients_prove_themselves(metadata):
    known = [NONE, BASIC, POST]
    assert metadata["token_endpoint_auth_methods_supported"] == known
    assert metadata["revocation_endpoint_auth_methods_supported"] == known
    assert metadata["introspection_endpoint_auth_methods_supported"] == [BASIC, POST]
    assert set(metadata["grant_types_supported"]) == {"password", "refresh_token"}
