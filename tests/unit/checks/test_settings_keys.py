"""System checks of keys: unusable keys are errors."""

from __future__ import annotations

from io import StringIO

import pytest
from django.core.management import call_command
from django.core.management.base import SystemCheckError

from tests.support.sample_keys import private_pem, public_jwk, public_pem, rsa_key
from tests.support.system_checks import (
    ED25519,
    PUBLIC,
    SECRET,
    SIGNED,
    URL,
    check_ids,
    configure_clean_project,
    message_of,
)


@pytest.fixture(autouse=True)
def _clean_project(settings):
    configure_clean_project(settings)


@pytest.mark.parametrize(
    ("values", "check_id", "message"),
    [
        ({"SIGNING_KEY": "a secret of 22 letters"}, "E002", "too short"),
        ({"SIGNING_KEY": ED25519}, "E001", "SIGNING_KEY is for EdDSA and ALGORITHM is HS256"),
        (
            {"ALGORITHM": "EdDSA"},
            "E001",
            "EdDSA needs a private key in SIGNING_KEY, KEY",
        ),
        ({"ALGORITHM": "EdDSA", "SIGNING_KEY": PUBLIC}, "E002", "SIGNING_KEY is a public key."),
        ({**SIGNED, "VERIFYING_KEYS": [ED25519]}, "E003", "Two keys have the same kid."),
        ({"VERIFYING_KEYS": [PUBLIC]}, "E001", "are in one key set"),
        ({**SIGNED, "VERIFYING_KEYS": [{"kid": "é"}]}, "E003", "The kid of a JWK is invalid"),
        ({**SIGNED, "SIGNING_KEY": "-----BEGIN X"}, "E002", "cannot be read"),
        ({"SIGNING_KEY": "{"}, "E002", "begins like a JWK but is not JSON"),
    ],
)
def test_unusable_key_is_a_check_error(settings, values, check_id, message):
    settings.TOKENAUTH = values
    assert check_ids() == [check_id]
    assert message in message_of(check_id)


@pytest.mark.attack(9)
@pytest.mark.parametrize(
    "values",
    [
        {"SIGNING_KEY": SECRET, "VERIFYING_KEYS": [PUBLIC]},
        {"VERIFYING_KEYS": [SECRET, PUBLIC]},
        {**SIGNED, "VERIFYING_KEYS": [{"kty": "oct", "k": SECRET, "alg": "HS256"}]},
        {
            "ALGORITHM": "EdDSA",
            "VERIFYING_KEYS": [PUBLIC, {"kty": "oct", "k": SECRET, "alg": "HS256"}],
        },
    ],
)
def test_mixed_hmac_and_public_keys_are_a_check_error(settings, values):
    settings.TOKENAUTH = values
    assert check_ids() == ["E001"]
    assert "are in one key set" in message_of("E001")


@pytest.mark.attack(9)
@pytest.mark.parametrize("algorithm", ["HS256", "HS384", "HS512"])
def test_public_key_as_hmac_secret_is_a_check_error(settings, algorithm):
    for name, check_id in (("SIGNING_KEY", "E002"), ("VERIFYING_KEYS", "E001")):
        for form, expected in ((public_jwk, check_id), (public_pem, "E001")):
            key = form(rsa_key())
            settings.TOKENAUTH = {"ALGORITHM": algorithm, name: [key] if "V" in name else key}
            assert check_ids() == [expected]


@pytest.mark.attack(18)
@pytest.mark.parametrize(("algorithm", "size"), [("HS256", 32), ("HS384", 48), ("HS512", 64)])
def test_hmac_secret_shorter_than_its_hash_is_a_check_error(settings, algorithm, size):
    settings.TOKENAUTH = {"ALGORITHM": algorithm, "SIGNING_KEY": SECRET[: size - 1]}
    assert check_ids() == ["E002"]
    assert f"The secret for {algorithm} is too short" in message_of("E002")
    settings.TOKENAUTH = {"ALGORITHM": algorithm, "VERIFYING_KEYS": [SECRET[: size - 1]]}
    assert check_ids() == ["E002"]
    settings.TOKENAUTH = {"ALGORITHM": algorithm, "SIGNING_KEY": SECRET[:size]}
    assert check_ids() == []


