"""Key replacement: the tokens that stay valid, and those that are rejected."""

from __future__ import annotations

import pytest

from tests.campaigns.attacks.forging import (
    AccessForger,
    access_forger,
    derived_signer,
    parse_token,
    signer,
)
from tests.support.client import SESSION_ENDED
from tests.support.raw_tokens import base64url
from tests.support.sample_keys import private_key, private_pem, public_pem

OLD, NEW = "a secret key of last year, with more than 50 letters", "a secret key of this year too"


def settings_for(number, *verifying):
    """Return settings that sign with key ``number`` and verify with the others too."""
    return {
        "ALGORITHM": "EdDSA",
        "SIGNING_KEY": private_pem(private_key("EdDSA", number)),
        "VERIFYING_KEYS": [public_pem(private_key("EdDSA", other)) for other in verifying],
    }


def signer_of(number):
    return signer("EdDSA", private_key("EdDSA", number))


def refresh(server, tokens):
    """Refresh and return the new tokens."""
    response = server.post("token/refresh/", {"refresh_token": tokens["refresh_token"]})
    assert response.status == 200, response.body
    return response.json()


def kid_of(token):
    return parse_token(token)[0]["kid"]


@pytest.mark.attack(166)
def test_token_of_previous_key_is_valid_until_exp(alice, server, settings):
    settings.TOKENAUTH = settings_for(1)
    tokens = server.sign_in()
    settings.TOKENAUTH = settings_for(2, 1)
    server.assert_accepts(tokens["access_token"])
    previous = AccessForger(server, tokens["access_token"], signer_of(1))
    start = previous.claims()["iat"]
    previous.assert_rejected(previous.with_claims(iat=start - 600, exp=start - 300))
    # The new key signs now, and its tokens are accepted.
    newer = refresh(server, tokens)
    assert kid_of(newer["access_token"]) != kid_of(tokens["access_token"])
    AccessForger(server, newer["access_token"], signer_of(2))


@pytest.mark.attack(168, 169)
def test_token_of_removed_key_is_rejected_from_next_request(alice, server, settings):
    settings.TOKENAUTH = settings_for(2, 1)
    old = AccessForger(server, server.sign_in()["access_token"], signer_of(2))
    settings.TOKENAUTH = settings_for(1, 2)
    tokens = server.sign_in()
    compromised = AccessForger(server, tokens["access_token"], signer_of(1))
    # The token is now in the cache of verified tokens.
    server.assert_accepts(tokens["access_token"])
    settings.TOKENAUTH = settings_for(2)
    compromised.assert_rejected(tokens["access_token"], compromised.with_claims(scope="admin"))
    server.assert_accepts(old.token())
    # The refresh token is not affected.
    newer = refresh(server, tokens)
    assert kid_of(newer["access_token"]) == old.kid
    server.assert_accepts(newer["access_token"])


@pytest.mark.attack(170)
def test_secret_replaced_under_same_kid_rejects_old_tokens(alice, server, settings):
    secrets = [f"secret number {n}, one of two that have one name" for n in (1, 2)]
    jwks = [{"kty": "oct", "kid": "2026", "k": base64url(secret.encode())} for secret in secrets]
    settings.TOKENAUTH = {"SIGNING_KEY": jwks[0]}
    forger = access_forger(server, signer("HS256", secrets[0].encode()))
    token = forger.token()
    settings.TOKENAUTH = {"SIGNING_KEY": jwks[1]}
    assert kid_of(server.sign_in()["access_token"]) == kid_of(token) == "2026"
    forger.assert_rejected(token)


@pytest.mark.attack(171)
def test_new_secret_key_with_fallback_keeps_sessions_active(alice, server, settings):
    settings.SECRET_KEY = OLD
    tokens = server.sign_in()
    absent = server.sign_in()
    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = NEW, [OLD]
    server.assert_accepts(tokens["access_token"])
    newer = refresh(server, tokens)
    for name in ("access_token", "refresh_token"):
        assert kid_of(newer[name]) != kid_of(tokens[name])
    # Without the fallback, refreshed sessions go on; the absent one is signed out.
    settings.SECRET_KEY_FALLBACKS = []
    server.assert_accepts(newer["access_token"])
    refresh(server, newer)
    server.assert_rejects(absent["access_token"])
    response = server.post("token/refresh/", {"refresh_token": absent["refresh_token"]})
    assert (response.status, response.json()) == (400, SESSION_ENDED)


@pytest.mark.attack(171)
def test_removed_secret_key_signs_no_valid_token(alice, server, settings):
    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = OLD, []
    forger = access_forger(server, derived_signer("access token"))
    settings.SECRET_KEY = NEW
    forger.assert_rejected(forger.token(), forger.with_claims(sub="2"))


@pytest.mark.attack(172)
@pytest.mark.parametrize("kind", ["signing-key", "secret-key"])
def test_rolling_key_replacement_keeps_tokens_valid(kind, alice, server, settings):
    """All servers verify with the new key first; then each of them signs with it."""

    def configure(new):
        if kind == "signing-key":
            settings.TOKENAUTH = settings_for(2, 1) if new else settings_for(1, 2)
        else:
            settings.SECRET_KEY = NEW if new else OLD
            settings.SECRET_KEY_FALLBACKS = [OLD if new else NEW]

    configure(new=False)
    tokens = server.sign_in()
    for new in (True, False, True, False, False, True, True):
        configure(new)
        server.assert_accepts(tokens["access_token"])
        tokens = refresh(server, tokens)


@pytest.mark.attack(172)
def test_server_without_new_key_rejects_token_but_keeps_session(alice, server, settings):
    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = NEW, [OLD]
    tokens = server.sign_in()
    # This server does not know the new key yet.
    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = OLD, []
    server.assert_rejects(tokens["access_token"])
    response = server.post("token/refresh/", {"refresh_token": tokens["refresh_token"]})
    assert (response.status, response.json()) == (400, SESSION_ENDED)
    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = NEW, [OLD]
    refresh(server, tokens)
