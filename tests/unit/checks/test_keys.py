"""Deployment checks of secrets and key pairs."""

from __future__ import annotations

import json
from io import StringIO

import pytest
from django.core.management import call_command

from django_tokenauth.checks import check_deployment
from tests.support.raw_tokens import base64url
from tests.support.sample_keys import base64url_uint, private_pem, public_jwk, rsa_key
from tests.support.system_checks import (
    ED25519,
    OTHER_SECRET,
    PUBLIC,
    SECRET,
    SIGNED,
    URL,
    check_ids,
    configure_clean_project,
    deploy_check_ids,
    message_of,
)


@pytest.fixture(autouse=True)
def _clean_project(settings):
    configure_clean_project(settings)


def oct_jwk(secret):
    return {"kty": "oct", "k": base64url(secret.encode())}


class TestSecretKey:
    @pytest.mark.standard("rfc6749-10.3-2")
    @pytest.mark.attack(20)
    @pytest.mark.parametrize(
        "secret",
        [
            f"django-insecure-{SECRET}",
            SECRET[:49],
            "aaaabbbb" * 10,
            "x" * 100,
            "abcde" * 10,
            "the secret password is changeme, for example: secret",
        ],
    )
    def test_deploy_check_warns_of_weak_secret_key(self, settings, secret):
        settings.SECRET_KEY = secret
        assert check_ids() == []
        assert deploy_check_ids() == ["W001"]
        assert "derived from a weak SECRET_KEY. An attacker who guesses it can sign" in message_of(
            "W001"
        )

    @pytest.mark.standard("rfc6749-10.4-3", "rfc9700-4.14.2-3")
    @pytest.mark.parametrize("more", [{"SIGNING_KEY": OTHER_SECRET}, {**SIGNED, **URL}])
    def test_deploy_check_warns_of_weak_secret_key_with_signing_key(self, settings, more):
        settings.SECRET_KEY = "x" * 100
        settings.TOKENAUTH = more
        assert deploy_check_ids() == ["W001"]

    @pytest.mark.parametrize("secret", [SECRET[:50], OTHER_SECRET])
    def test_strong_secret_key_passes_deploy_check(self, settings, secret):
        settings.SECRET_KEY = secret
        assert deploy_check_ids() == []

    @pytest.mark.parametrize("weak", ["x" * 100, SECRET[:49]])
    def test_deploy_check_warns_of_weak_secret_key_fallback(self, settings, weak):
        settings.SECRET_KEY_FALLBACKS = [OTHER_SECRET, weak]
        assert check_ids() == []
        assert deploy_check_ids() == ["W001"]
        assert "A weak key in SECRET_KEY_FALLBACKS still verifies tokens" in message_of("W001")
        settings.SECRET_KEY_FALLBACKS = [OTHER_SECRET]
        assert deploy_check_ids() == []

    def test_deploy_check_reports_weak_secret_key_and_weak_fallback(self, settings):
        settings.SECRET_KEY = "short"
        settings.SECRET_KEY_FALLBACKS = ["too"]
        assert deploy_check_ids() == ["W001", "W001"]

    @pytest.mark.parametrize(
        ("more", "message"),
        [
            ({"REFRESH_SECRET_KEY": "x" * 100}, "REFRESH_SECRET_KEY contains a weak secret"),
            ({"REFRESH_SECRET_KEY": OTHER_SECRET[:49]}, "REFRESH_SECRET_KEY contains a weak"),
            (
                {"REFRESH_SECRET_KEY": OTHER_SECRET, "REFRESH_SECRET_KEY_FALLBACKS": ["x" * 100]},
                "REFRESH_SECRET_KEY_FALLBACKS contains a weak secret",
            ),
            ({"REFRESH_SECRET_KEY": SECRET}, "REFRESH_SECRET_KEY is also in SECRET_KEY"),
            (
                {"REFRESH_SECRET_KEY": OTHER_SECRET, "SIGNING_KEY": OTHER_SECRET},
                "SIGNING_KEY shares a secret with SECRET_KEY or REFRESH_SECRET_KEY",
            ),
        ],
    )
    def test_deploy_check_warns_of_weak_or_shared_refresh_secret(self, settings, more, message):
        settings.TOKENAUTH = more
        assert deploy_check_ids() == ["W001"]
        assert message_of("W001").startswith(message)

    def test_separate_refresh_secret_passes_deploy_check(self, settings):
        settings.TOKENAUTH = {
            "REFRESH_SECRET_KEY": OTHER_SECRET,
            "REFRESH_SECRET_KEY_FALLBACKS": [SECRET],
        }
        assert deploy_check_ids() == []

    def test_unused_weak_secret_key_passes_deploy_check(self, settings):
        settings.SECRET_KEY = "short"
        settings.TOKENAUTH = {"ALGORITHM": "EdDSA", "VERIFYING_KEYS": [PUBLIC], **URL}
        assert deploy_check_ids() == ["W019"]

    def test_deploy_check_does_not_show_the_secret_key(self, settings):
        settings.SECRET_KEY = "django-insecure-canary"
        output = StringIO()
        call_command("check", deploy=True, stdout=output, stderr=output)
        assert "tokenauth.W001" in output.getvalue()
        assert "insecure-canary" not in output.getvalue()


