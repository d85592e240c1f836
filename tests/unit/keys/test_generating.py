"""New keys: each can be loaded, signs, and tells nothing by its name."""

from __future__ import annotations

import base64

import pytest

from django_tokenauth.conf.settings import ASYMMETRIC_ALGORITHMS, HMAC_ALGORITHMS
from django_tokenauth.keys.generating import make_jwk
from django_tokenauth.keys.loading import load_key

PRIVATE = {
    "RSA": {"d", "dp", "dq", "p", "q", "qi"},
    "EC": {"d"},
    "OKP": {"d"},
    "oct": {"k"},
}
PUBLIC = {"RSA": {"n", "e"}, "EC": {"crv", "x", "y"}, "OKP": {"crv", "x"}, "oct": set()}


@pytest.mark.parametrize("algorithm", [*HMAC_ALGORITHMS, *ASYMMETRIC_ALGORITHMS])
class TestMakeJwk:
    def test_it_is_a_key_for_that_algorithm_with_its_times(self, algorithm):
        jwk = make_jwk(algorithm, now=1000, not_before=1300)
        key = load_key(jwk, algorithm)
        assert (key.kid, key.algorithm, key.not_before) == (jwk["kid"], algorithm, 1300)
        assert key.expires_at is None
        assert key.verify(b"message", key.sign(b"message"))
        assert jwk["iat"] == 1000

    @pytest.mark.standard(
        "rfc7517-4.1-1", "rfc7517-4.3-1", "rfc7517-4.3-2", "rfc7517-4.7-1", "rfc8414-2-5"
    )
    def test_it_has_the_members_of_its_type_and_no_other(self, algorithm):
        jwk = make_jwk(algorithm, now=1000, not_before=1000)
        common = {"kty", "kid", "alg", "use", "iat", "nbf"}
        assert jwk.keys() == common | PRIVATE[jwk["kty"]] | PUBLIC[jwk["kty"]]

    def test_no_two_are_alike(self, algorithm):
        first, second = (make_jwk(algorithm, now=1, not_before=1) for _ in range(2))
        assert first["kid"] != second["kid"]


class TestNames:
    def test_none_begins_like_an_option_of_a_command(self):
        # One thumbprint in 64 does.
        names = {make_jwk("EdDSA", now=1, not_before=1)["kid"] for _ in range(600)}
        assert not any(name.startswith("-") for name in names)

    @pytest.mark.parametrize(("algorithm", "size"), [("HS256", 32), ("HS384", 48), ("HS512", 64)])
    def test_that_of_a_secret_does_not_follow_from_it(self, algorithm, size):
        jwk = make_jwk(algorithm, now=1, not_before=1)
        secret = base64.urlsafe_b64decode(jwk["k"] + "==")
        assert len(secret) == size
        named = {key: value for key, value in jwk.items() if key != "kid"}
        assert load_key(named, algorithm).kid != jwk["kid"]
