"""Algorithm and key of a token: the server chooses them (RFC 8725 section 2.1)."""

from __future__ import annotations

import pytest

from django_tokenauth.errors import TokenErrorCode
from django_tokenauth.keys.loading import load_key
from tests.support.public_keys_as_secrets import public_key_as_secrets
from tests.support.raw_tokens import (
    MISSING,
    SIGNING_KEY,
    Access,
    access_members,
    base64url,
    compact,
    hmac_with,
)
from tests.support.sample_keys import (
    Asymmetric,
    private_jwk,
    private_key,
    private_pem,
    public_jwk,
)

SERVERS = {algorithm: Asymmetric(algorithm) for algorithm in ("RS256", "PS256", "ES256", "EdDSA")}


@pytest.fixture
def access():
    return Access()


@pytest.fixture(params=SERVERS)
def server(request):
    return SERVERS[request.param]


class TestNoSignature:
    @pytest.mark.attack(1, 2)
    @pytest.mark.parametrize(
        "alg", ["none", "None", "NONE", "nOnE", "none ", " none", "none\x00", "", "null"]
    )
    @pytest.mark.parametrize("signature", [b"", b"\x00", b"\x00" * 32])
    def test_token_with_alg_none_in_any_spelling_is_rejected(self, access, server, alg, signature):
        for issuer in (access, server):
            for kid in (issuer.kid, MISSING):
                header = issuer.header(alg=alg, kid=kid)
                token = compact(header, access_members(), lambda _: signature)
                assert issuer.code(token) is TokenErrorCode.KEY

    @pytest.mark.attack(3)
    @pytest.mark.parametrize("alg", [MISSING, None, 0, True, [], ["HS256"], {}])
    def test_token_with_non_string_alg_is_rejected(self, access, server, alg):
        for issuer in (access, server):
            assert issuer.code(issuer.with_header(alg=alg)) is TokenErrorCode.HEADER

    @pytest.mark.attack(1)
    def test_token_without_signature_is_rejected(self, access, server):
        for issuer in (access, server):
            head, _, _ = issuer.token().rpartition(".")
            assert issuer.code(f"{head}.") is TokenErrorCode.SIGNATURE
            assert issuer.code(head) is TokenErrorCode.MALFORMED


class TestAlgorithm:
    @pytest.mark.attack(4)
    @pytest.mark.parametrize("alg", ["hs256", "Hs256", "HS256 ", " HS256", "HS256\x00", "HS-256"])
    def test_token_with_alg_in_other_spelling_is_rejected(self, access, alg):
        assert access.code(access.with_header(alg=alg)) is TokenErrorCode.KEY

    @pytest.mark.attack(10)
    @pytest.mark.parametrize("alg", ["HS384", "HS512"])
    def test_hmac_secret_is_bound_to_one_algorithm(self, access, alg):
        sign = hmac_with(SIGNING_KEY, alg.replace("HS", "sha"))
        token = compact(access.header(alg=alg), access_members(), sign)
        assert access.code(token) is TokenErrorCode.KEY

    @pytest.mark.attack(10)
    @pytest.mark.parametrize("alg", ["RS384", "RS512", "PS256", "PS384", "PS512"])
    def test_rsa_key_is_bound_to_one_algorithm(self, alg):
        server = SERVERS["RS256"]
        sign = load_key(private_pem(server.key), alg).sign
        token = compact(server.header(alg=alg), access_members(), sign)
        assert server.code(token) is TokenErrorCode.KEY

    @pytest.mark.promise(2)
    @pytest.mark.attack(10)
    @pytest.mark.parametrize("alg", ["RS256", "ES256", "ES384", "EdDSA", "HS256", "Ed25519"])
    def test_token_with_alg_that_differs_from_its_key_is_rejected(self, server, alg):
        if alg == server.algorithm:
            assert server.decode(server.with_header(alg=alg)).subject == "1"
        else:
            assert server.code(server.with_header(alg=alg)) is TokenErrorCode.KEY

    @pytest.mark.attack(5, 6, 7, 8)
    @pytest.mark.parametrize("alg", ["HS256", "HS384", "HS512"])
    def test_public_key_is_rejected_as_hmac_secret(self, server, alg):
        digest = alg.replace("HS", "sha")
        for name, secret in public_key_as_secrets(server.algorithm).items():
            for kid in (server.kid, MISSING):
                header = server.header(alg=alg, kid=kid)
                token = compact(header, access_members(), hmac_with(secret, digest))
                assert server.code(token) is TokenErrorCode.KEY, name
            # The same secret under the algorithm of the key.
            token = compact(server.header(), access_members(), hmac_with(secret, digest))
            assert server.code(token) is TokenErrorCode.SIGNATURE, name


class TestKeysInHeader:
    """The server ignores keys in the header of a token (RFC 8725 section 3.10)."""

    def members(self, key):
        return {
            "jwk": key,
            "jku": "https://attacker.example.com/jwks.json",
            "x5u": "http://169.254.169.254/latest/meta-data",
            "x5c": [base64url(b"a certificate")],
            "x5t": base64url(b"a certificate"),
            "foo": {"bar": [1]},
        }

    @pytest.mark.attack(38)
    @pytest.mark.parametrize("kid", ["attacker", MISSING])
    def test_hmac_secret_in_the_token_header_is_not_used(self, access, kid):
        secret = SIGNING_KEY[::-1]
        header = access.header(kid=kid, **self.members({"kty": "oct", "k": base64url(secret)}))
        assert (
            access.code(compact(header, access_members(), hmac_with(secret))) is TokenErrorCode.KEY
        )

    @pytest.mark.attack(38, 39, 40)
    @pytest.mark.parametrize("kid", ["attacker", MISSING])
    def test_public_key_in_the_token_header_is_not_used(self, server, kid):
        key = private_key(server.algorithm, 2)
        sign = load_key(private_jwk(key), server.algorithm).sign
        header = server.header(kid=kid, **self.members(public_jwk(key)))
        assert server.code(compact(header, access_members(), sign)) is TokenErrorCode.KEY
        header["kid"] = server.kid
        assert server.code(compact(header, access_members(), sign)) is TokenErrorCode.SIGNATURE

    @pytest.mark.attack(38, 39, 40)
    def test_keys_in_the_header_of_a_valid_token_are_ignored(self, access, server):
        for issuer in (access, server):
            token = issuer.with_header(**self.members({"kty": "oct", "k": "AAAA"}))
            assert issuer.decode(token).subject == "1"
