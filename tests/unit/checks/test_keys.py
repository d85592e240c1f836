"""Keys that work and should not be deployed: what is said of them, and where nothing is."""

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
    deployed,
    found,
    make_good,
    said,
)


@pytest.fixture(autouse=True)
def _good_project(settings):
    make_good(settings)


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
    def test_a_weak_one(self, settings, secret):
        settings.SECRET_KEY = secret
        assert found() == []
        assert deployed() == ["W001"]
        assert "derived from a weak SECRET_KEY. An attacker who guesses it can sign" in said("W001")

    @pytest.mark.standard("rfc6749-10.4-3")
    @pytest.mark.parametrize("more", [{"SIGNING_KEY": OTHER_SECRET}, {**SIGNED, **URL}])
    def test_it_signs_refresh_tokens_whatever_signs_the_others(self, settings, more):
        settings.SECRET_KEY = "x" * 100
        settings.TOKENAUTH = more
        assert deployed() == ["W001"]

    @pytest.mark.parametrize("secret", [SECRET[:50], OTHER_SECRET])
    def test_a_strong_one(self, settings, secret):
        settings.SECRET_KEY = secret
        assert deployed() == []

    @pytest.mark.parametrize("weak", ["x" * 100, SECRET[:49]])
    def test_a_weak_one_of_the_past_still_verifies(self, settings, weak):
        settings.SECRET_KEY_FALLBACKS = [OTHER_SECRET, weak]
        assert found() == []
        assert deployed() == ["W001"]
        assert "A weak key in SECRET_KEY_FALLBACKS still verifies tokens" in said("W001")
        settings.SECRET_KEY_FALLBACKS = [OTHER_SECRET]
        assert deployed() == []

    def test_both_are_said(self, settings):
        settings.SECRET_KEY = "short"
        settings.SECRET_KEY_FALLBACKS = ["too"]
        assert deployed() == ["W001", "W001"]

    def test_where_nothing_is_signed_it_is_not_looked_at(self, settings):
        settings.SECRET_KEY = "short"
        settings.TOKENAUTH = {"ALGORITHM": "EdDSA", "VERIFYING_KEYS": [PUBLIC], **URL}
        assert deployed() == ["W019"]

    def test_it_is_not_shown(self, settings):
        settings.SECRET_KEY = "django-insecure-shown"
        output = StringIO()
        call_command("check", deploy=True, stdout=output, stderr=output)
        assert "tokenauth.W001" in output.getvalue()
        assert "insecure-shown" not in output.getvalue()


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
    def test_one_that_is_easy_to_guess(self, settings, secret):
        settings.TOKENAUTH = {"SIGNING_KEY": secret}
        assert found() == []
        assert deployed() == ["W001"]
        text = said("W001")
        assert text.startswith("SIGNING_KEY contains a guessable secret")
        assert secret not in text

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
    def test_in_whatever_form_it_is(self, settings, name, form):
        for secret, numbers in (("0" * 64, ["W001"]), (OTHER_SECRET, [])):
            key = form(secret)
            settings.TOKENAUTH = {name: [key] if name == "VERIFYING_KEYS" else key}
            assert deployed() == numbers

    def test_one_weak_secret_among_strong_ones(self, settings):
        settings.TOKENAUTH = {"VERIFYING_KEYS": [OTHER_SECRET, "0" * 64]}
        assert deployed() == ["W001"]
        assert said("W001").startswith("VERIFYING_KEYS contains a guessable secret")

    @pytest.mark.parametrize(
        "secret", [SECRET, SECRET[:40], SECRET[10:], f"{SECRET}2", f"{SECRET}{OTHER_SECRET}"]
    )
    def test_the_secret_key_itself_or_a_part_of_it(self, settings, secret):
        settings.TOKENAUTH = {"SIGNING_KEY": secret}
        assert found() == []
        assert deployed() == ["W001"]
        assert said("W001").startswith("SIGNING_KEY shares a secret with SECRET_KEY")

    def test_a_secret_key_of_the_past(self, settings):
        settings.SECRET_KEY_FALLBACKS = [OTHER_SECRET]
        settings.TOKENAUTH = {"VERIFYING_KEYS": [OTHER_SECRET]}
        assert deployed() == ["W001"]
        assert said("W001").startswith("VERIFYING_KEYS shares a secret with SECRET_KEY")

    def test_no_secret_is_looked_for_in_a_key_pair(self, settings):
        settings.TOKENAUTH = {**SIGNED, **URL}
        assert deployed() == []


