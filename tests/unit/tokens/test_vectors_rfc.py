"""The cookbook of RFC 7520, RFC 7797 and RFC 8037."""

from __future__ import annotations

import json

import pytest

from django_tokenauth.errors import InvalidKey, InvalidToken, TokenErrorCode
from django_tokenauth.keys.loading import load_key
from tests.support.jws_reading import parsed, verified_with
from tests.support.vectors import VECTORS, need, public_half, read

COOKBOOK = VECTORS / "ietf-jose-cookbook"


@pytest.fixture(scope="module", autouse=True)
def _vectors():
    need()


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
    def test_its_compact_signatures_verify(self, path):
        example = read("ietf-jose-cookbook", *path.split("/"))
        private = load_key(example["input"]["key"], example["input"]["alg"])
        public = load_key(public_half(example["input"]["key"]), example["input"]["alg"])
        parts, _ = parsed(example["output"]["compact"])
        assert parts.payload == example["input"]["payload"].encode()
        for key in (private, public):
            assert verified_with(example["output"]["compact"], key) == parts
        if example.get("reproducible"):
            assert private.sign(parts.signing_input) == parts.signature

    def test_the_signature_inside_a_nested_token_verifies(self):
        example = read("ietf-jose-cookbook", "6.nesting_signatures_and_encryption.json")
        inner = example["sign"]
        key = load_key(public_half(inner["input"]["key"]), inner["input"]["alg"])
        verified_with(inner["output"]["compact"], key)
        with pytest.raises(InvalidToken):
            parsed(example["encrypt"]["output"]["compact"])
        with pytest.raises(InvalidKey, match="does not permit signatures"):
            load_key(example["encrypt"]["input"]["key"], "RS256")

    @pytest.mark.attack(43)
    def test_a_detached_payload_is_refused(self):
        example = read("ietf-jose-cookbook", "jws", "4_5.signature_with_detached_content.json")
        key = load_key(example["input"]["key"], "HS256")
        with pytest.raises(InvalidToken) as caught:
            verified_with(example["output"]["compact"], key)
        assert caught.value.code is TokenErrorCode.SIGNATURE

    @pytest.mark.attack(43)
    def test_a_payload_that_is_not_encoded_is_refused(self):
        example = read("ietf-jose-cookbook", "rfc7797", "hmac-sha2_b64_false.json")
        with pytest.raises(InvalidToken) as caught:
            parsed(example["output"]["compact"])
        assert caught.value.code is TokenErrorCode.MALFORMED
        # Its header is refused for itself, whatever the payload looks like.
        head, _, signature = example["output"]["compact"].split(".")
        with pytest.raises(InvalidToken) as caught:
            parsed(f"{head}.Zm9v.{signature}")
        assert caught.value.code is TokenErrorCode.HEADER

    @pytest.mark.attack(69)
    def test_the_json_forms_are_refused(self):
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
                parsed(form)
            assert caught.value.code is TokenErrorCode.MALFORMED

    def test_its_key_for_encryption_is_refused(self):
        for path in (VECTORS / COOKBOOK / "jwk").glob("*.json"):
            jwk = json.loads(path.read_text(encoding="utf-8"))
            if jwk.get("use") == "enc" or jwk.get("alg", "").startswith("A"):
                with pytest.raises(InvalidKey):
                    load_key(jwk, "HS256")
            else:
                assert load_key(jwk, "HS256").kid == jwk["kid"]

    def test_every_jwe_of_the_cookbook_is_refused(self):
        texts = [
            output["compact"]
            for path in sorted((COOKBOOK / "jwe").glob("*.json"))
            if "compact" in (output := json.loads(path.read_text(encoding="utf-8"))["output"])
        ]
        assert len(texts) >= 8
        for text in texts:
            with pytest.raises(InvalidToken) as caught:
                parsed(text)
            assert caught.value.code is TokenErrorCode.MALFORMED
