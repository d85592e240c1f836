"""Changed tokens, malformed signatures and other serializations."""

from __future__ import annotations

import json

import pytest
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

from django_tokenauth.errors import InvalidToken, TokenErrorCode
from django_tokenauth.keys.loading import load_key
from tests.support.raw_tokens import Access, access_members, base64url, compact, unbase64url
from tests.support.sample_keys import (
    ORDER_ED25519,
    ORDER_P256,
    Asymmetric,
    private_key,
    private_pem,
)

SERVERS = {algorithm: Asymmetric(algorithm) for algorithm in ("RS256", "PS256", "ES256", "EdDSA")}


@pytest.fixture
def access():
    return Access()


@pytest.fixture(params=SERVERS)
def server(request):
    return SERVERS[request.param]


class TestTampering:
    @pytest.mark.attack(32)
    def test_token_with_one_flipped_bit_is_rejected(self, access, server):
        # A bit of the header may be in its JSON, ``alg``, ``kid`` or ``typ``.
        for issuer in (access, server):
            token = issuer.token()
            for number, segment in enumerate(token.split(".")):
                data = unbase64url(segment)
                for position in (0, len(data) // 2, len(data) - 1):
                    for bit in (1, 0x80):
                        flipped = bytearray(data)
                        flipped[position] ^= bit
                        segments = token.split(".")
                        segments[number] = base64url(bytes(flipped))
                        code = issuer.code(".".join(segments))
                        assert code is TokenErrorCode.SIGNATURE or number == 0

    @pytest.mark.attack(33)
    def test_token_with_signature_of_another_token_is_rejected(self, access, server):
        for issuer in (access, server):
            head = issuer.token().rpartition(".")[0]
            signature = issuer.with_claims(sub="2").rpartition(".")[2]
            assert issuer.code(f"{head}.{signature}") is TokenErrorCode.SIGNATURE

    @pytest.mark.attack(32)
    def test_token_with_swapped_segments_is_rejected(self, access):
        head, payload, signature = access.token().split(".")
        # A payload has no ``alg``, and a signature is not JSON.
        assert access.code(f"{payload}.{head}.{signature}") is TokenErrorCode.HEADER
        assert access.code(f"{head}.{signature}.{payload}") is TokenErrorCode.SIGNATURE
        assert access.code(f"{signature}.{payload}.{head}") is TokenErrorCode.MALFORMED

    @pytest.mark.parametrize("length", [0, 1, 16, 31, 33, 64])
    def test_hmac_signature_of_wrong_length_is_rejected(self, access, length):
        token = compact(
            access.header(), access_members(), lambda message: (access.sign(message) * 2)[:length]
        )
        assert access.code(token) is TokenErrorCode.SIGNATURE

    def test_token_of_another_server_is_rejected(self, server):
        other = load_key(private_pem(private_key(server.algorithm, 2)), server.algorithm)
        token = compact(server.header(), access_members(), other.sign)
        assert server.code(token) is TokenErrorCode.SIGNATURE
        token = compact(server.header(kid=other.kid), access_members(), other.sign)
        assert server.code(token) is TokenErrorCode.KEY


class TestSignatures:
    def es256(self, make):
        """Return the error code of an ES256 token signed with ``make(r, s)``, or None."""
        server = SERVERS["ES256"]

        def sign(message):
            signature = server.sign(message)
            return make(*(int.from_bytes(half, "big") for half in (signature[:32], signature[32:])))

        token = compact(server.header(), access_members(), sign)
        try:
            server.decode(token)
        except InvalidToken as error:
            return error.code
        return None

    def raw(self, r, s, length=32):
        return r.to_bytes(length, "big") + s.to_bytes(length, "big")

    def test_es256_signature_is_accepted(self):
        assert self.es256(self.raw) is None

    @pytest.mark.attack(29)
    @pytest.mark.parametrize("value", [0, 1, ORDER_P256 - 1, ORDER_P256, 2**256 - 1])
    def test_es256_signature_with_extreme_r_or_s_is_rejected(self, value):
        assert self.es256(lambda r, s: self.raw(value, s)) is TokenErrorCode.SIGNATURE
        assert self.es256(lambda r, s: self.raw(r, value)) is TokenErrorCode.SIGNATURE
        assert self.es256(lambda r, s: self.raw(value, value)) is TokenErrorCode.SIGNATURE

    @pytest.mark.attack(31)
    def test_es256_signature_in_other_format_is_rejected(self):
        assert self.es256(encode_dss_signature) is TokenErrorCode.SIGNATURE
        assert self.es256(lambda r, s: self.raw(r, s, 33)) is TokenErrorCode.SIGNATURE
        assert self.es256(lambda r, s: self.raw(r, s, 48)) is TokenErrorCode.SIGNATURE
        assert self.es256(lambda r, s: b"\x00" + self.raw(r, s)) is TokenErrorCode.SIGNATURE
        assert self.es256(lambda r, s: self.raw(r, s) + b"\x00") is TokenErrorCode.SIGNATURE
        assert self.es256(lambda r, s: self.raw(r, s)[:-1]) is TokenErrorCode.SIGNATURE
        assert self.es256(lambda r, s: self.raw(s, r)) is TokenErrorCode.SIGNATURE
        assert self.es256(lambda r, s: b"\x30" * 5000) is TokenErrorCode.SIGNATURE

    @pytest.mark.attack(30)
    def test_es256_signature_with_negated_s_is_accepted(self):
        # (r, n - s) is valid too, so revocation must not depend on the signature of a token.
        assert self.es256(lambda r, s: self.raw(r, ORDER_P256 - s)) is None

    @pytest.mark.attack(28)
    def test_ed25519_signature_with_s_above_order_is_rejected(self):
        # RFC 8032 section 5.1.7: S must be less than L, or S + L would verify too.
        server = SERVERS["EdDSA"]

        def sign(message):
            signature = server.sign(message)
            s = int.from_bytes(signature[32:], "little") + ORDER_ED25519
            return signature[:32] + s.to_bytes(32, "little")

        assert (
            server.code(compact(server.header(), access_members(), sign))
            is TokenErrorCode.SIGNATURE
        )

    @pytest.mark.attack(29)
    @pytest.mark.parametrize("signature", [b"", b"\x00" * 64, b"\x00" * 63, b"\xff" * 256])
    def test_token_with_constant_signature_is_rejected(self, server, signature):
        token = compact(server.header(), access_members(), lambda _: signature)
        assert server.code(token) is TokenErrorCode.SIGNATURE


class TestSerializations:
    @pytest.mark.attack(46, 47)
    def test_jwe_as_access_token_is_rejected(self, access):
        for header in (
            {"alg": "dir", "enc": "A256GCM"},
            {"alg": "PBES2-HS256+A128KW", "p2c": 2**31},
        ):
            segments = [base64url(json.dumps(header).encode()), "", "AAAA", "AAAA", "AAAA"]
            assert access.code(".".join(segments)) is TokenErrorCode.MALFORMED

    @pytest.mark.attack(69)
    def test_jws_json_serialization_as_access_token_is_rejected(self, access):
        head, payload, signature = access.token().split(".")
        flat = {"protected": head, "payload": payload, "signature": signature}
        general = {"payload": payload, "signatures": [{"protected": head, "signature": signature}]}
        for form in (flat, general, {**flat, "x": f".{payload}.{signature}"}):
            assert access.code(json.dumps(form)) is TokenErrorCode.MALFORMED

    @pytest.mark.attack(43)
    def test_token_with_detached_payload_is_rejected(self, access):
        head, _, signature = access.token().split(".")
        assert access.code(f"{head}..{signature}") is TokenErrorCode.SIGNATURE
        empty = access.token(payload=b"")
        assert access.code(empty) is TokenErrorCode.MALFORMED