class TestKeyPairs:
    @pytest.mark.standard("rfc7009-2-4", "rfc8414-2-1", "rfc8414-2-4")
    @pytest.mark.parametrize(
        "issuer",
        [None, "django-tokenauth", "auth.example.com", "http://auth.example.com", "https:x"],
    )
    def test_an_issuer_that_others_cannot_find_or_cannot_trust(self, settings, issuer):
        settings.TOKENAUTH = SIGNED | ({"ISSUER": issuer} if issuer else {})
        assert found() == []
        assert deployed() == ["W008"]
        settings.TOKENAUTH = {**SIGNED, **URL}
        assert deployed() == []

    @pytest.mark.attack(22)
    @pytest.mark.parametrize(
        ("exponent", "numbers"),
        [(3, ["W021"]), (17, ["W021"]), (65535, ["W021"]), (65537, []), (2**32 + 1, [])],
    )
    def test_a_small_rsa_exponent(self, settings, exponent, numbers):
        key = {**public_jwk(rsa_key()), "e": base64url_uint(exponent)}
        settings.TOKENAUTH = {**SIGNED, **URL, "VERIFYING_KEYS": [key]}
        assert found() == []
        assert deployed() == numbers

    def test_a_private_key_where_tokens_are_only_verified(self, settings):
        settings.TOKENAUTH = {"ALGORITHM": "EdDSA", "VERIFYING_KEYS": [ED25519], **URL}
        assert found() == ["W019"]
        assert deployed() == ["W019", "W022"]
        settings.TOKENAUTH = {"ALGORITHM": "EdDSA", "VERIFYING_KEYS": [PUBLIC], **URL}
        assert deployed() == ["W019"]

    def test_one_that_signed_until_today(self, settings):
        former = {"VERIFYING_KEYS": [ED25519]}
        settings.TOKENAUTH = {
            **URL,
            "ALGORITHM": "RS256",
            "SIGNING_KEY": private_pem(rsa_key()),
            **former,
        }
        assert deployed() == []


@pytest.mark.parametrize("wrong", [{"ISUER": "x"}, {"ALGORITHM": "EdDSA"}])
def test_keys_that_cannot_be_used_are_an_error_and_nothing_more(settings, wrong):
    settings.SECRET_KEY = "short"
    settings.TOKENAUTH = wrong
    assert deployed() == found() != []


class TestPublished:
    """The routes of ``django_tokenauth.well_known`` where the keys are secrets."""

    @pytest.fixture(autouse=True)
    def _routes(self, settings):
        settings.ROOT_URLCONF = "tests.urls"

    @pytest.mark.parametrize(
        "secret", [{}, {"SIGNING_KEY": OTHER_SECRET}, {"KEYS": [oct_jwk(OTHER_SECRET)]}]
    )
    def test_an_empty_key_set(self, settings, secret):
        settings.TOKENAUTH = secret
        assert found() == []
        assert deployed() == ["W002"]
        assert said("W002").startswith("/.well-known/jwks.json is empty")
        assert "tokenauth_keys generate" in said("W002")

    def test_one_with_keys_is_good(self, settings):
        settings.TOKENAUTH = {**SIGNED, **URL}
        assert deployed() == []

    @pytest.mark.parametrize("routes", ["no.such.module", "django_tokenauth.urls", ()])
    def test_where_there_is_no_such_route_nothing_is_said_of_it(self, settings, routes):
        settings.ROOT_URLCONF = routes
        assert [number for number in numbers_of_ours() if number == "W002"] == []


def numbers_of_ours():
    """Without the checks of Django itself, which fail where the routes cannot be imported."""
    return [message.id.removeprefix("tokenauth.") for message in check_deployment()]
