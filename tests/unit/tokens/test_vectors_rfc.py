"""Examples of the IETF JOSE cookbook: RFC 7520, RFC 7797 and RFC 8037."""

from __future__ import annotations

import json

import pytest

from django_tokenauth.errors import InvalidKey, InvalidToken, TokenErrorCode
from django_tokenauth.keys.loading import load_key
from tests.support.jws_reading import parse_token, verify_token_with
from tests.support.vectors import VECTORS, public_half, read, require_vectors

COOKBOOK = VECTORS / "ietf-jose-cookbook"


@pytest.fixture(scope="module", autouse=True)
def _vectors():
    require_vectors()


class TestCookbook:
    @pytest.mark.parametrize(
        "path",
        [
            "jws/4_1.rsa_v15_signature.json",
            "jws/4_2.rsa-pss_signature.json",
            "jws/4_3.ecdsa_signature.json",
            "jws/4_4.hmac-sha2_integrity_protection.json",
            "curve25519/jws.json",
        ],
    )
    def test_jose_cookbook_compact_signature_is_verified(self, path):
        example = read("ietf-jose-cookbook", *path.split("/"))
        private = load_key(example["input"]["key"], example["input"]["alg"])
        public = load_key(public_half(example["input"]["key"]), example["input"]["alg"])
        parts, _ = parse_token(example["output"]["compact"])
        assert parts.payload == example["input"]["payload"].encode()
        for key in (private, public):
            assert verify_token_with(example["output"]["compact"], key) == parts
        if example.get("reproducible"):
            assert private.sign(parts.signing_input) == parts.signature

    def test_jose_cookbook_nested_signature_is_verified(self):
        example = read("ietf-jose-cookbook", "6.nesting_signatures_and_encryption.json")
        inner = example["sign"]
        key = load_key(public_half(inner["input"]["key"]), inner["input"]["alg"])
        verify_token_with(inner["output"]["compact"], key)
        with pytest.raises(InvalidToken):
            parse_token(example["encrypt"]["output"]["compact"])
        with pytest.raises(InvalidKey, match="does not permit signatures"):
            load_key(example["encrypt"]["input"]["key"], "RS256")

    @pytest.mark.attack(43)
    def test_jose_cookbook_detached_payload_is_rejected(self):
        example = read("ietf-jose-cookbook", "jws", "4_5.signature_with_detached_content.json")
        key = load_key(example["input"]["key"], "HS256")
        with pytest.raises(InvalidToken) as caught:
            verify_token_with(example["output"]["compact"], key)
        assert caught.value.code is TokenErrorCode.SIGNATURE

    @pytest.mark.attack(43)
    def test_jose_cookbook_unencoded_payload_is_rejected(self):
        example = read("ietf-jose-cookbook", "rfc7797", "hmac-sha2_b64_false.json")
        with pytest.raises(InvalidToken) as caught:
            parse_token(example["output"]["compact"])
        assert caught.value.code is TokenErrorCode.MALFORMED
        # The header is rejected with an encoded payload too.
        head, _, signature = example["output"]["compact"].split(".")
        with pytest.raises(InvalidToken) as caught:
            parse_token(f"{head}.Zm9v.{signature}")
        assert caught.value.code is TokenErrorCode.HEADER

    @pytest.mark.attack(69)
    def test_jose_cookbook_json_serialization_is_rejected(self):
        paths = [*COOKBOOK.glob("jws/*.json"), *COOKBOOK.glob("*/jws.json")]
        paths += COOKBOOK.glob("rfc7797/*.json")
        forms = [
            json.dumps(output[name], separators=separators)
            for path in paths
            for output in [json.loads(path.read_text(encoding="utf-8"))["output"]]
            for name in ("json", "json_flat")
            if name in output
            for separators in ((",", ":"), (", ", ": "))
        ]
        assert len(forms) >= 20
        for form in forms:
            with pytest.raises(InvalidToken) as caught:
                parse_token(form)
            assert caught.value.code is TokenErrorCode.MALFORMED

    def test_jose_cookbook_encryption_key_is_rejected(self):
        jwks = {
            path.name: json.loads(path.read_text(encoding="utf-8"))
            for path in (COOKBOOK / "jwk").glob("*.json")
        }
        assert len(jwks) == 6
        with pytest.raises(InvalidKey):
            load_key(jwks.pop("3_6.symmetric_key_encryption.json"), "HS256")
        for jwk in jwks.values():
            assert load_key(jwk, "HS256").kid == jwk["kid"]

    def test_jose_cookbook_jwe_is_rejected(self):
        tokens = [
            output["compact"]
            for path in sorted((COOKBOOK / "jwe").glob("*.json"))
            if "compact" in (output := json.loads(path.read_text(encoding="utf-8"))["output"])
        ]
        assert len(tokens) >= 8
        for token in tokens:
            with pytest.raises(InvalidToken) as caught:
                parse_token(token)
            assert caught.value.code is TokenErrorCode.MALFORMED
