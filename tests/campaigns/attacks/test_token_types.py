"""One kind of token given for another: they share an issuer, and sometimes a secret."""

from __future__ import annotations

import time

import pytest
from django.contrib.auth.tokens import default_token_generator
from django.core import signing
from django.utils.encoding import force_bytes

from tests.campaigns.attacks.forging import access_forger, derived, forgers
from tests.support.raw_tokens import MISSING, derived_secret, hmac_with
from tests.support.sample_keys import private_key, private_pem

ACCESS, REFRESH = "at+jwt", "rt+jwt"
#: Types of tokens that are neither of ours.
OTHERS = ("JWT", "jwt", "id+jwt", "logout+jwt", "secevent+jwt", "dpop+jwt", "JOSE", "", None, 1)


@pytest.mark.promise(3)
@pytest.mark.attack(98)
def test_a_refresh_token_is_no_access_token(alice, server):
    access, refresh = forgers(server)
    access.refused(
        server.sign_in()["refresh_token"],
        refresh.with_header(typ=ACCESS),
        refresh.with_header(typ=ACCESS, kid=access.kid),
        # Under the key of access tokens it still says what it is ...
        refresh.token(header=access.header(typ=REFRESH), sign=access.sign),
        # ... and where it does not, it lacks what an access token says.
        refresh.token(header=access.header(), sign=access.sign),
    )
    access.accepted(access.token())


@pytest.mark.promise(3)
@pytest.mark.attack(99)
def test_an_access_token_is_no_refresh_token(alice, server):
    access, refresh = forgers(server)
    refresh.refused(
        server.sign_in()["access_token"],
        access.with_header(typ=REFRESH),
        access.with_header(typ=REFRESH, kid=refresh.kid),
        access.token(header=refresh.header(typ=ACCESS), sign=refresh.sign),
        access.token(header=refresh.header(), sign=refresh.sign),
    )
    refresh.accepted(refresh.token())


@pytest.mark.attack(98, 99)
def test_no_kind_of_key_signs_the_other_kind_of_token(alice, server):
    """All claims of the one, signed with the key of the other and in its name."""
    access, refresh = forgers(server)
    access.refused(
        access.token(sign=refresh.sign),
        access.token(header=access.header(kid=refresh.kid), sign=refresh.sign),
    )
    refresh.refused(
        refresh.token(sign=access.sign),
        refresh.token(header=refresh.header(kid=access.kid), sign=access.sign),
    )


@pytest.mark.attack(100)
def test_an_id_token_is_no_access_token(alice, server, settings):
    """Of the same issuer and signed with the same key, as a provider of OpenID Connect would."""
    settings.TOKENAUTH = {"AUDIENCE": "https://api.example.com"}
    forger = access_forger(server, client_id="phone")
    said = {"nonce": "n", "at_hash": "h", "email": "alice@example.com", "azp": "phone"}
    not_said = {"client_id": MISSING, "jti": MISSING, "scope": MISSING, "sid": MISSING}
    id_token = forger.members(aud="phone", **said, **not_said)
    forger.refused(
        *(forger.token(header=forger.header(typ=typ), payload=id_token) for typ in OTHERS),
        forger.token(header=forger.header(typ=MISSING), payload=id_token),
        # Even if it lied about its type,
        forger.token(payload=id_token),
        # and if its audience were right too.
        forger.token(payload={**id_token, "aud": "https://api.example.com"}),
    )
    # What is said besides is no fault.
    forger.accepted(forger.with_claims(**said))


@pytest.mark.promise(3)
@pytest.mark.attack(100)
def test_a_token_of_any_other_type_is_neither_of_ours(alice, server):
    for forger in forgers(server):
        forger.refused(*(forger.with_header(typ=typ) for typ in OTHERS))
        forger.refused(forger.with_header(typ=MISSING))


