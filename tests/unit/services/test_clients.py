"""The secrets of clients, and the owner of a token."""

from __future__ import annotations

import re

import pytest
from django.conf import global_settings
from django.contrib.auth.hashers import identify_hasher

from django_tokenauth.errors import InvalidClient, InvalidGrant
from django_tokenauth.services.clients import (
    Credentials,
    check_owner,
    encode_secret,
    generate_secret,
    has_valid_secret,
)
from tests.support.client import logged
from tests.support.confidential_clients import SECRETS, listed
from tests.support.raw_tokens import read_settings, unbase64url

REPORTS = Credentials("reports", SECRETS["reports"])


class TestGenerateSecret:
    @pytest.mark.promise(17)
    @pytest.mark.standard("rfc6749-2.3.1-5")
    def test_secret_has_256_bits(self):
        assert len(unbase64url(generate_secret())) == 32

    def test_secrets_differ(self):
        assert len({generate_secret() for _ in range(100)}) == 100

    def test_secret_has_no_character_that_form_encoding_changes(self):
        assert all(re.fullmatch(r"[A-Za-z0-9_-]{43}", generate_secret()) for _ in range(100))


class TestEncodeSecret:
    def test_value_is_sha256_of_the_secret_in_hex(self):
        # FIPS 180-2 appendix B.1.
        digest = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        assert encode_secret("abc") == f"sha256${digest}"

    def test_secret_beyond_ascii_is_encoded_as_utf_8(self):
        digest = "4a99557e4033c3539de2eb65472017cad5f9557f7a0625a09f1c3f6e2ba69c4c"
        assert encode_secret("é") == f"sha256${digest}"

    def test_value_is_read_by_none_of_djangos_hashers(self, settings):
        settings.PASSWORD_HASHERS = [
            *global_settings.PASSWORD_HASHERS,
            "django.contrib.auth.hashers.BCryptPasswordHasher",
            "django.contrib.auth.hashers.MD5PasswordHasher",
        ]
        with pytest.raises(ValueError, match="Unknown password hashing algorithm"):
            identify_hasher(encode_secret("abc"))

    def test_settings_accept_the_value(self):
        assert read_settings(CLIENTS=listed()).clients == listed()


class TestHasValidSecret:
    @pytest.fixture
    def ours(self):
        return read_settings(CLIENTS={**listed(), "closed": None})

    @pytest.mark.parametrize("client_id", ["reports", "billing"])
    def test_secret_of_the_client_is_valid(self, ours, client_id):
        assert has_valid_secret(ours, Credentials(client_id, SECRETS[client_id]))

    @pytest.mark.parametrize(
        "secret",
        [
            *("wrong", "", SECRETS["reports"].upper(), SECRETS["billing"]),
            *(f"{SECRETS['reports']} ", SECRETS["reports"][:-1]),
        ],
    )
    def test_another_secret_is_not_valid(self, ours, secret):
        assert not has_valid_secret(ours, Credentials("reports", secret))

    @pytest.mark.parametrize("client_id", ["Reports", "nobody", ""])
    def test_secret_of_an_unlisted_client_is_not_valid(self, ours, client_id):
        assert not has_valid_secret(ours, Credentials(client_id, SECRETS["reports"]))

    @pytest.mark.parametrize("secret", ["", "None", "!", SECRETS["reports"]])
    def test_client_that_is_shut_out_has_no_valid_secret(self, ours, secret):
        assert not has_valid_secret(ours, Credentials("closed", secret))

    @pytest.mark.promise(17)
    def test_value_from_the_settings_is_not_the_secret(self, ours):
        assert not has_valid_secret(ours, Credentials("reports", listed()["reports"]))

    def test_repr_of_credentials_hides_the_secret(self):
        assert repr(REPORTS) == "Credentials(client_id='reports')"


class TestCheckOwner:
    @pytest.fixture
    def ours(self):
        return read_settings(CLIENTS={**listed(), "closed": None})

    @pytest.mark.standard("rfc6749-2.3-1")
    @pytest.mark.parametrize(
        ("owner", "client_id"),
        [("reports", "reports"), ("phone", "phone"), ("phone", ""), ("phone", "web")],
    )
    def test_own_token_or_unverified_label_is_accepted(self, ours, owner, client_id):
        check_owner(ours, owner, client_id)

    @pytest.mark.standard("rfc6749-2.3-1")
    @pytest.mark.parametrize("owner", ["reports", "closed"])
    @pytest.mark.parametrize("client_id", ["", "phone", "Reports"])
    def test_token_of_a_client_without_authentication_is_rejected(self, ours, owner, client_id):
        with pytest.raises(InvalidClient):
            check_owner(ours, owner, client_id)

    @pytest.mark.parametrize("owner", ["reports", "phone", "closed"])
    def test_token_of_another_client_is_rejected(self, ours, owner, caplog):
        caplog.set_level("INFO", "django_tokenauth")
        with pytest.raises(InvalidGrant):
            check_owner(ours, owner, "billing")
        assert logged(caplog) == ["token refused: it is not that of the client"]
