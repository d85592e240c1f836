"""Invalid signatures: by other keys, over other data, and in other encodings.

``test_loading_rejected`` and ``test_loading_weak`` cover weak keys: no server starts with one.
"""

from __future__ import annotations

import pytest
import time_machine
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import (
    decode_dss_signature,
    encode_dss_signature,
)
from cryptography.hazmat.primitives.hashes import SHA256

from tests.campaigns.attacks.forging import asymmetric_forger, forgers, signer
from tests.support.raw_tokens import base64url, unbase64url
from tests.support.sample_keys import ORDER_ED25519, ORDER_P256, private_key


@pytest.fixture
def es256(offline_server, settings):
    return asymmetric_forger(offline_server, settings, "ES256")


def encode_rs(r, s, length=32):
    """Return an ECDSA signature in the form of RFC 7518 section 3.4."""
    return r.to_bytes(length, "big") + s.to_bytes(length, "big")


def decode_rs(signature):
    """Return r and s of a signature in the form of RFC 7518."""
    return [int.from_bytes(half, "big") for half in (signature[:32], signature[32:])]


def reencoded(forger, encode):
    """Return a valid token of ``forger`` whose r and s are encoded by ``encode``."""

    def sign(message):
        return encode(*decode_rs(forger.sign(message)))

    return forger.token(sign=sign)


@pytest.mark.attack(26)
def test_es256_signature_on_another_curve_is_rejected(es256):
    secp256k1_key = ec.generate_private_key(ec.SECP256K1())

    def by_secp256k1(message):
        return encode_rs(*decode_dss_signature(secp256k1_key.sign(message, ec.ECDSA(SHA256()))))

    by_p384 = signer("ES384", private_key("ES384"))
    for sign in (by_secp256k1, by_p384):
        es256.assert_rejected(es256.token(sign=sign))
    for alg, sign in (("ES384", by_p384), ("ES256K", by_secp256k1)):
        es256.assert_rejected(es256.token(es256.header(alg=alg), sign=sign))


@pytest.mark.attack(28)
def test_ed25519_signature_plus_group_order_is_rejected(offline_server, settings):
    forger = asymmetric_forger(offline_server, settings, "EdDSA")

    def sign(message):
        signature = forger.sign(message)
        s = int.from_bytes(signature[32:], "little") + ORDER_ED25519
        return signature[:32] + s.to_bytes(32, "little")

    forger.assert_rejected(forger.token(sign=sign))


@pytest.mark.attack(29)
def test_ecdsa_signature_with_boundary_r_or_s_is_rejected(es256):
    for value in (0, 1, ORDER_P256 - 1, ORDER_P256, 2**256 - 1):
        es256.assert_rejected(
            reencoded(es256, lambda r, s, value=value: encode_rs(value, value)),
            reencoded(es256, lambda r, s, value=value: encode_rs(value, s)),
            reencoded(es256, lambda r, s, value=value: encode_rs(r, value)),
        )


@pytest.mark.attack(30)
def test_malleated_ecdsa_signature_is_rejected_after_sign_out(alice, server, settings):
    with time_machine.travel("2030-01-01T12:00:00Z", tick=False) as clock:
        forger = asymmetric_forger(server, settings, "ES256")
        token = forger.token()
        head, _, signature = token.rpartition(".")
        r, s = decode_rs(unbase64url(signature))
        malleated = f"{head}.{base64url(encode_rs(r, ORDER_P256 - s))}"
        assert malleated != token
        # Both signatures are valid ECDSA, so a list of revoked token strings would miss one.
        forger.assert_accepted(malleated)
        response = server.send(
            f"DELETE /auth/sessions/{forger.claims()['sid']}/ HTTP/1.1",
            f"Authorization: Bearer {token}",
        )
        assert response.status == 204
        # After the poll interval, stateless authentication has the revocation too.
        clock.shift(10)
        for each in (token, malleated):
            for path in ("/who/", "/who/stateless/"):
                assert server.get(path, each).status == 401


@pytest.mark.attack(31)
def test_ecdsa_signature_in_other_encoding_is_rejected(es256):
    es256.assert_rejected(
        *(
            reencoded(es256, encode)
            for encode in (
                encode_dss_signature,
                lambda r, s: encode_rs(r, s, 33),
                lambda r, s: encode_rs(r, s, 48),
                lambda r, s: b"\x00" + encode_rs(r, s),
                lambda r, s: encode_rs(r, s) + b"\x00",
                lambda r, s: encode_rs(r, s)[:-1],
                lambda r, s: encode_rs(r, s)[1:],
                lambda r, s: encode_rs(s, r),
                # The limit of a token, and the limit of a request header.
                lambda r, s: b"\x30" * 5000,
                lambda r, s: b"\x30" * 20_000,
            )
        )
    )


@pytest.mark.standard("rfc6749-10.3-2", "rfc9068-4-6")
@pytest.mark.attack(32)
def test_token_with_one_flipped_bit_is_rejected(offline_server):
    for forger in forgers(offline_server):
        segments = forger.token().split(".")
        for number, segment in enumerate(segments):
            data = unbase64url(segment)
            for place in (0, len(data) // 2, len(data) - 1):
                flipped = bytearray(data)
                flipped[place] ^= 1
                changed = [*segments[:number], base64url(bytes(flipped)), *segments[number + 1 :]]
                forger.assert_rejected(".".join(changed))


@pytest.mark.attack(32)
def test_truncated_or_swapped_segments_are_rejected(offline_server):
    for forger in forgers(offline_server):
        token = forger.token()
        header, payload, signature = token.split(".")
        forger.assert_rejected(*[token[:length] for length in (-1, -4, -20, -43, -44, 20)])
        forger.assert_rejected(
            f"{payload}.{header}.{signature}",
            f"{header}.{signature}.{payload}",
            f"{signature}.{payload}.{header}",
        )


@pytest.mark.attack(33)
def test_signature_of_another_token_is_rejected(offline_server):
    for forger in forgers(offline_server):
        head, _, _ = forger.token().rpartition(".")
        _, _, signature = forger.with_claims(exp=forger.claims()["exp"] - 1).rpartition(".")
        forger.assert_rejected(f"{head}.{signature}")


@pytest.mark.attack(33)
def test_signature_of_other_token_type_is_rejected(offline_server):
    access, refresh = forgers(offline_server)
    for forger, other in ((access, refresh), (refresh, access)):
        forger.assert_rejected(
            f"{forger.token().rpartition('.')[0]}.{other.token().rpartition('.')[2]}"
        )
