"""load_key: unusable keys are rejected, and the error never contains the key."""

from __future__ import annotations

import json

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import dsa, ec, x448, x25519
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
    PublicFormat,
)

from django_tokenauth.conf.settings import HMAC_ALGORITHMS
from tests.support.clock import NOW
from tests.support.raw_tokens import SIGNING_KEY, base64url
from tests.support.sample_keys import (
    ALGORITHMS,
    load_error,
    private_jwk,
    private_key,
    private_pem,
    public_jwk,
    public_pem,
)

OCT = {"kty": "oct", "k": base64url(SIGNING_KEY)}


class TestSecret:
    @pytest.mark.promise(25)
    @pytest.mark.standard("rfc6749-10.10-1", "rfc6749-10.3-2")
    @pytest.mark.attack(18)
    @pytest.mark.parametrize(("algorithm", "length"), [("HS256", 32), ("HS384", 48), ("HS512", 64)])
    @pytest.mark.parametrize("form", ["string", "bytes", "JWK"])
    def test_short_hmac_secret_error_has_command_for_a_new_secret(self, algorithm, length, form):
        short = SIGNING_KEY[: length - 1]
        forms = {"string": short.decode(), "bytes": short, "JWK": {**OCT, "k": base64url(short)}}
        error = load_error(forms[form], algorithm)
        assert error.check_id == "E002"
        assert str(error) == f"The secret for {algorithm} is too short (RFC 7518 section 3.2)."
        assert f"secrets.token_urlsafe({length})" in error.hint

    @pytest.mark.attack(19)
    @pytest.mark.parametrize("material", ["", b"", " ", {**OCT, "k": ""}])
    def test_empty_hmac_secret_is_rejected(self, material):
        assert load_error(material, "HS256").check_id == "E002"

    @pytest.mark.promise(25)
    @pytest.mark.attack(5, 8)
    @pytest.mark.parametrize("algorithm", HMAC_ALGORITHMS)
    @pytest.mark.parametrize("of", ["RS256", "ES256", "EdDSA"])
    @pytest.mark.parametrize("pem", [public_pem, private_pem])
    @pytest.mark.parametrize("lead", [b"", b"\n", b" \t\r\n"])
    def test_pem_as_hmac_secret_is_rejected(self, algorithm, of, pem, lead):
        error = load_error(lead + pem(private_key(of)), algorithm)
        assert error.check_id == "E001"
        assert str(error) == f"{algorithm} needs a secret, but the key is a PEM."
        assert "Set ALGORITHM" in error.hint

    @pytest.mark.attack(6)
    @pytest.mark.parametrize(
        ("encoding", "form"),
        [
            (Encoding.OpenSSH, PublicFormat.OpenSSH),
            (Encoding.DER, PublicFormat.SubjectPublicKeyInfo),
        ],
    )
    @pytest.mark.parametrize("of", ["RS256", "ES256"])
    def test_encoded_public_key_as_hmac_secret_is_rejected(self, encoding, form, of):
        error = load_error(private_key(of).public_key().public_bytes(encoding, form), "HS256")
        assert error.check_id == "E002"
        assert "not a secret" in str(error)
        assert "looks like a public or private key" in error.hint

    @pytest.mark.attack(6)
    @pytest.mark.parametrize("lead", ["\ufeff", "[", "\ufeff["])
    def test_jwk_behind_bom_or_bracket_as_hmac_secret_is_rejected(self, lead):
        text = lead + json.dumps(public_jwk(private_key("RS256"))) + "]" * lead.count("[")
        assert load_error(text, "HS256").check_id == "E002"

    def test_hmac_secret_with_lone_surrogate_is_rejected(self):
        # ``os.environ`` returns surrogates for bytes outside UTF-8.
        assert load_error("\udcff" * 40, "HS256").check_id == "E002"


