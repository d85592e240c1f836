"""The system checks of the clients and of the introspection scope."""

from __future__ import annotations

import pytest
from django.contrib.auth.hashers import make_password

from tests.support.confidential_clients import DIGEST, MALFORMED, listed
from tests.support.system_checks import found, make_good, said


def policy(user, scope, request):
    return scope


@pytest.fixture(autouse=True)
def _good_project(settings):
    make_good(settings)


class TestClients:
    @pytest.mark.parametrize("value", [None, {}, {"reports": None}, listed()])
    def test_clients_with_generated_secrets_pass(self, settings, value):
        settings.TOKENAUTH = {"CLIENTS": value}
        assert found() == []

    @pytest.mark.promise(18)
    @pytest.mark.parametrize(
        "hasher", ["argon2", "bcrypt", "bcrypt_sha256", "md5", "pbkdf2_sha256", "scrypt"]
    )
    def test_hash_by_a_django_hasher_is_an_error(self, settings, hasher):
        encoded = f"{hasher}$1$salt$5f4dcc3b5aa765d61d8327deb882cf99"
        settings.TOKENAUTH = {"CLIENTS": {**listed(), "reports": encoded}}
        assert found() == ["E008"]
        assert "The value is wrong for 'reports'. Run manage.py tokenauth_client" in said("E008")
        assert encoded not in said("E008")

    @pytest.mark.parametrize("password", ["secret", None])
    def test_value_by_make_password_is_an_error(self, settings, password):
        settings.TOKENAUTH = {"CLIENTS": {"reports": make_password(password)}}
        assert found() == ["E008"]

    @pytest.mark.promise(18)
    @pytest.mark.parametrize("value", ["a $ecret in plain text", *MALFORMED])
    def test_plain_secret_or_malformed_value_is_an_error(self, settings, value):
        settings.TOKENAUTH = {"CLIENTS": {**listed(), "reports": value}}
        assert found() == ["E008"]
        for part in ("$ecret", DIGEST[:16]):
            assert part not in said("E008")

    def test_error_names_each_wrong_client(self, settings):
        settings.TOKENAUTH = {"CLIENTS": {"a": "x$", "b": make_password(None), **listed()}}
        assert found() == ["E008"]
        assert "The value is wrong for 'a', 'b'." in said("E008")

    def test_issuer_as_client_is_an_error(self, settings):
        settings.TOKENAUTH = {"CLIENTS": listed(**{"django-tokenauth": "secret"})}
        assert found() == ["E008"]
        assert "CLIENTS contains the ISSUER" in said("E008")


class TestIntrospect:
    def test_introspect_scope_for_all_users_is_a_warning(self, settings):
        settings.TOKENAUTH = {"SCOPES": ["notes:read", "introspect"]}
        assert found() == ["W009"]
        assert "SCOPE_POLICY" in said("W009")

    @pytest.mark.parametrize(
        "values",
        [{"SCOPES": ["introspect"], "SCOPE_POLICY": policy}, {"SCOPES": ["introspection"]}],
    )
    def test_introspect_scope_with_a_policy_passes(self, settings, values):
        settings.TOKENAUTH = values
        assert found() == []
