"""make_jwk: new keys that load and sign, with a ``kid`` that reveals nothing."""

from __future__ import annotations

import base64
import re

import pytest

from django_tokenauth.conf.settings import ASYMMETRIC_ALGORITHMS, HMAC_ALGORITHMS
from django_tokenauth.keys.generating import make_jwk
from django_tokenauth.keys.loading import load_key
from tests.support.sample_keys import generated_jwk

PRIVATE = {
    "RSA": {"d", "dp", "dq", "p", "q", "qi"},
    "EC": {"d"},
    "OKP": {"d"},
    "oct": {"k"},
}
PUBLIC = {"RSA": {"n", "e"}, "EC": {"crv", "x", "y"}, "OKP": {"crv", "x"}, "oct": set()}


@pytest.mark.parametrize("algorithm", [*HMAC_ALGORITHMS, *ASYMMETRIC_ALGORITHMS])
class TestMakeJwk:
    def test_make_jwk_returns_key_with_algorithm_and_times(self, algorithm):
        jwk = generated_jwk(algorithm)
        key = load_key(jwk, algorithm)
        assert (key.kid, key.algorithm, key.not_before) == (jwk["kid"], algorithm, 1300)
        assert key.expires_at is None
        assert key.verify(b"message", key.sign(b"message"))
        assert jwk["iat"] == 1000

    @pytest.mark.standard(
        "rfc7517-4.1-1", "rfc7517-4.3-1", "rfc7517-4.3-2", "rfc7517-4.7-1", "rfc8414-2-5"
    )
    def test_make_jwk_returns_only_members_of_its_key_type(self, algorithm):
        jwk = generated_jwk(algorithm)
        common = {"kty", "kid", "alg", "use", "iat", "nbf"}
        assert jwk.keys() == common | PRIVATE[jwk["kty"]] | PUBLIC[jwk["kty"]]

    def test_make_jwk_returns_a_new_kid_each_time(self, algorithm):
        another = make_jwk(algorithm, now=1000, not_before=1300)
        assert another["kid"] != generated_jwk(algorithm)["kid"]


def test_generated_rsa_key_has_3072_bits():
    assert load_key(generated_jwk("RS256"), "RS256").public_key.key_size == 3072


class TestKid:
    def test_generated_kid_does_not_start_with_hyphen(self):
        # One thumbprint in 64 starts with a hyphen.
        kids = {make_jwk("EdDSA", now=1, not_before=1)["kid"] for _ in range(600)}
        assert not any(kid.startswith("-") for kid in kids)

    @pytest.mark.parametrize(("algorithm", "size"), [("HS256", 32), ("HS384", 48), ("HS512", 64)])
    def test_generated_hmac_kid_is_not_derived_from_its_secret(self, algorithm, size):
        jwk = make_jwk(algorithm, now=1, not_before=1)
        secret = base64.urlsafe_b64decode(jwk["k"] + "==")
        assert len(secret) == size
        assert re.fullmatch("[0-9a-f]{16}", jwk["kid"])
        without_kid = {key: value for key, value in jwk.items() if key != "kid"}
        assert load_key(without_kid, algorithm).kid != jwk["kid"]