@pytest.mark.attack(20)
class TestSecrets:
    @pytest.mark.parametrize(
        "secret",
        [
            "secretsecretsecretsecretsecretsecret",
            "0" * 64,
            f"django-insecure-{OTHER_SECRET}",
            "the password of all our services",
        ],
    )
    def test_deploy_check_warns_of_guessable_secret(self, settings, secret):
        settings.TOKENAUTH = {"SIGNING_KEY": secret}
        assert check_ids() == []
        assert deploy_check_ids() == ["W001"]
        message = message_of("W001")
        assert message.startswith("SIGNING_KEY contains a guessable secret")
        assert secret not in message

    @pytest.mark.parametrize(
        "form",
        [
            str,
            str.encode,
            oct_jwk,
            lambda secret: f" {json.dumps(oct_jwk(secret))}",
            lambda secret: json.dumps({**oct_jwk(secret), "kid": "a"}).encode(),
        ],
    )
    @pytest.mark.parametrize("name", ["SIGNING_KEY", "VERIFYING_KEYS"])
    def test_deploy_check_finds_guessable_secret_in_every_key_format(self, settings, name, form):
        for secret, ids in (("0" * 64, ["W001"]), (OTHER_SECRET, [])):
            key = form(secret)
            settings.TOKENAUTH = {name: [key] if name == "VERIFYING_KEYS" else key}
            assert deploy_check_ids() == ids

    def test_deploy_check_finds_one_guessable_secret_among_others(self, settings):
        settings.TOKENAUTH = {"VERIFYING_KEYS": [OTHER_SECRET, "0" * 64]}
        assert deploy_check_ids() == ["W001"]
        assert message_of("W001").startswith("VERIFYING_KEYS contains a guessable secret")

    @pytest.mark.parametrize(
        "secret", [SECRET, SECRET[:40], SECRET[10:], f"{SECRET}2", f"{SECRET}{OTHER_SECRET}"]
    )
    def test_deploy_check_warns_of_secret_shared_with_secret_key(self, settings, secret):
        settings.TOKENAUTH = {"SIGNING_KEY": secret}
        assert check_ids() == []
        assert deploy_check_ids() == ["W001"]
        assert message_of("W001").startswith("SIGNING_KEY shares a secret with SECRET_KEY")

    def test_deploy_check_warns_of_secret_key_fallback_as_hmac_key(self, settings):
        settings.SECRET_KEY_FALLBACKS = [OTHER_SECRET]
        settings.TOKENAUTH = {"VERIFYING_KEYS": [OTHER_SECRET]}
        assert deploy_check_ids() == ["W001"]
        assert message_of("W001").startswith("VERIFYING_KEYS shares a secret with SECRET_KEY")

    def test_key_pair_passes_deploy_check_of_secrets(self, settings):
        settings.TOKENAUTH = {**SIGNED, **URL}
        assert deploy_check_ids() == []


