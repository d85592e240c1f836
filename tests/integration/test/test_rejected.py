"""Tokens to reject: both authentication classes give the documented code, with each algorithm."""

from __future__ import annotations

import json
import time
from datetime import timedelta

import pytest
from django.core.exceptions import ImproperlyConfigured

from django_tokenauth import services
from django_tokenauth.authentication import (
    AccessTokenRejected,
    JWTAuthentication,
    StatelessJWTAuthentication,
)
from django_tokenauth.errors import InvalidScope, TokenErrorCode
from django_tokenauth.models import Session
from django_tokenauth.test import (
    DjangoTokenRequestFactory,
    TokenClient,
    expired_token,
    other_audiences_token,
    other_issuers_token,
    revoked_token,
    tampered_token,
    with_test_keys,
)
from tests.support.key_folder import put
from tests.support.raw_tokens import unbase64url

pytestmark = pytest.mark.django_db

CLASSES = [JWTAuthentication, StatelessJWTAuthentication]
TOKENS = {
    expired_token: TokenErrorCode.EXPIRED,
    revoked_token: TokenErrorCode.REVOKED,
    tampered_token: TokenErrorCode.SIGNATURE,
    other_issuers_token: TokenErrorCode.ISSUER,
    other_audiences_token: TokenErrorCode.AUDIENCE,
}
STORED = [each for each in TOKENS if each is not revoked_token]


def payload_of(token):
    return json.loads(unbase64url(token.split(".")[1]))


def code_of(authentication, token):
    """Return the code with which *authentication* rejects *token*."""
    factory = DjangoTokenRequestFactory()
    factory.use_token(token)
    with pytest.raises(AccessTokenRejected) as caught:
        authentication().authenticate(factory.get("/"))
    return caught.value.code


@pytest.mark.parametrize("authentication", CLASSES)
@pytest.mark.parametrize("algorithm", ["HS256", "HS512", "RS256", "ES256", "EdDSA"])
@pytest.mark.parametrize("make", TOKENS, ids=lambda make: make.__name__)
def test_token_is_rejected_with_its_code(make, algorithm, authentication, alice):
    with with_test_keys(algorithm):
        assert code_of(authentication, make(alice)) == TOKENS[make]


@pytest.mark.parametrize("authentication", CLASSES)
@pytest.mark.parametrize("make", TOKENS, ids=lambda make: make.__name__)
def test_token_of_the_default_key_is_rejected(make, authentication, alice):
    assert code_of(authentication, make(alice)) == TOKENS[make]


@pytest.mark.parametrize("authentication", CLASSES)
@pytest.mark.parametrize("make", STORED, ids=lambda make: make.__name__)
def test_token_is_rejected_with_stateless_refresh(make, authentication, alice, settings):
    settings.TOKENAUTH = {"STATELESS_REFRESH": True}
    assert code_of(authentication, make(alice)) == TOKENS[make]


@pytest.mark.parametrize("make", STORED, ids=lambda make: make.__name__)
def test_session_of_a_rejected_token_is_active(make, alice):
    make(alice, device_name="laptop")
    [session] = services.list_sessions(alice)
    assert session.device_name == "laptop"


@pytest.mark.parametrize("make", TOKENS, ids=lambda make: make.__name__)
@pytest.mark.parametrize("scope", ["notes:read", ["notes:read"]], ids=["string", "list"])
def test_rejected_token_has_the_requested_scope(make, scope, alice, settings):
    settings.TOKENAUTH = {"SCOPES": ["notes:read", "notes:write"]}
    assert payload_of(make(alice, scope))["scope"] == "notes:read"
    with pytest.raises(InvalidScope) as caught:
        make(alice, "unknown")
    assert "the scope 'unknown', and SCOPES" in caught.value.__notes__[0]


@pytest.mark.parametrize("leeway", [0, 120])
def test_expired_token_is_rejected_with_any_leeway(leeway, alice, settings):
    settings.TOKENAUTH = {
        "LEEWAY": timedelta(seconds=leeway),
        "ACCESS_TOKEN_LIFETIME": timedelta(hours=1),
    }
    token = expired_token(alice)
    assert code_of(JWTAuthentication, token) == TokenErrorCode.EXPIRED
    payload = payload_of(token)
    assert payload["exp"] - payload["iat"] == 3600


