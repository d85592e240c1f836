"""Client secrets, and the client that owns a token."""

from __future__ import annotations

import re

import pytest
from django.conf import global_settings
from django.contrib.auth.hashers import identify_hasher

from django_tokenauth.errors import InvalidClient, InvalidGrant
from django_tokenauth.services.clients import (
    Credentials,
    check_listed,
    check_owner,
    encode_secret,
    generate_secret,
    has_valid_secret,
)
from tests.support.client import log_messages
from tests.support.confidential_clients import SECRETS, clients_setting
from tests.support.raw_tokens import read_settings, unbase64url

REPORTS = Credentials("reports", SECRETS["reports"])


class TestGenerateSecret:
    @pytest.mark.promise(17)
    @pytest.mark.standard("rfc6749-2.3.1-5")
    def test_generated_client_secret_has_256_bits(self):
        assert len(unbase64url(generate_secret())) == 32

    def test_generated_client_secrets_differ(self):
        assert len({generate_secret() for _ in range(100)}) == 100

    def test_generated_client_secret_needs_no_form_encoding(self):
        assert all(re.fullmatch(r"[A-Za-z0-9_-]{43}", generate_secret()) for _ in range(100))


class TestEncodeSecret:
    def test_encoded_client_secret_is_its_sha256_in_hex(self):
        # FIPS 180-2 appendix B.1.
        digest = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        assert encode_secret("abc") == f"sha256${digest}"

    def test_client_secret_beyond_ascii_is_encoded_as_utf_8(self):
        digest = "4a99557e4033c3539de2eb65472017cad5f9557f7a0625a09f1c3f6e2ba69c4c"
        assert encode_secret("é") == f"sha256${digest}"

    def test_encoded_client_secret_is_unknown_to_password_hashers(self, settings):
        settings.PASSWORD_HASHERS = [
            *global_settings.PASSWORD_HASHERS,
            "django.contrib.auth.hashers.BCryptPasswordHasher",
            "django.contrib.auth.hashers.MD5PasswordHasher",
        ]
        with pytest.raises(ValueError, match="Unknown password hashing algorithm"):
            identify_hasher(encode_secret("abc"))

    def test_encoded_client_secret_is_accepted_by_settings(self):
        found = read_settings(CLIENTS=clients_setting()).clients
        assert {name: client.secrets for name, client in found.items()} == {
            name: (encoded,) for name, encoded in clients_setting().items()
        }


class TestHasValidSecret:
    @pytest.fixture
    def configured(self):
        return read_settings(CLIENTS={**clients_setting(), "disabled": None})

    @pytest.mark.parametrize("client_id", ["reports", "billing"])
    def test_client_secret_of_its_client_is_valid(self, configured, client_id):
        assert has_valid_secret(configured, Credentials(client_id, SECRETS[client_id]))

    @pytest.mark.parametrize(
        "secret",
        [
            *("wrong", "", SECRETS["reports"].upper(), SECRETS["billing"]),
            *(f"{SECRETS['reports']} ", SECRETS["reports"][:-1]),
        ],
    )
    def test_wrong_or_misspelled_client_secret_is_invalid(self, configured, secret):
        assert not has_valid_secret(configured, Credentials("reports", secret))

    @pytest.mark.parametrize("client_id", ["Reports", "unlisted", ""])
    def test_secret_of_an_unlisted_client_is_invalid(self, configured, client_id):
        assert not has_valid_secret(configured, Credentials(client_id, SECRETS["reports"]))

    @pytest.mark.parametrize("secret", ["", "None", "!", SECRETS["reports"]])
    def test_client_without_a_secret_hash_has_no_valid_secret(self, configured, secret):
        assert not has_valid_secret(configured, Credentials("disabled", secret))

    @pytest.mark.promise(17)
    def test_client_secret_hash_is_not_a_valid_secret(self, configured):
        assert not has_valid_secret(
            configured, Credentials("reports", clients_setting()["reports"])
        )

    def test_credentials_repr_hides_the_secret(self):
        assert repr(REPORTS) == "Credentials(client_id='reports')"


class TestCheckListed:
    @pytest.fixture
    def configured(self):
        return read_settings(CLIENTS=clients_setting())

    @pytest.mark.parametrize(
        ("owner", "authenticated"), [("reports", True), ("reports", False), ("phone", False)]
    )
    def test_check_listed_accepts_listed_and_public_clients(self, configured, owner, authenticated):
        check_listed(configured, owner, authenticated=authenticated)

    def test_check_listed_rejects_and_logs_a_removed_client(self, configured, caplog):
        caplog.set_level("INFO", "django_tokenauth")
        with pytest.raises(InvalidClient):
            check_listed(configured, "removed", authenticated=True)
        assert log_messages(caplog) == ["token rejected: its client is no longer in CLIENTS"]


class TestCheckOwner:
    @pytest.fixture
    def configured(self):
        return read_settings(CLIENTS={**clients_setting(), "disabled": None})

    @pytest.mark.standard("rfc6749-2.3-1")
    @pytest.mark.parametrize(
        ("owner", "client_id"),
        [("reports", "reports"), ("phone", "phone"), ("phone", ""), ("phone", "web")],
    )
    def test_check_owner_accepts_owner_or_client_without_secret(self, configured, owner, client_id):
        check_owner(configured, owner, client_id)

    @pytest.mark.standard("rfc6749-2.3-1")
    @pytest.mark.parametrize("owner", ["reports", "disabled"])
    @pytest.mark.parametrize("client_id", ["", "phone", "Reports"])
    def test_token_of_confidential_client_requires_authentication(
        self, configured, owner, client_id
    ):
        with pytest.raises(InvalidClient):
            check_owner(configured, owner, client_id)

    @pytest.mark.parametrize("owner", ["reports", "phone", "disabled"])
    def test_token_of_another_client_is_rejected(self, configured, owner, caplog):
        caplog.set_level("INFO", "django_tokenauth")
        with pytest.raises(InvalidGrant):
            check_owner(configured, owner, "billing")
        assert log_messages(caplog) == ["token rejected: it belongs to another client"]
