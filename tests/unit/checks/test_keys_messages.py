"""The whole text of each message of ``check --deploy`` about keys, and the boundaries of times."""

from __future__ import annotations

import pytest

from django_tokenauth.checks.keys import key_messages
from django_tokenauth.conf.settings import load
from django_tokenauth.keys.files import write_jwk
from tests.support.sample_keys import base64url_uint, public_jwk, rsa_key
from tests.support.system_checks import (
    ED25519,
    OTHER_SECRET,
    PUBLIC,
    SECRET,
    SIGNED,
    URL,
    configure_clean_project,
    deploy_check_ids,
    message_of,
)

GENERATE = 'Generate one: python -c "import secrets; print(secrets.token_urlsafe(64))"'
DAY = 86400
NOW = 1_800_000_000
OLD_KEY = {**ED25519, "kid": "old", "nbf": NOW - DAY}
NEXT_KEY = {**ED25519, "kid": "next"}


@pytest.fixture(autouse=True)
def _clean_project(settings):
    configure_clean_project(settings)


@pytest.mark.parametrize(
    ("check_id", "values", "message"),
    [
        (
            "W001",
            {"REFRESH_SECRET_KEY": "x" * 50},
            (
                "REFRESH_SECRET_KEY contains a weak secret. An attacker who guesses it can make "
                "refresh tokens for any session. Give at least 50 random characters."
            ),
        ),
        (
            "W001",
            {"REFRESH_SECRET_KEY": OTHER_SECRET, "REFRESH_SECRET_KEY_FALLBACKS": ["x" * 50]},
            (
                "REFRESH_SECRET_KEY_FALLBACKS contains a weak secret. An attacker who guesses it "
                "can make refresh tokens for any session. Give at least 50 random characters."
            ),
        ),
        (
            "W001",
            {"REFRESH_SECRET_KEY": SECRET},
            (
                "REFRESH_SECRET_KEY is also in SECRET_KEY or its fallbacks, so it does not "
                "separate refresh tokens from them. Give another secret. Keep SECRET_KEY in "
                "REFRESH_SECRET_KEY_FALLBACKS for REFRESH_TOKEN_LIFETIME."
            ),
        ),
        (
            "W001",
            {"SIGNING_KEY": "0" * 64},
            (
                "SIGNING_KEY contains a guessable secret. An attacker who guesses it can sign "
                f"tokens. Give random bytes. {GENERATE}"
            ),
        ),
        (
            "W001",
            {"VERIFYING_KEYS": [SECRET]},
            (
                "VERIFYING_KEYS shares a secret with SECRET_KEY or REFRESH_SECRET_KEY. A service "
                "that verifies tokens with it can create session cookies or refresh tokens. Remove "
                f"it, or give another secret. {GENERATE}"
            ),
        ),
        (
            "W008",
            SIGNED,
            (
                "Other services verify the access tokens, but ISSUER is not an https URL. Give the "
                'URL of this server, for example "https://auth.example.com".'
            ),
        ),
        (
            "W012",
            {**URL, "KEYS": [{**ED25519, "exp": 2**33}]},
            (
                "The signing key expires, and no key follows it. After that, users cannot sign in. "
                "To create the next key, run manage.py tokenauth_keys rotate."
            ),
        ),
        (
            "W012",
            {**URL, "KEYS": [{**ED25519, "nbf": 1}]},
            (
                "The signing key is older than 180 days. Run manage.py tokenauth_keys rotate. "
                "Users and clients do not notice it."
            ),
        ),
        (
            "W021",
            {
                **URL,
                **SIGNED,
                "VERIFYING_KEYS": [{**public_jwk(rsa_key()), "e": base64url_uint(3)}],
            },
            (
                "An RSA key has a public exponent below 65537, which makes mistakes of libraries "
                "exploitable. Generate a new key: openssl genpkey -algorithm rsa -pkeyopt "
                "rsa_keygen_bits:3072"
            ),
        ),
        (
            "W022",
            {**URL, "ALGORITHM": "EdDSA", "VERIFYING_KEYS": [ED25519]},
            (
                "VERIFYING_KEYS contains a private key. This service only verifies tokens, but an "
                "attacker who breaks into it could sign them. Give the public key: openssl pkey "
                "-in signing.pem -pubout"
            ),
        ),
    ],
)
def test_key_deploy_message_has_its_text_and_hint(settings, check_id, values, message):
    settings.TOKENAUTH = values
    assert message_of(check_id) == message