@pytest.mark.attack(19)
@pytest.mark.parametrize("name", ["SIGNING_KEY", "VERIFYING_KEYS"])
@pytest.mark.parametrize(
    ("empty", "check_id"),
    [
        *((value, "E008") for value in ("", b"", {})),
        *((value, "E002") for value in (" ", {"kty": "oct", "k": ""}, {"kty": "oct"})),
    ],
)
def test_empty_hmac_secret_is_a_check_error(settings, name, empty, check_id):
    settings.TOKENAUTH = {name: [empty] if name == "VERIFYING_KEYS" else empty}
    assert check_ids() == [check_id]


@pytest.mark.attack(19)
def test_empty_secret_key_fallback_is_a_check_error(settings):
    settings.SECRET_KEY_FALLBACKS = [SECRET, ""]
    assert check_ids() == ["E002"]
    assert "SECRET_KEY_FALLBACKS contains an empty key" in message_of("E002")


@pytest.mark.attack(21)
@pytest.mark.parametrize("material", [public_jwk, private_pem])
def test_rsa_key_of_1024_bits_is_a_check_error(settings, material):
    settings.TOKENAUTH = {"ALGORITHM": "RS256", "VERIFYING_KEYS": [material(rsa_key(1024))]}
    assert check_ids() == ["E002"]
    assert "An RSA key has 1024 bits." in message_of("E002")


@pytest.mark.attack(22)
@pytest.mark.parametrize("exponent", ["AQ", "Ag", "AQAA"])
def test_even_rsa_exponent_or_exponent_1_is_a_check_error(settings, exponent):
    key = {**public_jwk(rsa_key()), "e": exponent}
    settings.TOKENAUTH = {"ALGORITHM": "RS256", "VERIFYING_KEYS": [key]}
    assert check_ids() == ["E002"]


@pytest.mark.parametrize(
    "material",
    [
        "a secret of 22 letters",
        {**ED25519, "alg": "RS256"},
        {**ED25519, "use": "enc"},
        {**ED25519, "kid": 7},
        {"kty": "oct", "k": "YSBzZWNyZXQ"},
        "-----BEGIN PRIVATE KEY-----\nnWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A\n",
        '{"kty": "OKP", "crv": "Ed25519", "d": "nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A"}',
        ["a secret of 22 letters"],
        b"",
    ],
)
@pytest.mark.parametrize("name", ["SIGNING_KEY", "VERIFYING_KEYS", "SIGNING_KEYS"])
@pytest.mark.parametrize("algorithm", ["HS256", "EdDSA", "RS256"])
def test_check_messages_do_not_show_keys(settings, name, material, algorithm):
    value = [material] if name == "VERIFYING_KEYS" else material
    settings.TOKENAUTH = {"ALGORITHM": algorithm, name: value}
    output = StringIO()
    with pytest.raises(SystemCheckError) as raised:
        call_command("check", deploy=True, stdout=output, stderr=output)
    printed = f"{raised.value}{output.getvalue()}"
    assert "tokenauth.E0" in printed
    for key in ("a secret of", "nWGxne", "YSBzZWNyZXQ", "11qYAYKx"):
        assert key not in printed


def test_project_without_signing_key_is_a_check_warning(settings):
    settings.TOKENAUTH = {"ALGORITHM": "EdDSA", "VERIFYING_KEYS": [PUBLIC], **URL}
    assert check_ids() == ["W019"]
    assert "can verify access tokens but not sign them" in message_of("W019")
    settings.TOKENAUTH = {**SIGNED, **URL}
    assert check_ids() == []
