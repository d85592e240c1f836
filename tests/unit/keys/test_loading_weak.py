"""load_key: well-formed keys without security are rejected."""

from __future__ import annotations

import base64
from math import prod

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from django_tokenauth.keys.loading import load_key
from tests.support.raw_tokens import base64url
from tests.support.sample_keys import (
    base64url_uint,
    load_error,
    private_jwk,
    private_key,
    private_pem,
    public_jwk,
    public_pem,
    raw_public,
    rsa_key,
)
from tests.support.weak_keys import FINGERPRINT, SMALL, encoded


def der(tag, *contents):
    """Return one element of DER (X.690), for keys that libraries refuse to make."""
    content = b"".join(contents)
    length = len(content).to_bytes(4, "big").lstrip(b"\0")
    size = length if len(content) < 128 else bytes([0x80 | len(length)]) + length
    return bytes([tag]) + (size or b"\0") + content


def rsa_pem(modulus, exponent):
    """Return a public RSA key (RFC 8017 appendix A.1.1) of any two numbers."""
    numbers = [der(2, n.to_bytes(n.bit_length() // 8 + 1, "big")) for n in (modulus, exponent)]
    body = base64.encodebytes(der(0x30, *numbers)).decode()
    return f"-----BEGIN RSA PUBLIC KEY-----\n{body}-----END RSA PUBLIC KEY-----\n"


def spki_pem(key):
    return key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


class TestRsa:
    @pytest.mark.attack(21)
    @pytest.mark.parametrize("form", [private_pem, public_pem, private_jwk, public_jwk])
    def test_rsa_key_of_1024_bits_is_rejected(self, form):
        error = load_error(form(rsa_key(1024)), "RS256")
        assert "1024 bits" in str(error)
        assert error.hint == "Give one with 2048 (RFC 7518 section 3.3) to 8192 bits."

    @pytest.mark.attack(21)
    def test_rsa_key_of_2047_bits_is_rejected(self):
        assert "2047 bits" in str(load_error(rsa_pem(2**2047 - 1, 65537), "RS256"))

    @pytest.mark.attack(24)
    def test_rsa_key_above_8192_bits_is_rejected(self):
        assert load_key(rsa_pem(2**8192 - 1, 65537), "RS256").algorithm == "RS256"
        assert "8193 bits" in str(load_error(rsa_pem(2**8192 + 1, 65537), "RS256"))

    @pytest.mark.attack(24)
    def test_rsa_key_of_a_million_bits_is_rejected(self):
        huge = {"kty": "RSA", "n": base64url_uint(2**1_000_000 + 1), "e": "AQAB"}
        assert "1000001 bits" in str(load_error(huge, "RS256"))

    @pytest.mark.attack(22)
    @pytest.mark.parametrize("exponent", [1, 2, 4, 65536])
    def test_rsa_key_with_unsafe_exponent_is_rejected(self, exponent):
        # Some versions of the library reject the exponent, so the messages differ.
        modulus = rsa_key().public_key().public_numbers().n
        assert load_error(rsa_pem(modulus, exponent), "RS256").check_id == "E002"
        jwk = {"kty": "RSA", "n": base64url_uint(modulus), "e": base64url_uint(exponent)}
        assert load_error(jwk, "RS256").check_id == "E002"

    @pytest.mark.attack(23)
    def test_rsa_key_with_roca_modulus_is_rejected(self):
        # An odd number that is 1 modulo each small prime. 1 is a power of 65537.
        step = 2 * prod(FINGERPRINT)
        modulus = 1 + step * (2**2047 // step + 1)
        assert modulus.bit_length() == 2048
        jwk = {"kty": "RSA", "n": base64url_uint(modulus), "e": "AQAB"}
        for material in (rsa_pem(modulus, 65537), jwk):
            assert "ROCA" in str(load_error(material, "RS256"))
        assert load_key(rsa_pem(modulus + 2, 65537), "RS256").algorithm == "RS256"

    def test_rsa_key_with_exponent_3_is_accepted(self):
        modulus = rsa_key().public_key().public_numbers().n
        assert load_key(rsa_pem(modulus, 3), "PS256").algorithm == "PS256"


class TestCurves:
    @pytest.mark.attack(27)
    @pytest.mark.parametrize("point", sorted(SMALL), ids=lambda point: encoded(point).hex())
    def test_ed25519_key_of_small_order_is_rejected(self, point):
        jwk = {"kty": "OKP", "crv": "Ed25519", "x": base64url(encoded(point))}
        pem = spki_pem(ed25519.Ed25519PublicKey.from_public_bytes(encoded(point)))
        for material in (jwk, pem):
            error = load_error(material, "EdDSA")
            assert str(error) == "An Ed25519 key is of small order: anyone can forge signatures."

    @pytest.mark.parametrize("algorithm", ["EdDSA", "RS256"])
    def test_ed448_key_is_rejected(self, algorithm):
        key = ed448.Ed448PrivateKey.generate()
        jwk = {"kty": "OKP", "crv": "Ed448", "x": base64url(raw_public(key))}
        for material in (private_pem(key), public_pem(key), jwk):
            error = load_error(material, algorithm)
            assert str(error) == "Ed448 is not supported. Give an Ed25519 key for EdDSA."

    @pytest.mark.parametrize("length", [0, 31, 33, 57])
    def test_ed25519_key_of_wrong_length_is_rejected(self, length):
        jwk = {"kty": "OKP", "crv": "Ed25519", "x": base64url(b"\x09" * length)}
        assert load_error(jwk, "EdDSA").check_id == "E002"

    @pytest.mark.attack(25)
    def test_ec_point_outside_the_curve_is_rejected(self):
        jwk = public_jwk(private_key("ES256"))
        assert load_error({**jwk, "y": jwk["x"]}, "ES256").check_id == "E002"
        assert load_error({**jwk, "x": "A" * 43, "y": "A" * 43}, "ES256").check_id == "E002"

    def test_ec_coordinate_of_wrong_length_is_rejected(self):
        jwk = public_jwk(private_key("ES256"))
        assert load_error({**jwk, "x": "AA" + jwk["x"]}, "ES256").check_id == "E002"

    @pytest.mark.attack(26)
    def test_secp256k1_jwk_is_rejected(self):
        numbers = ec.generate_private_key(ec.SECP256K1()).public_key().public_numbers()
        jwk = {
            "kty": "EC",
            "crv": "secp256k1",
            "x": base64url_uint(numbers.x, 32),
            "y": base64url_uint(numbers.y, 32),
        }
        assert "cannot be read" in str(load_error(jwk, "ES256"))
        assert "not a supported signature algorithm" in str(
            load_error({**jwk, "alg": "ES256K"}, "ES256")
        )