@pytest.mark.parametrize(
    ("secret", "fallbacks", "message"),
    [
        (
            "short",
            [],
            (
                "Tokens are signed with a key derived from a weak SECRET_KEY. An attacker who "
                "guesses it can sign in as any user. Give SECRET_KEY at least 50 random characters."
            ),
        ),
        (
            SECRET,
            ["short"],
            (
                "A weak key in SECRET_KEY_FALLBACKS still verifies tokens. An attacker who guesses "
                "it can sign in as any user. Remove it. Users who have not refreshed since the key "
                "changed sign in again."
            ),
        ),
    ],
)
def test_secret_key_message_has_its_text_and_hint(settings, secret, fallbacks, message):
    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = secret, fallbacks
    assert message_of("W001") == message


def test_empty_key_set_message_has_its_text_and_hint(settings):
    settings.ROOT_URLCONF = "tests.urls"
    assert message_of("W002") == (
        "/.well-known/jwks.json is empty: tokens are signed with a secret, which cannot be "
        "published. Set KEY_DIRECTORY and run manage.py tokenauth_keys generate, which creates a "
        "key pair. Or remove the routes of django_tokenauth.well_known."
    )


def test_open_key_folder_message_has_its_text_and_hint(folder):
    write_jwk(folder / "a.jwk", ED25519)
    folder.chmod(0o755)
    assert message_of("W011") == (
        f"Other users of this machine have permissions for {folder}. A user who reads or adds a "
        f"key file can sign tokens. chmod -R go= {folder}"
    )


@pytest.mark.parametrize("name", ["STATIC_ROOT", "MEDIA_ROOT"])
def test_public_key_folder_message_has_its_text_and_hint(folder, settings, name):
    write_jwk(folder / "a.jwk", ED25519)
    setattr(settings, name, folder)
    assert message_of("W011") == (
        f"KEY_DIRECTORY is in {name}, whose files are public. Move it, and replace the keys: "
        "manage.py tokenauth_keys rotate --now"
    )


def test_early_next_key_message_has_its_text_and_hint(settings):
    settings.TOKENAUTH = {
        **URL,
        "KEYS": [{**PUBLIC, "kid": "next", "iat": 2**33, "nbf": 2**33}, ED25519],
    }
    assert message_of("W018") == (
        "The next key signs before every service has seen it. Services cache the published keys "
        "for JWKS_MAX_AGE and reject its tokens until then. Give it a later nbf, at least "
        "JWKS_MAX_AGE after it is published."
    )


@pytest.mark.parametrize(
    ("keys", "ids"),
    [
        ([{**ED25519, "nbf": NOW - 180 * DAY}], []),
        ([{**ED25519, "nbf": NOW - 180 * DAY - 1}], ["tokenauth.W012"]),
        ([OLD_KEY, {**NEXT_KEY, "iat": NOW, "nbf": NOW}], []),
        ([OLD_KEY, {**NEXT_KEY, "iat": NOW, "nbf": NOW + 1}], ["tokenauth.W018"]),
        ([OLD_KEY, {**NEXT_KEY, "iat": NOW, "nbf": NOW + 303}], ["tokenauth.W018"]),
        ([OLD_KEY, {**NEXT_KEY, "iat": NOW, "nbf": NOW + 304}], []),
    ],
)
def test_deploy_check_of_key_times_uses_exact_boundaries(settings, keys, ids):
    settings.TOKENAUTH = {**URL, "KEYS": keys}
    assert [message.id for message in key_messages(load(), NOW)] == ids


def test_keys_that_all_sign_later_are_reported_as_e002_only(settings, folder):
    later = {**ED25519, "nbf": 2**33}
    write_jwk(folder / "a.jwk", later)
    assert deploy_check_ids() == ["E002"]
    settings.TOKENAUTH = {**URL, "KEYS": [later]}
    assert deploy_check_ids() == ["E002"]
