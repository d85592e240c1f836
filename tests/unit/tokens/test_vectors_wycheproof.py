"""Test vectors of Project Wycheproof: signatures, keys and encryption."""

from __future__ import annotations

import pytest

from django_tokenauth.conf.settings import ASYMMETRIC_ALGORITHMS, HMAC_ALGORITHMS
from django_tokenauth.errors import InvalidKey, InvalidToken, TokenErrorCode
from django_tokenauth.keys.loading import load_key
from django_tokenauth.keys.schedule import make_key_set
from tests.support.jws_reading import parse_token, verify_token, verify_token_with
from tests.support.vectors import as_string, public_half, read, require_vectors

SUPPORTED = {*HMAC_ALGORITHMS, *ASYMMETRIC_ALGORITHMS}
#: Tests labelled valid, but rejected here. In 346 to 351 the algorithms of header and key differ.
#: In 372 and 373 a character is outside base64url.
STRICTER = {346, 347, 350, 351, 372, 373}
#: Tests labelled invalid because of padding that the file lacks: their tokens equal valid tokens.
LOST_PADDING = {367, 370}


@pytest.fixture(scope="module", autouse=True)
def _vectors():
    require_vectors()


def algorithm_of(token):
    """Return the algorithm in the token's header, for JWKs without ``alg``."""
    try:
        algorithm = parse_token(token)[1]["alg"]
    except InvalidToken:
        return "HS256"
    return algorithm if algorithm in SUPPORTED else "HS256"


def is_accepted(jwk, token):
    """Return whether ``token`` verifies with ``jwk``, a key or key set.

    Only errors of this package count as a rejection.
    """
    try:
        if "keys" in jwk:
            keys = [load_key(member, "HS256") for member in jwk["keys"]]
            verify_token(token, make_key_set(None, keys))
        else:
            key = load_key(public_half(jwk), algorithm_of(token))
            verify_token_with(token, key)
    except (InvalidKey, InvalidToken):
        return False
    return True


def verdicts(file):
    """Yield the number, token, label and verdict of each JWS in a file of Wycheproof."""
    for group in read("wycheproof", file)["testGroups"]:
        jwk = group.get("public") or group["private"]
        for test in group["tests"]:
            if "jws" in test:
                token = as_string(test["jws"])
                yield test["tcId"], token, test["result"], is_accepted(jwk, token)


@pytest.fixture(scope="module")
def results(_vectors):
    """Return the verdicts on the file of signatures."""
    return list(verdicts("json_web_signature_test.json"))


class TestJws:
    @pytest.mark.attack(34)
    def test_wycheproof_signature_file_has_known_size(self, results):
        assert len(results) == 401
        assert sum(label == "valid" for _, _, label, _ in results) == 46

    @pytest.mark.attack(34)
    def test_wycheproof_valid_signatures_are_accepted_except_six(self, results):
        assert {
            n for n, _, label, accepted in results if label == "valid" and not accepted
        } == STRICTER

    @pytest.mark.attack(34)
    def test_wycheproof_invalid_signatures_are_rejected_except_two(self, results):
        tokens = {token for _, token, label, _ in results if label == "valid"}
        accepted = {
            n: token for n, token, label, passed in results if label == "invalid" and passed
        }
        assert set(accepted) == LOST_PADDING
        # Each accepted token is byte for byte a valid token of the same file.
        assert set(accepted.values()) <= tokens

    def test_wycheproof_signature_with_padding_is_rejected(self, results):
        [token] = {token for n, token, _, _ in results if n in LOST_PADDING}
        [group] = [
            group
            for group in read("wycheproof", "json_web_signature_test.json")["testGroups"]
            if any(test["tcId"] == 367 for test in group["tests"])
        ]
        assert is_accepted(group["private"], token)
        for number in range(3):
            segments = token.split(".")
            segments[number] += "=" * (-len(segments[number]) % 4 or 4)
            assert not is_accepted(group["private"], ".".join(segments))
            segments[number] = f"{token.split('.')[number]}="
            assert not is_accepted(group["private"], ".".join(segments))


