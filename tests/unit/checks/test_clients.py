"""System checks of the keys of clients and of service accounts."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from django_tokenauth.checks import clients
from django_tokenauth.conf.settings import load
from django_tokenauth.models import Session
from tests.support.confidential_clients import DIGEST
from tests.support.service_accounts import public_jwk
from tests.support.system_checks import check_ids, configure_clean_project, message_of

SECRET = f"sha256${DIGEST}"


@pytest.fixture(autouse=True)
def _clean_project(settings):
    configure_clean_project(settings)


def configure(settings, *entries, **changes):
    clients = {"reports": SECRET, **dict(entries)}
    settings.TOKENAUTH = {"SCOPES": ["notes:read"], "CLIENTS": clients, **changes}


class TestKeys:
    def test_usable_keys_pass(self, settings):
        entry = {"jwks": [public_jwk(), public_jwk("RS256"), public_jwk("EdDSA")]}
        configure(settings, ("statistics", entry))
        assert check_ids() == []

    @pytest.mark.parametrize(
        "jwk", [{"kty": "EC"}, {"kty": "RSA", "n": "AQAB", "e": "AQAB"}, {"kty": "other"}], ids=str
    )
    def test_unusable_key_is_a_check_error(self, settings, jwk):
        configure(settings, ("statistics", {"jwks": [public_jwk(), jwk]}))
        assert check_ids() == ["E012"]
        assert message_of("E012").startswith("A key of entry 2 of CLIENTS cannot be used. ")


class TestSubjects:
    @pytest.mark.standard("rfc9700-2.6-2", "rfc9700-4.15.1-1")
    @pytest.mark.parametrize(
        ("client_id", "field", "expected"),
        [
            ("statistics", "pk", []),
            ("7", "pk", ["W033"]),
            ("service/statistics", "username", []),
            ("statistics", "username", ["W033"]),
        ],
    )
    def test_subject_of_a_user_as_client_id_is_a_warning(
        self, settings, client_id, field, expected
    ):
        configure(settings, (client_id, {"scopes": ["notes:read"]}), USER_ID_FIELD=field)
        assert check_ids() == expected

    @pytest.mark.parametrize("entry", [SECRET, None, {"scopes": [], "user": "alice"}], ids=str)
    def test_client_whose_subject_is_a_user_passes(self, settings, entry):
        configure(settings, ("7", entry))
        assert check_ids() == []

    def test_relation_as_primary_key_is_followed_without_a_query(self, settings, monkeypatch):
        get_field = Session._meta.get_field
        options = SimpleNamespace(pk=get_field("user"), get_field=get_field)
        monkeypatch.setattr(clients, "get_user_model", lambda: SimpleNamespace(_meta=options))
        configure(settings, ("7", {"scopes": []}))
        assert [each.id for each in clients.client_messages(load())] == ["tokenauth.W033"]

    def test_unknown_user_id_field_is_reported_once(self, settings):
        configure(settings, ("7", {"scopes": []}), USER_ID_FIELD="unknown")
        assert check_ids() == ["E009"]