@pytest.mark.attack(101)
def test_what_django_signs_with_the_secret_key_is_no_token(alice, server):
    made_by_django = [
        default_token_generator.make_token(alice),
        signing.dumps({"sub": str(alice.pk)}),
        signing.dumps({"sub": str(alice.pk)}, salt="django_tokenauth access token HS256"),
        signing.Signer().sign(f"{alice.pk}"),
        signing.TimestampSigner().sign("a.b.c"),
    ]
    for forger in forgers(server):
        forger.refused(*made_by_django)
        forger.refused_in_a_body(*made_by_django)


@pytest.mark.promise(3)
@pytest.mark.standard("rfc6749-10.4-3")
@pytest.mark.attack(101)
def test_no_other_use_of_the_secret_key_makes_a_token(alice, server, settings):
    """The key itself, which other packages sign with, what Django makes of it, and what we make of
    it for another purpose."""
    secret = force_bytes(settings.SECRET_KEY)
    salted = [
        signing.get_cookie_signer(salt="django_tokenauth"),
        signing.Signer(salt="django_tokenauth access token HS256", algorithm="sha256"),
    ]
    others = [
        hmac_with(secret),
        hmac_with(b"django.http.cookies" + secret),
        derived(""),
        derived("password reset"),
        derived("Access token"),
        hmac_with(derived_secret(secret, "access token", "HS384")),
        *(hmac_with(force_bytes(signer.key)) for signer in salted),
        *((lambda message, signer=signer: raw(signer, message)) for signer in salted),
    ]
    for forger in forgers(server):
        forger.refused(*(forger.token(sign=sign) for sign in others))
        forger.accepted(forger.token())


def raw(signer, message):
    """The bytes of the signature of Django's ``signer``."""
    return signing.b64_decode(signer.signature(message).encode())


@pytest.mark.standard("rfc6749-10.4-3")
@pytest.mark.attack(101)
def test_a_key_that_signs_access_tokens_signs_no_refresh_token(alice, server, settings):
    """Whoever holds the private key of a deployment cannot prolong a session with it."""
    key = private_key("EdDSA")
    settings.TOKENAUTH = {"ALGORITHM": "EdDSA", "SIGNING_KEY": private_pem(key)}
    access = access_forger(server, sign=key.sign)
    refresh = server.sign_in()["refresh_token"]
    forged = access.token(
        payload={"gen": 1, **access.members(aud="django-tokenauth", exp=int(time.time()) + 86_400)}
    )
    for token in (forged, access.with_header(typ=REFRESH)):
        assert server.post("token/refresh/", {"refresh_token": token}).status == 400
        assert server.seen.statements == []
    assert server.post("token/refresh/", {"refresh_token": refresh}).status == 200


@pytest.mark.standard("rfc9068-5-1")
@pytest.mark.attack(102)
def test_a_token_for_another_service_of_the_issuer_is_refused(alice, server, settings):
    """The one service is handed the token of the other, and hands it on."""
    settings.TOKENAUTH = {"AUDIENCE": "https://mail.example.com"}
    token = server.sign_in()["access_token"]
    server.accepts(token)
    settings.TOKENAUTH = {"AUDIENCE": "https://notes.example.com"}
    server.refuses(token)
    settings.TOKENAUTH = {"AUDIENCE": "https://mail.example.com"}
    server.accepts(token)


@pytest.mark.attack(103)
def test_a_refresh_token_and_a_revoked_token_are_not_active(alice, server):
    tokens = server.sign_in()
    verify = {name: {"token": tokens[name]} for name in ("access_token", "refresh_token")}
    assert server.post("token/verify/", verify["access_token"]).json()["active"] is True
    assert server.post("token/verify/", verify["refresh_token"]).json() == {"active": False}
    assert server.seen.statements == []
    server.post("token/revoke/", verify["refresh_token"])
    for body in verify.values():
        answer = server.post("token/verify/", body)
        assert (answer.status, answer.json()) == (200, {"active": False})
