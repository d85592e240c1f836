"""Key material that is well formed and worthless is refused when the key is made."""

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
    private_jwk,
    private_key,
    private_pem,
    public_jwk,
    public_pem,
    raw_public,
    refused,
    rsa_key,
)
from tests.support.weak_keys import FINGERPRINT, SMALL, encoded


def der(tag, *contents):
    """One element of DER (X.690), for keys that no library would make."""
    content = b"".join(contents)
    length = len(content).to_bytes(4, "big").lstrip(b"\0")
    size = length if len(content) < 128 else bytes([0x80 | len(length)]) + length
    return bytes([tag]) + (size or b"\0") + content


def rsa_pem(modulus, exponent):
    """A public RSA key (RFC 8017 appendix A.1.1) of any two numbers."""
    numbers = [der(2, n.to_bytes(n.bit_length() // 8 + 1, "big")) for n in (modulus, exponent)]
    body = base64.encodebytes(der(0x30, *numbers)).decode()
    return f"-----BEGIN RSA PUBLIC KEY-----\n{body}-----END RSA PUBLIC KEY-----\n"


def spki_pem(key):
    return key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


class TestRsa:
    @pytest.mark.attack(21)
    @pytest.mark.parametrize("form", [private_pem, public_pem, private_jwk, public_jwk])
    def test_1024_bits_are_too_few(self, form):
        error = refused(form(rsa_key(1024)), "RS256")
        assert "1024 bits" in str(error)
        assert error.hint == "Give one with 2048 (RFC 7518 section 3.3) to 8192 bits."

    @pytest.mark.attack(21)
    def test_one_bit_less_than_2048_is_too_few(self):
        assert "2047 bits" in str(refused(rsa_pem(2**2047 - 1, 65537), "RS256"))

    @pytest.mark.attack(24)
    def test_8192_bits_are_enough_and_one_more_is_too_many(self):
        assert load_key(rsa_pem(2**8192 - 1, 65537), "RS256").algorithm == "RS256"
        assert "8193 bits" in str(refused(rsa_pem(2**8192 + 1, 65537), "RS256"))

    @pytest.mark.attack(24)
    def test_a_million_bits_are_refused_like_any_too_large_key(self):
        huge = {"kty": "RSA", "n": base64url_uint(2**1_000_000 + 1), "e": "AQAB"}
        assert "1000001 bits" in str(refused(huge, "RS256"))

    @pytest.mark.attack(22)
    @pytest.mark.parametrize("exponent", [1, 2, 4, 65536])
    def test_an_exponent_with_which_anybody_can_sign_is_refused(self, exponent):
        # Some versions of the library refuse it themselves: then the key cannot be read.
        modulus = rsa_key().public_key().public_numbers().n
        assert refused(rsa_pem(modulus, exponent), "RS256").check_id == "E002"
        jwk = {"kty": "RSA", "n": base64url_uint(modulus), "e": base64url_uint(exponent)}
        assert refused(jwk, "RS256").check_id == "E002"

    @pytest.mark.attack(23)
    def test_a_modulus_of_the_faulty_chip_is_refused(self):
        # One modulo each of the small primes, so a power of 65537 modulo all of them; and odd.
        step = 2 * prod(FINGERPRINT)
        modulus = 1 + step * (2**2047 // step + 1)
        assert modulus.bit_length() == 2048
        jwk = {"kty": "RSA", "n": base64url_uint(modulus), "e": "AQAB"}
        for material in (rsa_pem(modulus, 65537), jwk):
            assert "ROCA" in str(refused(material, "RS256"))
        assert load_key(rsa_pem(modulus + 2, 65537), "RS256").algorithm == "RS256"

    def test_a_small_odd_exponent_is_allowed(self):
        modulus = rsa_key().public_key().public_numbers().n
        assert load_key(rsa_pem(modulus, 3), "PS256").algorithm == "PS256"


class TestCurves:
    @pytest.mark.attack(27)
    @pytest.mark.parametrize("point", sorted(SMALL), ids=lambda point: encoded(point).hex())
    def test_an_ed25519_key_of_small_order_is_refused(self, point):
        jwk = {"kty": "OKP", "crv": "Ed25519", "x": base64url(encoded(point))}
        pem = spki_pem(ed25519.Ed25519PublicKey.from_public_bytes(encoded(point)))
        for material in (jwk, pem):
            error = refused(material, "EdDSA")
            assert str(error) == "An Ed25519 key is of small order: it verifies any message."

    @pytest.mark.parametrize("algorithm", ["EdDSA", "RS256"])
    def test_ed448_is_refused(self, algorithm):
        key = ed448.Ed448PrivateKey.generate()
        jwk = {"kty": "OKP", "crv": "Ed448", "x": base64url(raw_public(key))}
        for material in (private_pem(key), public_pem(key), jwk):
            error = refused(material, algorithm)
            assert str(error) == "Ed448 is not supported. Give an Ed25519 key for EdDSA."

    @pytest.mark.parametrize("length", [0, 31, 33, 57])
    def test_an_ed25519_key_of_another_length_is_refused(self, length):
        jwk = {"kty": "OKP", "crv": "Ed25519", "x": base64url(b"\x09" * length)}
        assert refused(jwk, "EdDSA").check_id == "E002"

    @pytest.mark.attack(25)
    def test_a_point_that_is_not_on_the_curve_is_refused(self):
        jwk = public_jwk(private_key("ES256"))
        assert refused({**jwk, "y": jwk["x"]}, "ES256").check_id == "E002"
        assert refused({**jwk, "x": "A" * 43, "y": "A" * 43}, "ES256").check_id == "E002"

    def test_a_coordinate_of_another_length_is_refused(self):
        jwk = public_jwk(private_key("ES256"))
        assert refused({**jwk, "x": "AA" + jwk["x"]}, "ES256").check_id == "E002"

    @pytest.mark.attack(26)
    def test_secp256k1_is_refused_as_a_jwk_too(self):
        numbers = ec.generate_private_key(ec.SECP256K1()).public_key().public_numbers()
        jwk = {
            "kty": "EC",
            "crv": "secp256k1",
            "x": base64url_uint(numbers.x, 32),
            "y": base64url_uint(numbers.y, 32),
        }
        assert "cannot be read" in str(refused(jwk, "ES256"))
        assert "not a supported signature algorithm" in str(
            refused({**jwk, "alg": "ES256K"}, "ES256")
        )
