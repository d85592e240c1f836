"""Tokens of one type used as another type, with the same issuer or secret."""

from __future__ import annotations

import time

import pytest
from django.contrib.auth.tokens import default_token_generator
from django.core import signing
from django.utils.encoding import force_bytes

from tests.campaigns.attacks.forging import access_forger, derived_signer, forgers
from tests.support.client import INVALID_ACCESS_TOKEN, INVALID_TOKEN
from tests.support.raw_tokens import MISSING, derived_secret, hmac_with
from tests.support.sample_keys import private_key, private_pem

ACCESS, REFRESH = "at+jwt", "rt+jwt"
#: Token types other than access and refresh tokens.
FOREIGN_TYPES = (
    "JWT",
    "jwt",
    "id+jwt",
    "logout+jwt",
    "secevent+jwt",
    "dpop+jwt",
    "JOSE",
    "",
    None,
    1,
)


@pytest.mark.promise(3)
@pytest.mark.attack(98)
def test_refresh_token_is_rejected_as_access_token(alice, server):
    access, refresh = forgers(server)
    access.assert_rejected(
        server.sign_in()["refresh_token"],
        refresh.with_header(typ=ACCESS),
        refresh.with_header(typ=ACCESS, kid=access.kid),
        # The access key signs it, but its type is still that of a refresh token ...
        refresh.token(header=access.header(typ=REFRESH), sign=access.sign),
        # ... and with the type changed, it lacks claims of an access token.
        refresh.token(header=access.header(), sign=access.sign),
    )
    access.assert_accepted(access.token())


@pytest.mark.promise(3)
@pytest.mark.attack(99)
def test_access_token_is_rejected_as_refresh_token(alice, server):
    access, refresh = forgers(server)
    refresh.assert_rejected(
        server.sign_in()["access_token"],
        access.with_header(typ=REFRESH),
        access.with_header(typ=REFRESH, kid=refresh.kid),
        access.token(header=refresh.header(typ=ACCESS), sign=refresh.sign),
        access.token(header=refresh.header(), sign=refresh.sign),
    )
    refresh.assert_accepted(refresh.token())


@pytest.mark.attack(98, 99)
def test_token_signed_with_key_of_other_token_type_is_rejected(offline_server):
    """Sign the claims of one type with the key, and the ``kid``, of the other type."""
    access, refresh = forgers(offline_server)
    access.assert_rejected(
        access.token(sign=refresh.sign),
        access.token(header=access.header(kid=refresh.kid), sign=refresh.sign),
    )
    refresh.assert_rejected(
        refresh.token(sign=access.sign),
        refresh.token(header=refresh.header(kid=access.kid), sign=access.sign),
    )


@pytest.mark.attack(100)
def test_id_token_is_rejected_as_access_token(alice, server, settings):
    """The ID token has the same issuer and key, as at an OpenID Connect provider."""
    settings.TOKENAUTH = {"AUDIENCE": "https://api.example.com"}
    forger = access_forger(server, client_id="phone")
    id_claims = {"nonce": "n", "at_hash": "h", "email": "alice@example.com", "azp": "phone"}
    missing = {"client_id": MISSING, "jti": MISSING, "scope": MISSING, "sid": MISSING}
    id_token = forger.claims(aud="phone", **id_claims, **missing)
    forger.assert_rejected(
        *(forger.token(header=forger.header(typ=typ), payload=id_token) for typ in FOREIGN_TYPES),
        forger.token(header=forger.header(typ=MISSING), payload=id_token),
        # With the type of an access token.
        forger.token(payload=id_token),
        # With the right audience too.
        forger.token(payload={**id_token, "aud": "https://api.example.com"}),
    )
    # The additional claims alone are accepted.
    forger.assert_accepted(forger.with_claims(**id_claims))


@pytest.mark.promise(3)
@pytest.mark.attack(100)
def test_typ_other_than_access_or_refresh_token_is_rejected(offline_server):
    for forger in forgers(offline_server):
        forger.assert_rejected(*(forger.with_header(typ=typ) for typ in FOREIGN_TYPES))
        forger.assert_rejected(forger.with_header(typ=MISSING))