class TestPem:
    @pytest.mark.parametrize("algorithm", ALGORITHMS)
    def test_string_without_pem_is_rejected_as_key_pair(self, algorithm):
        error = load_error("a secret, where a key pair is wanted", algorithm)
        assert error.check_id == "E002"
        assert str(error) == f"{algorithm} needs a key as PEM or as a JWK."
        assert "openssl genpkey" in error.hint

    @pytest.mark.parametrize("algorithm", ["RS256", "ES256", "EdDSA"])
    def test_encrypted_pem_is_rejected(self, algorithm):
        pem = private_key(algorithm).private_bytes(
            Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"a password")
        )
        error = load_error(pem, algorithm)
        assert error.check_id == "E002"
        assert str(error) == f"The PEM cannot be read as a key for {algorithm}."
        assert "unencrypted" in error.hint

    @pytest.mark.parametrize("algorithm", ["RS256", "EdDSA"])
    def test_certificate_is_rejected_as_key(self, algorithm):
        key = private_key(algorithm)
        name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "auth.example.com")])
        certificate = (
            x509.CertificateBuilder(name, name, key.public_key(), 4711, NOW, NOW)
            .sign(key, None if algorithm == "EdDSA" else SHA256())
            .public_bytes(Encoding.PEM)
        )
        assert "not a certificate" in load_error(certificate, algorithm).hint

    @pytest.mark.attack(174)
    @pytest.mark.parametrize("algorithm", ALGORITHMS)
    @pytest.mark.parametrize(
        "text",
        [
            "-----BEGIN PUBLIC KEY-----\n-----END PUBLIC KEY-----\n",
            "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n",
            "-----BEGIN PRIVATE KEY-----\nnot base64!\n-----END PRIVATE KEY-----\n",
            "-----BEGIN ",
        ],
    )
    def test_malformed_pem_is_rejected(self, algorithm, text):
        assert load_error(text, algorithm).check_id == "E002"

    @pytest.mark.attack(26)
    @pytest.mark.parametrize("algorithm", ["RS256", "ES256", "EdDSA"])
    @pytest.mark.parametrize(
        "make",
        [
            lambda: ec.generate_private_key(ec.SECP256K1()),
            lambda: ec.generate_private_key(ec.BrainpoolP256R1()),
            x25519.X25519PrivateKey.generate,
            x448.X448PrivateKey.generate,
            lambda: dsa.generate_private_key(2048),
        ],
        ids=["secp256k1", "brainpool", "X25519", "X448", "DSA"],
    )
    def test_pem_of_unsupported_key_type_is_rejected(self, algorithm, make):
        key = make()
        assert "cannot be read" in str(load_error(private_pem(key), algorithm))
        assert "cannot be read" in str(load_error(public_pem(key), algorithm))


