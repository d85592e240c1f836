"""``with_test_keys()``: a project whose key files are missing can sign tokens in its tests."""

from __future__ import annotations

import pytest
from django.test import SimpleTestCase

from django_tokenauth import services
from django_tokenauth.conf.settings import UnusableSettings, load
from django_tokenauth.test import TokenClient, with_test_keys
from tests.support.raw_tokens import unbase64url


@pytest.fixture
def missing_keys(settings, tmp_path):
    """Configure a key folder that does not exist, as on a machine that only runs tests."""
    settings.TOKENAUTH = {"KEY_DIRECTORY": tmp_path / "missing", "SCOPES": ["notes:read"]}
    return tmp_path


def header_of(token):
    return unbase64url(token.split(".")[0]).decode()


@pytest.mark.django_db
class TestMissingKeys:
    def test_tokens_are_signed_without_the_key_folder(self, missing_keys, alice):
        with pytest.raises(UnusableSettings):
            services.sign_in(alice)
        with with_test_keys():
            client = TokenClient()
            pair = client.sign_in(alice)
            assert client.get("/who/").status_code == 200
            assert client.get("/who/stateless/").status_code == 200
        assert '"alg":"EdDSA"' in header_of(pair.access_token)
        assert pair.scope == {"notes:read"}
        assert list(missing_keys.iterdir()) == []

    def test_project_settings_return_after_the_block(self, missing_keys):
        with with_test_keys():
            assert load().key_directory is None
        assert load().key_directory == missing_keys / "missing"

    def test_published_keys_contain_only_the_generated_key(self, missing_keys):
        with with_test_keys():
            [jwk] = TokenClient().get("/.well-known/jwks.json").json()["keys"]
            assert jwk["kid"] == load().keys[0]["kid"]
            assert "d" not in jwk


class TestAlgorithm:
    @pytest.mark.parametrize(
        ("configured", "argument", "used"),
        [
            ({}, None, "EdDSA"),
            ({"ALGORITHM": "HS512"}, None, "EdDSA"),
            ({"ALGORITHM": "ES256", "SIGNING_KEY": "missing"}, None, "ES256"),
            ({"ALGORITHM": "ES256", "VERIFYING_KEYS": ["missing"]}, "HS256", "HS256"),
        ],
    )
    def test_algorithm_is_the_argument_or_that_of_the_project(
        self, settings, configured, argument, used
    ):
        settings.TOKENAUTH = configured
        with with_test_keys(argument):
            assert (load().algorithm, load().keys[0]["alg"]) == (used, used)
            assert (load().signing_key, load().verifying_keys) == (None, ())

    def test_project_without_tokenauth_setting_gets_a_key(self, settings):
        del settings.TOKENAUTH
        with with_test_keys():
            assert load().algorithm == "EdDSA"

    def test_key_of_an_algorithm_is_generated_once_per_process(self):
        keys = []
        for algorithm in ("ES256", "EdDSA", "ES256"):
            with with_test_keys(algorithm):
                keys.append(load().keys[0]["kid"])
        assert keys[0] == keys[2] != keys[1]


@with_test_keys("ES384")
class DecoratedTests(SimpleTestCase):
    def test_decorated_class_uses_the_generated_key(self):
        assert load().keys[0]["alg"] == "ES384"


@with_test_keys("ES384")
def test_decorated_function_uses_the_generated_key():
    assert load().keys[0]["alg"] == "ES384"