class TestKeyPairs:
    @pytest.mark.standard("rfc7009-2-4", "rfc8414-2-1", "rfc8414-2-4")
    @pytest.mark.parametrize(
        "issuer",
        [None, "django-tokenauth", "auth.example.com", "http://auth.example.com", "https:x"],
    )
    def test_deploy_check_warns_of_issuer_without_https_url(self, settings, issuer):
        settings.TOKENAUTH = SIGNED | ({"ISSUER": issuer} if issuer else {})
        assert check_ids() == []
        assert deploy_check_ids() == ["W008"]
        settings.TOKENAUTH = {**SIGNED, **URL}
        assert deploy_check_ids() == []

    @pytest.mark.attack(22)
    @pytest.mark.parametrize(
        ("exponent", "ids"),
        [(3, ["W021"]), (17, ["W021"]), (65535, ["W021"]), (65537, []), (2**32 + 1, [])],
    )
    def test_deploy_check_warns_of_small_rsa_exponent(self, settings, exponent, ids):
        key = {**public_jwk(rsa_key()), "e": base64url_uint(exponent)}
        settings.TOKENAUTH = {**SIGNED, **URL, "VERIFYING_KEYS": [key]}
        assert check_ids() == []
        assert deploy_check_ids() == ids

    def test_deploy_check_warns_of_private_key_of_verifying_service(self, settings):
        settings.TOKENAUTH = {"ALGORITHM": "EdDSA", "VERIFYING_KEYS": [ED25519], **URL}
        assert check_ids() == ["W019"]
        assert deploy_check_ids() == ["W019", "W022"]
        settings.TOKENAUTH = {"ALGORITHM": "EdDSA", "VERIFYING_KEYS": [PUBLIC], **URL}
        assert deploy_check_ids() == ["W019"]

    def test_former_signing_key_in_verifying_keys_passes_check(self, settings):
        former = {"VERIFYING_KEYS": [ED25519]}
        settings.TOKENAUTH = {
            **URL,
            "ALGORITHM": "RS256",
            "SIGNING_KEY": private_pem(rsa_key()),
            **former,
        }
        assert deploy_check_ids() == []


@pytest.mark.parametrize("algorithm", ["EdDSA", "none"])
def test_invalid_algorithm_or_missing_key_has_no_deploy_warning(settings, algorithm):
    settings.SECRET_KEY = "short"
    settings.TOKENAUTH = {"ALGORITHM": algorithm}
    assert deploy_check_ids() == check_ids() != []


class TestPublishedKeys:
    """The routes of ``django_tokenauth.well_known`` with a key set of secrets."""

    @pytest.fixture(autouse=True)
    def _routes(self, settings):
        settings.ROOT_URLCONF = "tests.urls"

    @pytest.mark.parametrize(
        "secret", [{}, {"SIGNING_KEY": OTHER_SECRET}, {"KEYS": [oct_jwk(OTHER_SECRET)]}]
    )
    def test_deploy_check_warns_of_empty_published_key_set(self, settings, secret):
        settings.TOKENAUTH = secret
        assert check_ids() == []
        assert deploy_check_ids() == ["W002"]
        assert message_of("W002").startswith("/.well-known/jwks.json is empty")
        assert "tokenauth_keys generate" in message_of("W002")

    def test_published_key_set_with_keys_passes_deploy_check(self, settings):
        settings.TOKENAUTH = {**SIGNED, **URL}
        assert deploy_check_ids() == []

    @pytest.mark.parametrize("routes", ["no.such.module", "django_tokenauth.urls", ()])
    def test_unpublished_key_set_passes_deploy_check(self, settings, routes):
        settings.ROOT_URLCONF = routes
        assert [check_id for check_id in package_deploy_check_ids() if check_id == "W002"] == []


def package_deploy_check_ids():
    """Return the ids without those of Django's checks, which fail without importable routes."""
    return [message.id.removeprefix("tokenauth.") for message in check_deployment()]