def test_expired_token_with_a_lifetime_of_its_own_has_expired(alice, settings):
    hour = timedelta(hours=1)
    settings.TOKENAUTH = {"LIFETIMES": lambda *arguments: services.Lifetimes(access=hour)}
    assert code_of(JWTAuthentication, expired_token(alice)) == TokenErrorCode.EXPIRED


def test_expired_token_is_signed_by_a_key_that_has_just_begun(alice, settings, tmp_path):
    """A new key does not sign at the time at which the expired token says it was issued."""
    folder = tmp_path / "keys"
    folder.mkdir()
    put(folder, nbf=int(time.time()) - 1)
    settings.TOKENAUTH = {"KEY_DIRECTORY": folder}
    assert code_of(JWTAuthentication, expired_token(alice)) == TokenErrorCode.EXPIRED


def test_challenge_of_an_expired_token_says_that_it_expired(alice):
    client = TokenClient()
    client.use_token(expired_token(alice))
    assert "The access token expired." in client.get("/who/")["WWW-Authenticate"]


def test_tampered_token_differs_only_in_its_subject(alice):
    token, pair = tampered_token(alice), services.sign_in(alice)
    tampered, real = payload_of(token), payload_of(pair.access_token)
    assert tampered.keys() == real.keys()
    assert (tampered["sub"], tampered["aud"]) == (f"{real['sub']}0", real["aud"])


def test_other_issuers_token_is_a_valid_token_of_that_issuer(alice, settings):
    token = other_issuers_token(alice)
    audience = payload_of(token)["aud"]
    settings.TOKENAUTH = {"ISSUER": "https://other-issuer.example.com", "AUDIENCE": audience}
    claims = services.authenticate_access_token(token)
    assert claims.issuer == "https://other-issuer.example.com"
    assert services.get_user(claims) == alice


class TestRevokedToken:
    def test_stateless_request_after_it_makes_no_query(self, alice, django_assert_num_queries):
        token = revoked_token(alice)
        with django_assert_num_queries(0):
            assert code_of(StatelessJWTAuthentication, token) == TokenErrorCode.REVOKED

    def test_revoked_token_is_rejected_after_a_recent_poll(self, alice):
        client = TokenClient()
        client.sign_in(alice)
        # This request reads the revoked sessions, which are valid for ten seconds.
        assert client.get("/who/stateless/").status_code == 200
        assert code_of(StatelessJWTAuthentication, revoked_token(alice)) == TokenErrorCode.REVOKED

    def test_revoked_token_is_rejected_without_a_poll(self, alice, settings):
        settings.TOKENAUTH = {"REVOCATION_POLL_INTERVAL": None}
        assert code_of(JWTAuthentication, revoked_token(alice)) == TokenErrorCode.REVOKED

    def test_other_sessions_of_the_user_stay_active(self, alice):
        pair = services.sign_in(alice)
        revoked_token(alice)
        assert list(services.list_sessions(alice)) == [pair.session]
        assert Session.objects.count() == 2

    def test_revoked_token_with_stateless_refresh_is_an_error(self, alice, settings):
        settings.TOKENAUTH = {"STATELESS_REFRESH": True}
        with pytest.raises(ImproperlyConfigured, match="With STATELESS_REFRESH, no session is "):
            revoked_token(alice)


def test_token_for_another_service_can_have_another_error(alice, settings):
    notes = "https://notes.example.com"
    settings.TOKENAUTH = {"AUDIENCES": {notes: []}}
    token = expired_token(alice, audiences=[notes])
    assert payload_of(token)["aud"] == notes
    assert code_of(JWTAuthentication, token) == TokenErrorCode.AUDIENCE
    settings.TOKENAUTH = {"AUDIENCE": notes}
    assert code_of(JWTAuthentication, token) == TokenErrorCode.EXPIRED
