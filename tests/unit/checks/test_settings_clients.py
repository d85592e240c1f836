"""System checks of clients and of the introspection scope."""

from __future__ import annotations

import pytest
from django.contrib.auth.hashers import make_password

from tests.support.confidential_clients import DIGEST, MALFORMED, clients_setting
from tests.support.system_checks import check_ids, configure_clean_project, message_of


def policy(user, scope, request):
    return scope


@pytest.fixture(autouse=True)
def _clean_project(settings):
    configure_clean_project(settings)


class TestClients:
    @pytest.mark.parametrize("value", [None, {}, {"reports": None}, clients_setting()])
    def test_valid_clients_setting_passes_system_checks(self, settings, value):
        settings.TOKENAUTH = {"CLIENTS": value}
        assert check_ids() == []

    @pytest.mark.promise(18)
    @pytest.mark.parametrize(
        "hasher", ["argon2", "bcrypt", "bcrypt_sha256", "md5", "pbkdf2_sha256", "scrypt"]
    )
    def test_client_secret_hash_of_django_hasher_is_a_check_error(self, settings, hasher):
        encoded = f"{hasher}$1$salt$5f4dcc3b5aa765d61d8327deb882cf99"
        settings.TOKENAUTH = {"CLIENTS": {**clients_setting(), "reports": encoded}}
        assert check_ids() == ["E008"]
        message = message_of("E008")
        assert "The value is wrong in entry 1 (of 2). Run manage.py tokenauth_client" in message
        assert encoded not in message_of("E008")

    @pytest.mark.parametrize("password", ["secret", None])
    def test_client_secret_hash_of_make_password_is_a_check_error(self, settings, password):
        settings.TOKENAUTH = {"CLIENTS": {"reports": make_password(password)}}
        assert check_ids() == ["E008"]

    @pytest.mark.promise(18)
    @pytest.mark.parametrize("value", ["a $ecret in plain text", *MALFORMED])
    def test_malformed_client_secret_hash_is_a_check_error(self, settings, value):
        settings.TOKENAUTH = {"CLIENTS": {**clients_setting(), "reports": value}}
        assert check_ids() == ["E008"]
        for part in ("$ecret", DIGEST[:16]):
            assert part not in message_of("E008")

    def test_clients_check_error_lists_each_invalid_entry(self, settings):
        settings.TOKENAUTH = {"CLIENTS": {"a": "x$", "b": make_password(None), **clients_setting()}}
        assert check_ids() == ["E008"]
        assert "The value is wrong in entry 1, 2 (of 4)." in message_of("E008")

    @pytest.mark.attack(174)
    @pytest.mark.promise(18)
    @pytest.mark.parametrize("secret", ["a $ecret in plain text", "T2VqZ0xqdkhPc0ZsS3J4Yw"])
    @pytest.mark.parametrize("value", ["reports", "", 1, "md5$salt$5f4dcc3b5aa765d6"])
    def test_check_error_hides_client_secret_in_place_of_client_id(self, settings, secret, value):
        settings.TOKENAUTH = {"CLIENTS": {**clients_setting(), secret: value}}
        assert check_ids() == ["E008"]
        assert "The value is wrong in entry 3 (of 3)." in message_of("E008")
        assert secret not in message_of("E008")

    def test_issuer_as_client_id_is_a_check_error(self, settings):
        settings.TOKENAUTH = {"CLIENTS": clients_setting(**{"django-tokenauth": "secret"})}
        assert check_ids() == ["E008"]
        assert "CLIENTS contains the ISSUER" in message_of("E008")


class TestIntrospect:
    def test_introspect_scope_for_all_users_is_a_check_warning(self, settings):
        settings.TOKENAUTH = {"SCOPES": ["notes:read", "introspect"]}
        assert check_ids() == ["W009"]
        assert "SCOPE_POLICY" in message_of("W009")

    @pytest.mark.parametrize(
        "values",
        [{"SCOPES": ["introspect"], "SCOPE_POLICY": policy}, {"SCOPES": ["introspection"]}],
    )
    def test_restricted_or_absent_introspect_scope_passes_the_check(self, settings, values):
        settings.TOKENAUTH = values
        assert check_ids() == []
