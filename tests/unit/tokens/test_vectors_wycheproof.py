"""The test vectors of Project Wycheproof: signatures, keys and encryption."""

from __future__ import annotations

import pytest

from django_tokenauth.conf.settings import ASYMMETRIC_ALGORITHMS, HMAC_ALGORITHMS
from django_tokenauth.errors import InvalidKey, InvalidToken, TokenErrorCode
from django_tokenauth.keys.loading import load_key
from django_tokenauth.keys.schedule import make_key_set
from tests.support.jws_reading import parsed, verified, verified_with
from tests.support.vectors import as_text, need, public_half, read

SUPPORTED = {*HMAC_ALGORITHMS, *ASYMMETRIC_ALGORITHMS}
#: Labelled valid and refused: the header's algorithm is not that of the key (346 to 351), and a
#: character outside base64url (372, 373).
STRICTER = {346, 347, 350, 351, 372, 373}
#: Labelled invalid for a padding that got lost in the file: their text is that of a valid one.
WITHOUT_THEIR_FAULT = {367, 370}


@pytest.fixture(scope="module", autouse=True)
def _vectors():
    need()


def algorithm_of(text):
    """The algorithm that a token asks for, for the JWKs that name none."""
    try:
        algorithm = parsed(text)[1]["alg"]
    except InvalidToken:
        return "HS256"
    return algorithm if algorithm in SUPPORTED else "HS256"


def is_accepted(jwk, text):
    """Whether ``text`` verifies with ``jwk``, a key or a set of them. Only our errors may leave."""
    try:
        if "keys" in jwk:
            keys = [load_key(member, "HS256") for member in jwk["keys"]]
            verified(text, make_key_set(None, keys))
        else:
            key = load_key(public_half(jwk), algorithm_of(text))
            verified_with(text, key)
    except (InvalidKey, InvalidToken):
        return False
    return True


def verdicts(file):
    """Of each JWS in a file of Wycheproof: its number, its text, its label, and our verdict."""
    for group in read("wycheproof", file)["testGroups"]:
        jwk = group.get("public") or group["private"]
        for test in group["tests"]:
            if "jws" in test:
                text = as_text(test["jws"])
                yield test["tcId"], text, test["result"], is_accepted(jwk, text)


@pytest.fixture(scope="module")
def found(_vectors):
    """The verdicts on the signatures."""
    return list(verdicts("json_web_signature_test.json"))


class TestSignatures:
    @pytest.mark.attack(34)
    def test_all_of_them_are_tried(self, found):
        assert len(found) == 401
        assert sum(label == "valid" for _, _, label, _ in found) == 46

    @pytest.mark.attack(34)
    def test_of_the_valid_ones_six_are_refused(self, found):
        assert {
            n for n, _, label, accepted in found if label == "valid" and not accepted
        } == STRICTER

    @pytest.mark.attack(34)
    def test_nothing_invalid_is_accepted(self, found):
        texts = {text for _, text, label, _ in found if label == "valid"}
        accepted = {n: text for n, text, label, good in found if label == "invalid" and good}
        assert set(accepted) == WITHOUT_THEIR_FAULT
        # Not merely known: each is, byte for byte, a text that the same file calls valid.
        assert set(accepted.values()) <= texts

    def test_the_padding_that_those_two_lost_is_refused(self, found):
        [text] = {text for n, text, _, _ in found if n in WITHOUT_THEIR_FAULT}
        [group] = [
            group
            for group in read("wycheproof", "json_web_signature_test.json")["testGroups"]
            if any(test["tcId"] == 367 for test in group["tests"])
        ]
        assert is_accepted(group["private"], text)
        for number in range(3):
            segments = text.split(".")
            segments[number] += "=" * (-len(segments[number]) % 4 or 4)
            assert not is_accepted(group["private"], ".".join(segments))
            segments[number] = f"{text.split('.')[number]}="
            assert not is_accepted(group["private"], ".".join(segments))


class TestKeys:
    @pytest.mark.attack(34)
    @pytest.mark.parametrize("file", ["json_web_key_test.json", "json_web_crypto_test.json"])
    def test_every_verdict_is_theirs(self, file):
        found = list(verdicts(file))
        assert len(found) == {"json_web_key_test.json": 26, "json_web_crypto_test.json": 49}[file]
        assert [n for n, _, label, accepted in found if accepted != (label == "valid")] == []

    @pytest.mark.attack(34)
    @pytest.mark.parametrize(
        ("comment", "message"),
        [
            ("jws_mixedSymmetryKeyset", "Secrets (HS256, HS384, HS512) and key pairs"),
            ("jws_duplicate_kid", "Two keys have the same kid."),
            ("jws_rsa_roca_key", "ROCA"),
            ("keysize_too_small", "1024 bits"),
            ("exponentOne", ""),
            ("invalid_use", "does not permit signatures"),
            ("invalid_point", "cannot be read"),
            ("wrong_curve", "does not fit"),
            ("wrong_kty", "does not fit"),
            ("invalid_algorithm", "not a supported signature algorithm"),
        ],
    )
    def test_a_bad_key_is_refused_as_a_key(self, comment, message):
        """And not only because the signature under it happens to be wrong."""
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
    def test_every_verdict_is_theirs(self, curve, algorithm):
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
    def test_keys_of_bitcoins_curve_are_no_keys_of_ours(self):
        groups = read("wycheproof", "ecdsa_secp256k1_sha256_p1363_test.json")["testGroups"]
        assert groups
        for group in groups:
            for algorithm in ("ES256", "ES384", "ES512", "RS256", "EdDSA"):
                with pytest.raises(InvalidKey):
                    load_key(group["publicKeyPem"], algorithm)


class TestEncryption:
    @pytest.mark.attack(46, 47)
    def test_every_jwe_of_wycheproof_is_refused(self):
        texts = [
            as_text(test["jwe"])
            for file in ("json_web_encryption_test.json", "json_web_crypto_test.json")
            for group in read("wycheproof", file)["testGroups"]
            for test in group["tests"]
            if "jwe" in test
        ]
        assert len(texts) == 173
        for text in texts:
            with pytest.raises(InvalidToken) as caught:
                parsed(text)
            assert caught.value.code is TokenErrorCode.MALFORMED

    @pytest.mark.parametrize("algorithm", ["HS256", "RS256", "ES256", "EdDSA"])
    def test_a_key_for_key_agreement_is_refused(self, algorithm):
        groups = read("wycheproof", "x25519_jwk_test.json")["testGroups"]
        jwks = [test["public"] for group in groups for test in group["tests"]]
        jwks = [jwk for jwk in jwks if jwk.get("crv") == "X25519"]
        assert len(jwks) > 500
        for jwk in jwks:
            with pytest.raises(InvalidKey):
                load_key(jwk, algorithm)