@pytest.mark.attack(101)
def test_django_signed_value_is_rejected_as_token(alice, server):
    made_by_django = [
        default_token_generator.make_token(alice),
        signing.dumps({"sub": str(alice.pk)}),
        signing.dumps({"sub": str(alice.pk)}, salt="django_tokenauth access token HS256"),
        signing.Signer().sign(f"{alice.pk}"),
        signing.TimestampSigner().sign("a.b.c"),
    ]
    for forger in forgers(server):
        forger.assert_rejected(*made_by_django)
        forger.assert_rejected_in_body(*made_by_django)


@pytest.mark.promise(3)
@pytest.mark.standard("rfc6749-10.4-3", "rfc9700-4.14.2-3")
@pytest.mark.attack(101)
def test_token_with_other_key_derivation_is_rejected(alice, server, settings):
    """Sign with ``SECRET_KEY`` itself, with derivations of Django and of this package."""
    secret = force_bytes(settings.SECRET_KEY)
    salted = [
        signing.get_cookie_signer(salt="django_tokenauth"),
        signing.Signer(salt="django_tokenauth access token HS256", algorithm="sha256"),
    ]
    signers = [
        hmac_with(secret),
        hmac_with(b"django.http.cookies" + secret),
        derived_signer(""),
        derived_signer("password reset"),
        derived_signer("Access token"),
        hmac_with(derived_secret(secret, "access token", "HS384")),
        *(hmac_with(force_bytes(signer.key)) for signer in salted),
        *((lambda message, signer=signer: raw_signature(signer, message)) for signer in salted),
    ]
    for forger in forgers(server):
        forger.assert_rejected(*(forger.token(sign=sign) for sign in signers))
        forger.assert_accepted(forger.token())


def raw_signature(signer, message):
    """Return the signature bytes of Django's ``signer``."""
    return signing.b64_decode(signer.signature(message).encode())


@pytest.mark.standard("rfc6749-10.4-3", "rfc9700-4.14.2-3")
@pytest.mark.attack(101)
def test_refresh_token_signed_with_access_key_is_rejected(alice, server, settings):
    """The private key of access tokens cannot extend a session."""
    key = private_key("EdDSA")
    settings.TOKENAUTH = {"ALGORITHM": "EdDSA", "SIGNING_KEY": private_pem(key)}
    access = access_forger(server, sign=key.sign)
    refresh = server.sign_in()["refresh_token"]
    forged = access.token(
        payload={"gen": 1, **access.claims(aud="django-tokenauth", exp=int(time.time()) + 86_400)}
    )
    for token in (forged, access.with_header(typ=REFRESH)):
        assert server.post("token/refresh/", {"refresh_token": token}).status == 400
        assert server.activity.statements == []
    assert server.post("token/refresh/", {"refresh_token": refresh}).status == 200


@pytest.mark.standard("rfc9068-5-1", "rfc9700-4.9.3-2")
@pytest.mark.attack(102)
def test_token_for_another_service_is_rejected(alice, server, settings):
    """A service passes a token that it received on to another service."""
    settings.TOKENAUTH = {"AUDIENCE": "https://mail.example.com"}
    token = server.sign_in()["access_token"]
    server.assert_accepts(token)
    settings.TOKENAUTH = {"AUDIENCE": "https://notes.example.com"}
    server.assert_rejects(token)
    settings.TOKENAUTH = {"AUDIENCE": "https://mail.example.com"}
    server.assert_accepts(token)


@pytest.mark.attack(103)
def test_verify_returns_401_for_refresh_and_revoked_tokens(alice, server):
    tokens = server.sign_in()
    verify = {name: {"token": tokens[name]} for name in ("access_token", "refresh_token")}
    assert server.post("token/verify/", verify["access_token"]).json()["active"] is True
    response = server.post("token/verify/", verify["refresh_token"])
    assert (response.status, response.challenge) == (401, INVALID_TOKEN)
    assert response.json() == INVALID_ACCESS_TOKEN
    assert server.activity.statements == []
    server.post("token/revoke/", verify["refresh_token"])
    for body in verify.values():
        response = server.post("token/verify/", body)
        assert (response.status, response.json()) == (401, INVALID_ACCESS_TOKEN)
