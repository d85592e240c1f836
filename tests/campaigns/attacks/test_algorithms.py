"""Who chooses the algorithm: the key, and never the token (RFC 8725 sections 2.1 and 3.1)."""

from __future__ import annotations

import pytest

from tests.campaigns.attacks.forging import (
    access_forger,
    asymmetric_forger,
    forgers,
    refresh_forger,
    signing,
)
from tests.support.public_keys_as_secrets import public_key_as_secrets
from tests.support.raw_tokens import MISSING, hmac_with
from tests.support.sample_keys import private_jwk, private_key, private_pem, public_jwk

PAIRS = ("RS256", "ES256", "EdDSA")
SPELLINGS = ("none", "None", "NONE", "nOnE", "none ", " none", "none\x00")


@pytest.mark.promise(2)
@pytest.mark.standard("rfc9068-2.1-3", "rfc9068-4-7")
@pytest.mark.attack(1, 2)
def test_a_token_that_says_it_is_unsigned_is_refused(alice, server):
    for forger in forgers(server):
        for header in [forger.header(alg=alg) for alg in SPELLINGS]:
            unsigned = forger.token(header=header, sign=lambda _: b"")
            signed_all_the_same = forger.token(header=header)
            forger.refused(unsigned, signed_all_the_same)
        forger.refused(forger.token(header={"alg": "none"}, sign=lambda _: b""))


@pytest.mark.attack(1, 2)
def test_so_it_is_where_the_key_is_public(alice, server, settings):
    for algorithm in PAIRS:
        forger = asymmetric_forger(server, settings, algorithm)
        for alg in SPELLINGS:
            forger.refused(forger.token(header=forger.header(alg=alg), sign=lambda _: b""))


@pytest.mark.attack(1)
def test_a_signature_that_was_cut_off_is_missed(alice, server):
    for forger in forgers(server):
        forger.refused(forger.token(sign=lambda _: b""), forger.token().rpartition(".")[0])


@pytest.mark.attack(3)
def test_an_algorithm_that_is_no_name_is_refused(alice, server):
    for forger in forgers(server):
        for alg in (MISSING, None, "", 0, True, [], ["HS256"], {"HS256": True}):
            forger.refused(forger.with_header(alg=alg))


@pytest.mark.attack(4)
def test_the_name_of_an_algorithm_is_taken_to_the_letter(alice, server):
    for forger in forgers(server):
        for alg in ("hs256", "Hs256", "HS256 ", " HS256", "HS256\n", "HS256\x00", "HS-256"):
            forger.refused(forger.with_header(alg=alg))


@pytest.mark.promise(2)
@pytest.mark.attack(5, 6, 7, 8)
def test_a_public_key_is_no_secret_however_it_is_written(alice, server, settings):
    for algorithm in PAIRS:
        forger = asymmetric_forger(server, settings, algorithm)
        for secret in public_key_as_secrets(algorithm).values():
            sign = hmac_with(secret)
            for header in (forger.header(alg="HS256"), forger.header(alg="HS256", kid=MISSING)):
                forger.refused(forger.token(header=header, sign=sign))


@pytest.mark.attack(5, 6, 7, 8)
def test_nor_does_it_make_refresh_tokens(alice, server, settings):
    for algorithm in PAIRS:
        public = asymmetric_forger(server, settings, algorithm)
        forger = refresh_forger(server)
        for secret in public_key_as_secrets(algorithm).values():
            for header in (forger.header(), forger.header(kid=public.kid)):
                forger.refused(forger.token(header, sign=hmac_with(secret)))


@pytest.mark.standard("rfc9068-4-6")
@pytest.mark.attack(10)
def test_one_key_has_one_algorithm(alice, server, settings):
    key = private_key("RS256")
    for material in (private_pem(key), private_jwk(key)):
        settings.TOKENAUTH = {"ALGORITHM": "RS256", "SIGNING_KEY": material}
        forger = access_forger(server, signing("RS256", key))
        for alg in ("RS384", "RS512", "PS256", "PS384", "PS512"):
            # As good a signature as that of the sound token, by the same key.
            forger.refused(forger.token(forger.header(alg=alg), sign=signing(alg, key)))


@pytest.mark.attack(10)
def test_so_has_a_secret(alice, server):
    for forger in forgers(server):
        forger.refused(*[forger.with_header(alg=alg) for alg in ("HS384", "HS512", "RS256")])


@pytest.mark.attack(12)
def test_a_kid_cannot_call_for_a_key_of_the_other_kind_of_token(alice, server, settings):
    for algorithm in PAIRS:
        access = asymmetric_forger(server, settings, algorithm)
        refresh = refresh_forger(server)
        for header in (access.header(alg="HS256", kid=refresh.kid), access.header(alg="HS256")):
            access.refused(access.token(header, sign=refresh.sign))
        for header in (refresh.header(alg=algorithm, kid=access.kid), refresh.header()):
            refresh.refused(refresh.token(header, sign=access.sign))


@pytest.mark.attack(17)
def test_a_key_that_is_not_named_is_not_searched_for(alice, server, settings):
    keys = {algorithm: private_key(algorithm) for algorithm in ("RS256", "ES256", "EdDSA")}
    jwks = [{**public_jwk(key), "kid": algorithm} for algorithm, key in keys.items()]
    settings.TOKENAUTH = {
        "ALGORITHM": "RS256",
        "SIGNING_KEY": {**private_jwk(keys["RS256"]), "kid": "RS256"},
        "VERIFYING_KEYS": jwks[1:],
    }
    forger = access_forger(server, signing("RS256", keys["RS256"]))
    for algorithm, key in keys.items():
        sign = signing(algorithm, key)
        forger.accepted(forger.token(forger.header(alg=algorithm, kid=algorithm), sign=sign))
        forger.refused(forger.token(forger.header(alg=algorithm, kid=MISSING), sign=sign))
        for kid in keys.keys() - {algorithm}:
            forger.refused(forger.token(forger.header(alg=algorithm, kid=kid), sign=sign))


@pytest.mark.attack(17)
def test_not_even_if_it_is_the_only_one(alice, server):
    for forger in forgers(server):
        forger.refused(forger.with_header(kid=MISSING))
