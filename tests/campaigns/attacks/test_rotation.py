"""Keys that are replaced: who is signed out by that, and who is not."""

from __future__ import annotations

import pytest

from tests.campaigns.attacks.forging import AccessForger, access_forger, derived, parts, signing
from tests.support.client import INVALID_GRANT
from tests.support.raw_tokens import base64url
from tests.support.sample_keys import private_key, private_pem, public_pem

OLD, NEW = "a secret key of last year, with more than 50 letters", "a secret key of this year too"


def signs(number, *verifying):
    """The settings of a server that signs with the key of this number."""
    return {
        "ALGORITHM": "EdDSA",
        "SIGNING_KEY": private_pem(private_key("EdDSA", number)),
        "VERIFYING_KEYS": [public_pem(private_key("EdDSA", other)) for other in verifying],
    }


def by(number):
    return signing("EdDSA", private_key("EdDSA", number))


def refreshed(server, tokens):
    """The tokens that follow on these, and the other way to say that nobody was signed out."""
    answer = server.post("token/refresh/", {"refresh_token": tokens["refresh_token"]})
    assert answer.status == 200, answer.body
    return answer.json()


def kid_of(token):
    return parts(token)[0]["kid"]


@pytest.mark.attack(166)
def test_tokens_of_the_key_before_are_good_until_they_end(alice, server, settings):
    settings.TOKENAUTH = signs(1)
    tokens = server.sign_in()
    settings.TOKENAUTH = signs(2, 1)
    server.accepts(tokens["access_token"])
    before = AccessForger(server, tokens["access_token"], by(1))
    start = before.members()["iat"]
    before.refused(before.with_claims(iat=start - 600, exp=start - 300))
    # From now on the new key signs, and it verifies whatever it signed.
    newer = refreshed(server, tokens)
    assert kid_of(newer["access_token"]) != kid_of(tokens["access_token"])
    AccessForger(server, newer["access_token"], by(2))


@pytest.mark.attack(168, 169)
def test_a_key_that_was_removed_is_worth_nothing_from_the_next_request_on(alice, server, settings):
    settings.TOKENAUTH = signs(2, 1)
    old = AccessForger(server, server.sign_in()["access_token"], by(2))
    settings.TOKENAUTH = signs(1, 2)
    tokens = server.sign_in()
    compromised = AccessForger(server, tokens["access_token"], by(1))
    # Verified a moment ago, and so perhaps still known to the process.
    server.accepts(tokens["access_token"])
    settings.TOKENAUTH = signs(2)
    compromised.refused(tokens["access_token"], compromised.with_claims(scope="admin"))
    server.accepts(old.token())
    # The thief of the key has no session; its owner goes on with the refresh token.
    newer = refreshed(server, tokens)
    assert kid_of(newer["access_token"]) == old.kid
    server.accepts(newer["access_token"])


@pytest.mark.attack(170)
def test_a_secret_that_is_replaced_under_its_old_name_ends_the_old_tokens(alice, server, settings):
    secrets = [f"secret number {n}, one of two that have one name" for n in (1, 2)]
    jwks = [{"kty": "oct", "kid": "2026", "k": base64url(secret.encode())} for secret in secrets]
    settings.TOKENAUTH = {"SIGNING_KEY": jwks[0]}
    forger = access_forger(server, signing("HS256", secrets[0].encode()))
    token = forger.token()
    settings.TOKENAUTH = {"SIGNING_KEY": jwks[1]}
    assert kid_of(server.sign_in()["access_token"]) == kid_of(token) == "2026"
    forger.refused(token)


@pytest.mark.attack(171)
def test_a_new_secret_key_signs_nobody_out(alice, server, settings):
    settings.SECRET_KEY = OLD
    tokens = server.sign_in()
    stays_away = server.sign_in()
    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = NEW, [OLD]
    server.accepts(tokens["access_token"])
    newer = refreshed(server, tokens)
    for name in ("access_token", "refresh_token"):
        assert kid_of(newer[name]) != kid_of(tokens[name])
    # And without the old one, whoever was there meanwhile.
    settings.SECRET_KEY_FALLBACKS = []
    server.accepts(newer["access_token"])
    refreshed(server, newer)
    server.refuses(stays_away["access_token"])
    answer = server.post("token/refresh/", {"refresh_token": stays_away["refresh_token"]})
    assert (answer.status, answer.json()) == (400, INVALID_GRANT)


@pytest.mark.attack(171)
def test_a_secret_key_that_is_no_fallback_any_more_makes_no_tokens(alice, server, settings):
    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = OLD, []
    forger = access_forger(server, derived("access token"))
    settings.SECRET_KEY = NEW
    forger.refused(forger.token(), forger.with_claims(sub="2"))


@pytest.mark.attack(172)
@pytest.mark.parametrize("what", ["keys", "secret keys"])
def test_while_servers_are_replaced_one_by_one_each_takes_the_others_tokens(
    what, alice, server, settings
):
    """First every server learns to verify with the new key, then one after the other signs."""

    def turn_to(new):
        if what == "keys":
            settings.TOKENAUTH = signs(2, 1) if new else signs(1, 2)
        else:
            settings.SECRET_KEY = NEW if new else OLD
            settings.SECRET_KEY_FALLBACKS = [OLD if new else NEW]

    turn_to(new=False)
    tokens = server.sign_in()
    for new in (True, False, True, False, False, True, True):
        turn_to(new)
        server.accepts(tokens["access_token"])
        tokens = refreshed(server, tokens)


@pytest.mark.attack(172)
def test_a_server_that_was_left_out_refuses_and_ends_nothing(alice, server, settings):
    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = NEW, [OLD]
    tokens = server.sign_in()
    # As it is until the last server is replaced, if the new key is news to the others.
    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = OLD, []
    server.refuses(tokens["access_token"])
    answer = server.post("token/refresh/", {"refresh_token": tokens["refresh_token"]})
    assert (answer.status, answer.json()) == (400, INVALID_GRANT)
    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = NEW, [OLD]
    refreshed(server, tokens)