class TestKeys:
    @pytest.mark.attack(34)
    @pytest.mark.parametrize("file", ["json_web_key_test.json", "json_web_crypto_test.json"])
    def test_wycheproof_key_verdicts_match_their_labels(self, file):
        results = list(verdicts(file))
        assert len(results) == {"json_web_key_test.json": 26, "json_web_crypto_test.json": 49}[file]
        assert [n for n, _, label, accepted in results if accepted != (label == "valid")] == []

    @pytest.mark.attack(34)
    @pytest.mark.parametrize(
        ("comment", "message"),
        [
            ("jws_mixedSymmetryKeyset", "Secrets (HS256, HS384, HS512) and key pairs"),
            ("jws_duplicate_kid", "Two keys have the same kid."),
            ("jws_rsa_roca_key", "ROCA"),
            ("keysize_too_small", "1024 bits"),
            ("exponentOne", "cannot be read"),
            ("invalid_use", "does not permit signatures"),
            ("invalid_point", "cannot be read"),
            ("wrong_curve", "does not fit"),
            ("wrong_kty", "does not fit"),
            ("invalid_algorithm", "not a supported signature algorithm"),
        ],
    )
    def test_wycheproof_invalid_key_is_rejected_when_loaded(self, comment, message):
        """The key itself is invalid, not only the signature."""
        for group in read("wycheproof", "json_web_key_test.json")["testGroups"]:
            if group["comment"] == comment:
                jwk = group.get("public") or group["private"]
                with pytest.raises(InvalidKey) as caught:
                    make_key_set(None, [load_key(m, "HS256") for m in jwk.get("keys", [jwk])])
                assert message in str(caught.value)
                return
        raise AssertionError("The file has no such group.")


class TestEcdsa:
    @pytest.mark.attack(29, 34)
    @pytest.mark.parametrize(
        ("curve", "algorithm"),
        [
            ("secp256r1_sha256", "ES256"),
            ("secp384r1_sha384", "ES384"),
            ("secp521r1_sha512", "ES512"),
        ],
    )
    def test_wycheproof_ecdsa_verdicts_match_their_labels(self, curve, algorithm):
        tried = 0
        for group in read("wycheproof", f"ecdsa_{curve}_p1363_test.json")["testGroups"]:
            key = load_key(group["publicKeyPem"], algorithm)
            assert key.algorithm == algorithm
            for test in group["tests"]:
                message, signature = (bytes.fromhex(test[name]) for name in ("msg", "sig"))
                assert key.verify(message, signature) == (test["result"] == "valid"), test["tcId"]
                tried += 1
        assert tried > 200

    @pytest.mark.attack(26, 34)
    def test_wycheproof_secp256k1_key_is_rejected(self):
        groups = read("wycheproof", "ecdsa_secp256k1_sha256_p1363_test.json")["testGroups"]
        assert groups
        for group in groups:
            for algorithm in ("ES256", "ES384", "ES512", "RS256", "EdDSA"):
                with pytest.raises(InvalidKey):
                    load_key(group["publicKeyPem"], algorithm)


class TestEncryption:
    @pytest.mark.attack(46, 47)
    def test_wycheproof_jwe_is_rejected(self):
        tokens = [
            as_string(test["jwe"])
            for file in ("json_web_encryption_test.json", "json_web_crypto_test.json")
            for group in read("wycheproof", file)["testGroups"]
            for test in group["tests"]
            if "jwe" in test
        ]
        assert len(tokens) == 173
        for token in tokens:
            with pytest.raises(InvalidToken) as caught:
                parse_token(token)
            assert caught.value.code is TokenErrorCode.MALFORMED

    @pytest.mark.parametrize("algorithm", ["HS256", "RS256", "ES256", "EdDSA"])
    def test_wycheproof_x25519_key_is_rejected(self, algorithm):
        groups = read("wycheproof", "x25519_jwk_test.json")["testGroups"]
        jwks = [test["public"] for group in groups for test in group["tests"]]
        jwks = [jwk for jwk in jwks if jwk.get("crv") == "X25519"]
        assert len(jwks) > 500
        for jwk in jwks:
            with pytest.raises(InvalidKey):
                load_key(jwk, algorithm)
