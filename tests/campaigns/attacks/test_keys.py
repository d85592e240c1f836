"""Signatures that prove nothing: by other keys, of other texts, in other forms.

Keys that are worthless themselves never get as far as this: ``test_loading_rejected`` and
``test_loading_weak`` show that no server starts with one.
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

from tests.campaigns.attacks.forging import asymmetric_forger, forgers, signing
from tests.support.raw_tokens import base64url, unbase64url
from tests.support.sample_keys import ORDER_ED25519, ORDER_P256, private_key


@pytest.fixture
def es256(alice, server, settings):
    return asymmetric_forger(server, settings, "ES256")


def raw(r, s, length=32):
    """An ECDSA signature as RFC 7518 section 3.4 has it."""
    return r.to_bytes(length, "big") + s.to_bytes(length, "big")


def numbers_of(signature):
    return [int.from_bytes(half, "big") for half in (signature[:32], signature[32:])]


def remade(forger, make):
    """A good token of ``forger``, its signature made anew of its r and s."""

    def sign(message):
        return make(*numbers_of(forger.sign(message)))

    return forger.token(sign=sign)


@pytest.mark.attack(26)
def test_a_key_of_another_curve_does_not_sign(es256):
    bitcoins = ec.generate_private_key(ec.SECP256K1())

    def by_bitcoins(message):
        return raw(*decode_dss_signature(bitcoins.sign(message, ec.ECDSA(SHA256()))))

    by_p384 = signing("ES384", private_key("ES384"))
    for sign in (by_bitcoins, by_p384):
        es256.refused(es256.token(sign=sign))
    for alg, sign in (("ES384", by_p384), ("ES256K", by_bitcoins)):
        es256.refused(es256.token(es256.header(alg=alg), sign=sign))


@pytest.mark.attack(28)
def test_an_ed25519_signature_has_no_second_form(alice, server, settings):
    forger = asymmetric_forger(server, settings, "EdDSA")

    def sign(message):
        signature = forger.sign(message)
        s = int.from_bytes(signature[32:], "little") + ORDER_ED25519
        return signature[:32] + s.to_bytes(32, "little")

    forger.refused(forger.token(sign=sign))


@pytest.mark.attack(29)
def test_an_ecdsa_signature_of_zeros_signs_nothing(es256):
    for value in (0, 1, ORDER_P256 - 1, ORDER_P256, 2**256 - 1):
        es256.refused(
            remade(es256, lambda r, s, value=value: raw(value, value)),
            remade(es256, lambda r, s, value=value: raw(value, s)),
            remade(es256, lambda r, s, value=value: raw(r, value)),
        )


@pytest.mark.attack(30)
def test_the_second_form_of_an_ecdsa_signature_does_not_outlive_a_sign_out(alice, server, settings):
    with time_machine.travel("2030-01-01T12:00:00Z", tick=False) as clock:
        forger = asymmetric_forger(server, settings, "ES256")
        token = forger.token()
        head, _, signature = token.rpartition(".")
        r, s = numbers_of(unbase64url(signature))
        other = f"{head}.{base64url(raw(r, ORDER_P256 - s))}"
        assert other != token
        # Sound by the standard, so no token may be known, counted or revoked by its text.
        forger.accepted(other)
        answer = server.send(
            f"DELETE /auth/sessions/{forger.members()['sid']}/ HTTP/1.1",
            f"Authorization: Bearer {token}",
        )
        assert answer.status == 204
        # So much later the class that asks no database knows of it too.
        clock.shift(10)
        for each in (token, other):
            for path in ("/who/", "/who/stateless/"):
                assert server.get(path, each).status == 401


@pytest.mark.attack(31)
def test_an_ecdsa_signature_in_another_form_is_refused(es256):
    es256.refused(
        *(
            remade(es256, make)
            for make in (
                encode_dss_signature,
                lambda r, s: raw(r, s, 33),
                lambda r, s: raw(r, s, 48),
                lambda r, s: b"\x00" + raw(r, s),
                lambda r, s: raw(r, s) + b"\x00",
                lambda r, s: raw(r, s)[:-1],
                lambda r, s: raw(r, s)[1:],
                lambda r, s: raw(s, r),
                # The greatest that a token has room for, and the greatest that a header has.
                lambda r, s: b"\x30" * 5000,
                lambda r, s: b"\x30" * 20_000,
            )
        )
    )


@pytest.mark.standard("rfc6749-10.3-2", "rfc9068-4-6")
@pytest.mark.attack(32)
def test_a_bit_that_is_flipped_anywhere_is_noticed(alice, server):
    for forger in forgers(server):
        segments = forger.token().split(".")
        for number, segment in enumerate(segments):
            data = unbase64url(segment)
            for place in (0, len(data) // 2, len(data) - 1):
                flipped = bytearray(data)
                flipped[place] ^= 1
                changed = [*segments[:number], base64url(bytes(flipped)), *segments[number + 1 :]]
                forger.refused(".".join(changed))


@pytest.mark.attack(32)
def test_segments_that_are_cut_short_or_swapped_are_noticed(alice, server):
    for forger in forgers(server):
        token = forger.token()
        header, payload, signature = token.split(".")
        forger.refused(*[token[:length] for length in (-1, -4, -20, -43, -44, 20)])
        forger.refused(
            f"{payload}.{header}.{signature}",
            f"{header}.{signature}.{payload}",
            f"{signature}.{payload}.{header}",
        )


@pytest.mark.attack(33)
def test_the_signature_of_another_token_of_the_same_user_is_refused(alice, server):
    for forger in forgers(server):
        head, _, _ = forger.token().rpartition(".")
        _, _, signature = forger.with_claims(exp=forger.members()["exp"] - 1).rpartition(".")
        forger.refused(f"{head}.{signature}")


@pytest.mark.attack(33)
def test_so_is_that_of_the_other_kind_of_token(alice, server):
    access, refresh = forgers(server)
    for forger, other in ((access, refresh), (refresh, access)):
        forger.refused(f"{forger.token().rpartition('.')[0]}.{other.token().rpartition('.')[2]}")