class TestJwk:
    @pytest.mark.parametrize(
        "text",
        ["{", '{"kty": "RSA"', "{'kty': 'RSA'}", b"{\xff}", '{"k":' * 100_000],
        ids=lambda text: repr(text[:20]),
    )
    def test_jwk_with_invalid_json_is_rejected(self, text):
        assert str(load_error(text, "RS256")) == "A key begins like a JWK but is not JSON."

    @pytest.mark.standard("rfc7517-4.1-1")
    @pytest.mark.attack(174)
    @pytest.mark.parametrize(
        "jwk",
        [
            {"keys": []},
            {"kty": "RSA"},
            {"kty": "EC", "crv": "P-256"},
            {"kty": "OKP", "crv": "Ed25519"},
            {"kty": "oct"},
            {"kty": "oct", "k": 17},
            {"kty": "oct", "k": None},
            {"kty": "rsa", "n": "AQAB", "e": "AQAB"},
            {"kty": None},
            {"kty": ["oct"], "k": OCT["k"]},
            {"kty": {"oct": 1}},
        ],
    )
    @pytest.mark.parametrize("algorithm", ["HS256", "RS256", "ES256", "EdDSA"])
    def test_jwk_with_missing_or_invalid_members_is_rejected(self, jwk, algorithm):
        error = load_error(jwk, algorithm)
        assert str(error) == "A JWK cannot be read, or its alg does not fit its kty and crv."

    @pytest.mark.parametrize(
        "changes",
        [
            {"n": 17},
            {"n": ""},
            {"n": "A"},
            {"n": "not base64url!"},
            {"e": None},
            {"e": ""},
        ],
    )
    def test_rsa_jwk_with_malformed_number_is_rejected(self, changes):
        assert (
            load_error({**public_jwk(private_key("RS256")), **changes}, "RS256").check_id == "E002"
        )

    @pytest.mark.parametrize(
        "alg",
        [
            *("none", "None", "", "hs256", "HS256 ", "RSA-OAEP", "A128KW", "dir", "ES256K"),
            *("ES521", "Ed25519", "EdDSA\n", None, 0, True, ["RS256"], {"RS256": 1}),
        ],
    )
    @pytest.mark.parametrize("of", ["RS256", "EdDSA"])
    def test_jwk_with_unsupported_alg_is_rejected(self, alg, of):
        error = load_error({**public_jwk(private_key(of)), "alg": alg}, of)
        assert str(error) == "The alg of a JWK is not a supported signature algorithm."

    @pytest.mark.attack(26)
    @pytest.mark.parametrize(
        ("of", "alg"),
        [
            ("RS256", "ES256"),
            ("RS256", "EdDSA"),
            ("RS256", "HS256"),
            ("ES256", "ES384"),
            ("ES384", "ES256"),
            ("ES512", "ES256"),
            ("ES256", "RS256"),
            ("ES256", "HS256"),
            ("EdDSA", "ES256"),
            ("EdDSA", "HS512"),
        ],
    )
    def test_jwk_with_alg_of_another_key_type_is_rejected(self, of, alg):
        for jwk in (public_jwk(private_key(of)), private_jwk(private_key(of))):
            assert "does not fit" in str(load_error({**jwk, "alg": alg}, alg))

    @pytest.mark.parametrize("alg", ALGORITHMS)
    def test_hmac_jwk_with_asymmetric_alg_is_rejected(self, alg):
        assert "does not fit" in str(load_error({**OCT, "alg": alg}, "HS256"))

    @pytest.mark.standard("rfc7517-4.3-3")
    @pytest.mark.attack(13, 14)
    @pytest.mark.parametrize(
        "members",
        [
            *({"use": use} for use in ("enc", "", "SIG", None, ["sig"], 1)),
            *({"key_ops": ops} for ops in (["encrypt"], ["wrapKey", "unwrapKey"], [], None)),
            *({"key_ops": ops} for ops in ("verify", {"verify": 1}, [["verify"]], [1, None])),
            {"use": "enc", "key_ops": ["verify"]},
            {"use": "sig", "key_ops": ["encrypt"]},
        ],
    )
    @pytest.mark.parametrize("jwk", [OCT, public_jwk(private_key("ES256"))], ids=["oct", "EC"])
    def test_jwk_not_for_signatures_is_rejected(self, members, jwk):
        error = load_error({**jwk, **members}, "ES256")
        assert str(error) == "The use or key_ops of a JWK does not permit signatures."

    @pytest.mark.parametrize(
        "kid", ["", " ", "a b", "k" * 129, "kid\n", "\x00", "열쇠", "\ud800", 17, True, ["a"], {}]
    )
    @pytest.mark.parametrize("jwk", [OCT, public_jwk(private_key("ES256"))], ids=["oct", "EC"])
    def test_jwk_with_malformed_kid_is_rejected(self, kid, jwk):
        error = load_error({**jwk, "kid": kid}, "ES256")
        assert error.check_id == "E003"
        assert "visible ASCII" in str(error)

    def test_jwk_with_public_part_of_another_key_is_rejected(self):
        for algorithm in ("RS256", "ES256", "EdDSA"):
            private = private_jwk(private_key(algorithm))
            other_public = public_jwk(private_key(algorithm, 2))
            assert load_error({**private, **other_public}, algorithm).check_id == "E002"


class TestTimes:
    @pytest.mark.parametrize("name", ["nbf", "exp"])
    @pytest.mark.parametrize(
        "time", ["1700000000", 1700000000.5, True, None, -1, 10**12, [], float("nan")]
    )
    def test_jwk_with_invalid_nbf_or_exp_is_rejected(self, name, time):
        error = load_error({**private_jwk(private_key("EdDSA")), name: time}, "EdDSA")
        assert error.check_id == "E002"
        assert "whole seconds since the epoch" in str(error)
