"""Algorithm confusion: the key determines the algorithm (RFC 8725 sections 2.1, 3.1)."""

from __future__ import annotations

import pytest

from tests.campaigns.attacks.forging import (
    access_forger,
    asymmetric_forger,
    forgers,
    refresh_forger,
    signer,
)
from tests.support.public_keys_as_secrets import public_key_as_secrets
from tests.support.raw_tokens import MISSING, hmac_with
from tests.support.sample_keys import private_jwk, private_key, private_pem, public_jwk

PAIRS = ("RS256", "ES256", "EdDSA")
SPELLINGS = ("none", "None", "NONE", "nOnE", "none ", " none", "none\x00")


@pytest.mark.promise(2)
@pytest.mark.standard("rfc9068-2.1-3", "rfc9068-4-7")
@pytest.mark.attack(1, 2)
def test_alg_none_is_rejected_if_the_key_is_an_hmac_secret(offline_server):
    for forger in forgers(offline_server):
        for header in [forger.header(alg=alg) for alg in SPELLINGS]:
            unsigned = forger.token(header=header, sign=lambda _: b"")
            signed = forger.token(header=header)
            forger.assert_rejected(unsigned, signed)
        forger.assert_rejected(forger.token(header={"alg": "none"}, sign=lambda _: b""))


@pytest.mark.attack(1, 2)
def test_alg_none_is_rejected_if_the_key_is_a_public_key(offline_server, settings):
    for algorithm in PAIRS:
        forger = asymmetric_forger(offline_server, settings, algorithm)
        for alg in SPELLINGS:
            forger.assert_rejected(forger.token(header=forger.header(alg=alg), sign=lambda _: b""))


@pytest.mark.attack(1)
def test_token_without_signature_is_rejected(offline_server):
    for forger in forgers(offline_server):
        forger.assert_rejected(forger.token(sign=lambda _: b""), forger.token().rpartition(".")[0])


@pytest.mark.attack(3)
def test_alg_missing_or_not_a_string_is_rejected(offline_server):
    for forger in forgers(offline_server):
        for alg in (MISSING, None, "", 0, True, [], ["HS256"], {"HS256": True}):
            forger.assert_rejected(forger.with_header(alg=alg))


@pytest.mark.attack(4)
def test_alg_in_other_case_or_with_spaces_is_rejected(offline_server):
    for forger in forgers(offline_server):
        for alg in ("hs256", "Hs256", "HS256 ", " HS256", "HS256\n", "HS256\x00", "HS-256"):
            forger.assert_rejected(forger.with_header(alg=alg))


@pytest.mark.promise(2)
@pytest.mark.attack(5, 6, 7, 8)
def test_public_key_as_hmac_secret_of_access_token_is_rejected(offline_server, settings):
    for algorithm in PAIRS:
        forger = asymmetric_forger(offline_server, settings, algorithm)
        for secret in public_key_as_secrets(algorithm).values():
            sign = hmac_with(secret)
            for header in (forger.header(alg="HS256"), forger.header(alg="HS256", kid=MISSING)):
                forger.assert_rejected(forger.token(header=header, sign=sign))


@pytest.mark.attack(5, 6, 7, 8)
def test_public_key_as_hmac_secret_of_refresh_token_is_rejected(offline_server, settings):
    for algorithm in PAIRS:
        public = asymmetric_forger(offline_server, settings, algorithm)
        forger = refresh_forger(offline_server)
        for secret in public_key_as_secrets(algorithm).values():
            for header in (forger.header(), forger.header(kid=public.kid)):
                forger.assert_rejected(forger.token(header, sign=hmac_with(secret)))


@pytest.mark.standard("rfc9068-4-6")
@pytest.mark.attack(10)
def test_rsa_key_is_bound_to_one_algorithm(offline_server, settings):
    key = private_key("RS256")
    for material in (private_pem(key), private_jwk(key)):
        settings.TOKENAUTH = {"ALGORITHM": "RS256", "SIGNING_KEY": material}
        forger = access_forger(offline_server, signer("RS256", key))
        for alg in ("RS384", "RS512", "PS256", "PS384", "PS512"):
            # The signature is valid, and made with the same key.
            forger.assert_rejected(forger.token(forger.header(alg=alg), sign=signer(alg, key)))


@pytest.mark.attack(10)
def test_hmac_secret_is_bound_to_one_algorithm(offline_server):
    for forger in forgers(offline_server):
        forger.assert_rejected(
            *[forger.with_header(alg=alg) for alg in ("HS384", "HS512", "RS256")]
        )


@pytest.mark.attack(12)
def test_token_signed_with_key_of_other_purpose_is_rejected(offline_server, settings):
    for algorithm in PAIRS:
        access = asymmetric_forger(offline_server, settings, algorithm)
        refresh = refresh_forger(offline_server)
        for header in (access.header(alg="HS256", kid=refresh.kid), access.header(alg="HS256")):
            access.assert_rejected(access.token(header, sign=refresh.sign))
        for header in (refresh.header(alg=algorithm, kid=access.kid), refresh.header()):
            refresh.assert_rejected(refresh.token(header, sign=access.sign))


@pytest.mark.attack(17)
def test_missing_or_wrong_kid_is_rejected_with_several_keys(alice, server, settings):
    keys = {algorithm: private_key(algorithm) for algorithm in ("RS256", "ES256", "EdDSA")}
    jwks = [{**public_jwk(key), "kid": algorithm} for algorithm, key in keys.items()]
    settings.TOKENAUTH = {
        "ALGORITHM": "RS256",
        "SIGNING_KEY": {**private_jwk(keys["RS256"]), "kid": "RS256"},
        "VERIFYING_KEYS": jwks[1:],
    }
    forger = access_forger(server, signer("RS256", keys["RS256"]))
    for algorithm, key in keys.items():
        sign = signer(algorithm, key)
        forger.assert_accepted(forger.token(forger.header(alg=algorithm, kid=algorithm), sign=sign))
        forger.assert_rejected(forger.token(forger.header(alg=algorithm, kid=MISSING), sign=sign))
        for kid in keys.keys() - {algorithm}:
            forger.assert_rejected(forger.token(forger.header(alg=algorithm, kid=kid), sign=sign))


@pytest.mark.attack(17)
def test_missing_kid_is_rejected_with_single_key(offline_server):
    for forger in forgers(offline_server):
        forger.assert_rejected(forger.with_header(kid=MISSING))
