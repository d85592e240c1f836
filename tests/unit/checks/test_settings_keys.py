"""Keys with which no project starts: each message where it speaks and where it is silent."""

from __future__ import annotations

from io import StringIO

import pytest
from django.core.management import call_command
from django.core.management.base import SystemCheckError

from tests.support.sample_keys import private_pem, public_jwk, public_pem, rsa_key
from tests.support.system_checks import ED25519, PUBLIC, SECRET, SIGNED, URL, found, make_good, said


@pytest.fixture(autouse=True)
def _good_project(settings):
    make_good(settings)


@pytest.mark.parametrize(
    ("wrong", "number", "text"),
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
def test_keys_that_cannot_be_used_are_an_error(settings, wrong, number, text):
    settings.TOKENAUTH = wrong
    assert found() == [number]
    assert text in said(number)


@pytest.mark.attack(9)
@pytest.mark.parametrize(
    "both",
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
def test_secrets_and_public_keys_in_one_set_are_an_error(settings, both):
    settings.TOKENAUTH = both
    assert found() == ["E001"]
    assert "are in one key set" in said("E001")


@pytest.mark.attack(9)
@pytest.mark.parametrize("algorithm", ["HS256", "HS384", "HS512"])
def test_a_public_key_cannot_be_given_as_a_secret(settings, algorithm):
    for name, number in (("SIGNING_KEY", "E002"), ("VERIFYING_KEYS", "E001")):
        for form, expected in ((public_jwk, number), (public_pem, "E001")):
            key = form(rsa_key())
            settings.TOKENAUTH = {"ALGORITHM": algorithm, name: [key] if "V" in name else key}
            assert found() == [expected]


@pytest.mark.attack(18)
@pytest.mark.parametrize(("algorithm", "size"), [("HS256", 32), ("HS384", 48), ("HS512", 64)])
def test_a_secret_has_the_length_of_the_hash(settings, algorithm, size):
    settings.TOKENAUTH = {"ALGORITHM": algorithm, "SIGNING_KEY": SECRET[: size - 1]}
    assert found() == ["E002"]
    assert f"The secret for {algorithm} is too short" in said("E002")
    settings.TOKENAUTH = {"ALGORITHM": algorithm, "VERIFYING_KEYS": [SECRET[: size - 1]]}
    assert found() == ["E002"]
    settings.TOKENAUTH = {"ALGORITHM": algorithm, "SIGNING_KEY": SECRET[:size]}
    assert found() == []


@pytest.mark.attack(19)
@pytest.mark.parametrize("name", ["SIGNING_KEY", "VERIFYING_KEYS"])
@pytest.mark.parametrize("empty", ["", b"", " ", {}, {"kty": "oct", "k": ""}, {"kty": "oct"}])
def test_an_empty_secret_is_an_error(settings, name, empty):
    settings.TOKENAUTH = {name: [empty] if name == "VERIFYING_KEYS" else empty}
    [number] = found()
    assert number in ("E002", "E008")


@pytest.mark.attack(19)
def test_an_empty_secret_key_of_the_past_is_an_error(settings):
    settings.SECRET_KEY_FALLBACKS = [SECRET, ""]
    assert found() == ["E002"]
    assert "SECRET_KEY_FALLBACKS contains an empty key" in said("E002")


@pytest.mark.attack(21)
@pytest.mark.parametrize("material", [public_jwk, private_pem])
def test_an_rsa_key_of_1024_bits_is_an_error(settings, material):
    settings.TOKENAUTH = {"ALGORITHM": "RS256", "VERIFYING_KEYS": [material(rsa_key(1024))]}
    assert found() == ["E002"]
    assert "An RSA key has 1024 bits." in said("E002")


@pytest.mark.attack(22)
@pytest.mark.parametrize("exponent", ["AQ", "Ag", "AQAA"])
def test_an_rsa_exponent_of_one_or_an_even_one_is_an_error(settings, exponent):
    key = {**public_jwk(rsa_key()), "e": exponent}
    settings.TOKENAUTH = {"ALGORITHM": "RS256", "VERIFYING_KEYS": [key]}
    assert found() == ["E002"]


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
def test_no_message_shows_a_key(settings, name, material, algorithm):
    value = [material] if name == "VERIFYING_KEYS" else material
    settings.TOKENAUTH = {"ALGORITHM": algorithm, name: value}
    output = StringIO()
    with pytest.raises(SystemCheckError) as raised:
        call_command("check", deploy=True, stdout=output, stderr=output)
    printed = f"{raised.value}{output.getvalue()}"
    assert "tokenauth.E0" in printed
    for key in ("a secret of", "nWGxne", "YSBzZWNyZXQ", "11qYAYKx"):
        assert key not in printed


def test_a_project_that_only_verifies_is_warned(settings):
    settings.TOKENAUTH = {"ALGORITHM": "EdDSA", "VERIFYING_KEYS": [PUBLIC], **URL}
    assert found() == ["W019"]
    assert "can verify access tokens but not sign them" in said("W019")
    settings.TOKENAUTH["SIGNING_KEY"] = ED25519
    settings.TOKENAUTH = {**SIGNED, **URL}
    assert found() == []
