"""The setting ``CLIENTS``: secrets, keys and service accounts."""

from __future__ import annotations

import json

import pytest

from django_tokenauth.conf import settings as conf
from django_tokenauth.conf.clients import Client, parse_clients
from django_tokenauth.conf.values import InvalidSetting
from tests.support.confidential_clients import DIGEST
from tests.support.raw_tokens import SECRET_KEY, read_settings

OTHER = f"sha256${DIGEST[::-1]}"
SECRET = f"sha256${DIGEST}"
JWK = {"kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}


def hint_of(entry):
    with pytest.raises(InvalidSetting) as caught:
        parse_clients({"reports": SECRET, "statistics": entry})
    assert caught.value.expected == "a dict of client ids and hashed secrets"
    return caught.value.hint


class TestParseClients:
    @pytest.mark.parametrize(
        ("entry", "client"),
        [
            (None, Client()),
            (SECRET, Client(secrets=(SECRET,))),
            ({}, Client()),
            ({"secrets": [SECRET, OTHER]}, Client(secrets=(SECRET, OTHER))),
            ({"jwks": {"keys": [JWK]}}, Client(keys=(JWK,))),
            ({"jwks": json.dumps({"keys": [JWK]})}, Client(keys=(JWK,))),
            ({"jwks": None, "scopes": None, "user": None}, Client()),
            ({"scopes": []}, Client(scopes=())),
            (
                {"scopes": ["notes:read"], "audiences": ["a", "b"], "user": "alice"},
                Client(scopes=("notes:read",), audiences=("a", "b"), user="alice"),
            ),
        ],
        ids=str,
    )
    def test_entry_is_parsed(self, entry, client):
        assert parse_clients({"reports": entry}) == {"reports": client}

    def test_clients_are_empty_by_default(self):
        assert parse_clients(None) == {}
        assert read_settings().clients == {}

    def test_repr_of_a_client_has_no_secret_and_no_key(self):
        client = Client(secrets=(SECRET,), keys=(JWK,), scopes=("notes:read",))
        shown = "Client(scopes=('notes:read',), audiences=(), user=None, exchange={})"
        assert repr(client) == shown

    @pytest.mark.parametrize(
        ("entry", "text"),
        [
            ({"scope": []}, "other members than secrets, jwks, scopes, audiences, user, exchange."),
            ({"scope": []}, "Did you mean 'scopes'?"),
            ({"secrets": SECRET}, "secrets must be a list of the sha256$ values"),
            ({"secrets": ["plain"]}, "secrets must be a list of the sha256$ values"),
            ({"secrets": [SECRET, None]}, "secrets must be a list of the sha256$ values"),
            ({"secrets": None}, "secrets must be a list of the sha256$ values"),
            ({"jwks": []}, "jwks must be at least one key"),
            ({"jwks": {"keys": ["x"]}}, "jwks must be at least one key"),
            ({"jwks": "https://example.com"}, "jwks must be a list of JWKs"),
            ({"jwks": [{**JWK, "d": "secret"}]}, "public keys only"),
            ({"jwks": [JWK, {"kty": "oct", "k": "secret"}]}, "public keys only"),
            ({"scopes": "notes:read"}, "scopes must be a list of scope names"),
            ({"scopes": ["a b"]}, "Entry 1 is wrong."),
            ({"scopes": [], "audiences": "a"}, "audiences must be a list of audiences."),
            ({"scopes": [], "audiences": [""]}, "Each of the audiences must be a string of 1"),
            ({"scopes": [], "audiences": ["x" * 256]}, "Each of the audiences must be"),
            ({"exchange": []}, "exchange must be a dict of audiences"),
            ({"exchange": {1: []}}, "exchange must be a dict of audiences"),
            (
                {"exchange": {"a": "b"}},
                "exchange must be a dict of audiences and lists of audiences.",
            ),
            ({"scopes": [], "audiences": None}, "audiences must be a list of audiences."),
            ({"scopes": [], "user": ""}, "user must be a username"),
            ({"scopes": [], "user": 1}, "user must be a username"),
            ({"user": "alice"}, "a service account, which needs scopes."),
            ({"audiences": ["a"]}, "a service account, which needs scopes."),
        ],
        ids=str,
    )
    def test_invalid_entry_names_its_place_and_the_reason(self, entry, text):
        hint = hint_of(entry)
        assert hint.startswith("Entry 2 (of 2) is wrong. ")
        assert text in hint
        assert "secret" not in hint.replace("secrets", "")

    @pytest.mark.parametrize("name", ["", " a", "a\n", 1, "x" * 256])
    def test_invalid_client_id_is_rejected(self, name):
        with pytest.raises(InvalidSetting, match="a dict of client ids") as caught:
            parse_clients({name: SECRET})
        assert caught.value.hint.startswith("A client id is a string of 1 to 255")

    @pytest.mark.parametrize("value", [SECRET, [SECRET], 1])
    def test_clients_must_be_a_dict(self, value):
        with pytest.raises(InvalidSetting) as caught:
            parse_clients(value)
        assert caught.value.hint == 'For example {"reports": "sha256$..."}.'


class TestUnknownRights:
    BASE = {"SCOPES": ["notes:read"], "AUDIENCE": "https://api.example.com"}

    def problems(self, client, **changes):
        clients = {"reports": SECRET, "statistics": client}
        _, problems = conf.read({**self.BASE, "CLIENTS": clients, **changes}, (SECRET_KEY,))
        return [(problem.check_id, problem.message, problem.hint) for problem in problems]

    def test_known_scopes_and_audiences_pass(self):
        other = "https://other.example.com"
        client = {"scopes": ["notes:read"], "audiences": ["https://api.example.com", other]}
        assert self.problems(client, AUDIENCES={other: []}) == []

    def test_scope_that_is_not_in_scopes_is_an_error(self):
        assert self.problems({"scopes": ["notes:rea"]}) == [
            (
                "E008",
                "Entry 2 of CLIENTS has scopes that SCOPES does not contain. It has 'notes:rea'.",
                "Did you mean 'notes:read'? Add them to SCOPES.",
            )
        ]

    def test_scopes_are_checked_also_if_the_audience_is_a_function(self):
        [(_, message, _)] = self.problems({"scopes": ["typo"]}, AUDIENCE=lambda request: "a")
        assert "CLIENTS has scopes that SCOPES does not contain" in message

    @pytest.mark.parametrize("entry", [{"a": []}, {"https://api.example.com": ["a"]}], ids=str)
    def test_unknown_audience_of_an_exchange_is_an_error(self, entry):
        [(_, message, _)] = self.problems({"exchange": entry})
        assert "CLIENTS has audiences that AUDIENCES does not contain. It has 'a'." in message

    def test_audience_that_is_not_in_audiences_is_an_error(self):
        client = {"scopes": [], "audiences": ["urn:a-service-whose-name-could-be-a-secret"]}
        assert self.problems(client) == [
            (
                "E008",
                "Entry 2 of CLIENTS has audiences that AUDIENCES does not contain.",
                "Add them to AUDIENCES.",
            )
        ]
