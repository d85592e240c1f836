"""Asymmetric keys of each algorithm in each encoding, generated once per process."""

from __future__ import annotations

import json
from functools import cache

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from django_tokenauth.errors import InvalidKey
from django_tokenauth.keys.generating import make_jwk
from django_tokenauth.keys.loading import load_key
from django_tokenauth.keys.sources import build_access_keys
from django_tokenauth.tokens.access import AccessTokens
from tests.support.raw_tokens import Access, base64url, read_settings

CURVES = {
    "ES256": ("P-256", ec.SECP256R1()),
    "ES384": ("P-384", ec.SECP384R1()),
    "ES512": ("P-521", ec.SECP521R1()),
}
RSA_ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512")
ALGORITHMS = (*RSA_ALGORITHMS, *CURVES, "EdDSA")
#: The orders of the base points: of P-256 (FIPS 186-4) and of Ed25519 (RFC 8032 section 5.1).
ORDER_P256 = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
ORDER_ED25519 = 2**252 + 27742317777372353535851937790883648493


@cache
def rsa_key(bits=2048, number=0):
    """Return a key; another *number* gives another key of the same size."""
    return rsa.generate_private_key(65537, bits)


@cache
def private_key(algorithm, number=0):
    if algorithm in RSA_ALGORITHMS:
        return rsa_key(number=number)
    if algorithm == "EdDSA":
        return ed25519.Ed25519PrivateKey.generate()
    return ec.generate_private_key(CURVES[algorithm][1])


@cache
def generated_jwk(algorithm):
    """Return the JWK of one call of ``make_jwk``, because an RSA key of 3072 bits takes 0.3 s."""
    return make_jwk(algorithm, now=1000, not_before=1300)


def private_pem(key):
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def public_pem(key):
    return key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


def raw_public(key):
    return key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)


def base64url_uint(number, length=None):
    return base64url(number.to_bytes(length or (number.bit_length() + 7) // 8, "big"))


def public_jwk(key):
    """Return the required members of the public JWK of a private key (RFC 7518, RFC 8037)."""
    if isinstance(key, ed25519.Ed25519PrivateKey):
        return {"crv": "Ed25519", "kty": "OKP", "x": base64url(raw_public(key))}
    numbers = key.public_key().public_numbers()
    if isinstance(key, rsa.RSAPrivateKey):
        return {"e": base64url_uint(numbers.e), "kty": "RSA", "n": base64url_uint(numbers.n)}
    length = (key.curve.key_size + 7) // 8
    return {
        "crv": next(name for name, curve in CURVES.values() if curve.name == key.curve.name),
        "kty": "EC",
        "x": base64url_uint(numbers.x, length),
        "y": base64url_uint(numbers.y, length),
    }


def private_jwk(key):
    if isinstance(key, ed25519.Ed25519PrivateKey):
        secret = {
            "d": base64url(key.private_bytes(Encoding.Raw, PrivateFormat.Raw, NoEncryption()))
        }
    elif isinstance(key, rsa.RSAPrivateKey):
        numbers = key.private_numbers()
        members = {"d": "d", "p": "p", "q": "q", "dp": "dmp1", "dq": "dmq1", "qi": "iqmp"}
        secret = {name: base64url_uint(getattr(numbers, of)) for name, of in members.items()}
    else:
        length = (key.curve.key_size + 7) // 8
        secret = {"d": base64url_uint(key.private_numbers().private_value, length)}
    return {**public_jwk(key), **secret}


def load_error(material, algorithm):
    """Return the error of ``load_key``, which must not contain any part of the material."""
    with pytest.raises(InvalidKey) as caught:
        load_key(material, algorithm)
    error = caught.value
    assert error.__suppress_context__ or error.__context__ is None
    text = material if isinstance(material, str) else json.dumps(material, default=str)
    message = f"{error} {error.hint}"
    for start in range(len(text) - 12):
        piece = text[start : start + 12]
        assert piece not in message or piece in "-----BEGIN "
    return error


class Asymmetric(Access):
    """A server that signs with a key pair, whose public key an attacker knows."""

    def __init__(self, algorithm, **values):
        self.key = private_key(algorithm)
        self.algorithm = algorithm
        settings = read_settings(ALGORITHM=algorithm, SIGNING_KEY=private_pem(self.key), **values)
        keys = build_access_keys(settings)
        self.tokens = AccessTokens(settings, keys)
        signing = keys.at(0).signing
        self.kid = signing.kid
        self.sign = signing.sign

    def header(self, **changes):
        return super().header(**{"alg": self.algorithm, **changes})
