"""Encoding and decoding of access and refresh tokens, and confusion of the two kinds."""

from __future__ import annotations

import dataclasses
import json
from datetime import timedelta

import jwt
import pytest
import time_machine
from django.core.exceptions import ImproperlyConfigured

from django_tokenauth.errors import InvalidToken, TokenErrorCode
from django_tokenauth.keys.sources import build_access_keys, refresh_keys
from django_tokenauth.tokens.access import AccessTokens
from django_tokenauth.tokens.claims import Claims, RefreshClaims
from django_tokenauth.tokens.refresh import RefreshTokens
from tests.support.raw_tokens import (
    MISSING,
    NOW,
    SECRET_KEY,
    SIGNING_KEY,
    Access,
    Refresh,
    access_members,
    compact,
    derived_secret,
    hmac_with,
    read_settings,
    refresh_members,
    unbase64url,
)
from tests.support.sample_keys import ALGORITHMS, private_key, private_pem, public_pem


@pytest.fixture
def access():
    return Access()


@pytest.fixture
def refresh():
    return Refresh()


def part(token, number):
    return json.loads(unbase64url(token.split(".")[number]))


def access_tokens(**values):
    settings = read_settings(**values)
    return AccessTokens(settings, build_access_keys(settings))


class TestAccessTokens:
    def test_access_token_made_by_hand_is_decoded(self, access):
        claims = access.decode(access.token())
        assert claims == Claims.from_payload(access_members())

    @pytest.mark.standard("rfc9068-2.1-1", "rfc9068-2.1-5", "rfc9068-2.1-6")
    def test_access_token_round_trips_with_rfc_9068_header(self, access):
        claims = Claims.from_payload(access_members(staff=True))
        token = access.tokens.encode(claims)
        assert part(token, 0) == {"alg": "HS256", "kid": access.kid, "typ": "at+jwt"}
        assert part(token, 1) == access_members(staff=True)
        assert access.decode(token) == claims

    @pytest.mark.standard("rfc6749-10.10-2", "rfc9068-2.1-4")
    @pytest.mark.parametrize("algorithm", ["HS256", "HS384", "HS512", *ALGORITHMS])
    @time_machine.travel(NOW, tick=False)
    def test_access_token_is_interoperable_with_pyjwt(self, algorithm):
        private, public = SIGNING_KEY, SIGNING_KEY
        if algorithm in ALGORITHMS:
            private, public = (pem(private_key(algorithm)) for pem in (private_pem, public_pem))
        tokens = access_tokens(ALGORITHM=algorithm, SIGNING_KEY=private)
        token = tokens.encode(Claims.from_payload(access_members()))
        payload = jwt.decode(token, public, [algorithm], audience="django-tokenauth")
        assert payload == access_members()
        header = {"typ": "at+jwt", "kid": part(token, 0)["kid"]}
        pyjwt_token = jwt.encode(access_members(), private, algorithm, headers=header)
        assert tokens.decode(pyjwt_token, now=NOW).to_payload() == access_members()

    def test_access_token_of_fallback_secret_is_accepted(self):
        tokens = access_tokens(secret_keys=(b"new", b"old"))
        old_tokens = access_tokens(secret_keys=(b"old",))
        token = old_tokens.encode(Claims.from_payload(access_members()))
        assert tokens.decode(token, now=NOW).subject == "1"
        with pytest.raises(InvalidToken, match=r"\Akey\Z"):
            old_tokens.decode(tokens.encode(Claims.from_payload(access_members())), now=NOW)

    def test_access_tokens_cannot_be_signed_without_private_key(self):
        key = private_key("EdDSA")
        signing = access_tokens(ALGORITHM="EdDSA", SIGNING_KEY=private_pem(key))
        verifying = access_tokens(ALGORITHM="EdDSA", VERIFYING_KEYS=[public_pem(key)])
        claims = Claims.from_payload(access_members())
        assert verifying.decode(signing.encode(claims), now=NOW) == claims
        with pytest.raises(ImproperlyConfigured, match="no key that signs now"):
            verifying.encode(claims)

    @pytest.mark.parametrize("value", [float("nan"), float("inf")])
    def test_access_token_with_nan_or_infinity_is_not_encoded(self, access, value):
        claims = Claims.from_payload(access_members())
        with pytest.raises(ImproperlyConfigured, match="JSON"):
            access.tokens.encode(claims._replace(extra={"a": value}))

    @pytest.mark.parametrize("typ", ["rt+jwt", "JWT", "at+jwt ", ""])
    def test_access_token_with_wrong_typ_is_rejected(self, access, typ):
        """Use the exact spelling of issued headers, which the decoder compares as bytes."""
        token = access.with_header(typ=typ)
        assert part(token, 0) == {"alg": "HS256", "kid": access.kid, "typ": typ}
        assert access.code(token) is TokenErrorCode.TYP

    @pytest.mark.parametrize(
        "spelling",
        [
            '{{"alg": "HS256", "kid": "{kid}", "typ": "at+jwt"}}',
            '{{"typ":"at+jwt","kid":"{kid}","alg":"HS256"}}',
            '{{"alg":"HS256","kid":"{kid}","typ":"AT+JWT"}}',
            '{{"alg":"HS256","kid":"{kid}","typ":"application/at+jwt"}}',
            '\n{{"alg":"HS256","kid":"{kid}","typ":"at+jwt","x":[1]}} ',
        ],
    )
    def test_access_token_with_other_header_spelling_is_accepted(self, access, spelling):
        token = access.token(header=spelling.format(kid=access.kid).encode())
        assert access.decode(token) == Claims.from_payload(access_members())


class TestRefreshTokens:
    def test_refresh_token_made_by_hand_is_decoded(self, refresh):
        claims = refresh.decode(refresh.token())
        assert claims == RefreshClaims.from_payload(refresh_members())

    @pytest.mark.parametrize("typ", ["at+jwt", "JWT", ""])
    def test_refresh_token_with_wrong_typ_is_rejected(self, refresh, typ):
        assert refresh.code(refresh.with_header(typ=typ)) is TokenErrorCode.TYP

    def test_refresh_token_is_byte_identical_for_equal_claims(self, refresh):
        claims = RefreshClaims.from_payload(refresh_members())
        token = refresh.tokens.encode(claims)
        assert token == refresh.tokens.encode(dataclasses.replace(claims))
        assert token == compact(
            f'{{"alg":"HS256","kid":"{refresh.kid}","typ":"rt+jwt"}}'.encode(),
            json.dumps(refresh_members(), separators=(",", ":")).encode(),
            hmac_with(derived_secret(SECRET_KEY, "refresh token")),
        )
        assert token != refresh.tokens.encode(dataclasses.replace(claims, generation=4))

    def test_refresh_token_with_sign_in_claims_round_trips(self, refresh):
        members = refresh_members(auth_time=NOW, client_id="notes", scope="a b", amr=["otp"])
        claims = RefreshClaims.from_payload(members)
        assert refresh.decode(refresh.tokens.encode(claims)) == claims

    def test_refresh_fallback_secret_verifies_but_does_not_sign(self):
        new, old, both = (
            read_settings(secret_keys=keys) for keys in ((b"new",), (b"old",), (b"new", b"old"))
        )
        claims = RefreshClaims.from_payload(refresh_members())
        tokens = RefreshTokens(both, refresh_keys(both))
        old_token = RefreshTokens(old, refresh_keys(old)).encode(claims)
        assert tokens.decode(old_token, now=NOW) == claims
        new_tokens = RefreshTokens(new, refresh_keys(new))
        assert new_tokens.decode(tokens.encode(claims), now=NOW) == claims
        with pytest.raises(InvalidToken, match=r"\Akey\Z"):
            new_tokens.decode(old_token, now=NOW)

    def test_refresh_token_of_other_issuer_is_rejected(self, refresh):
        settings = read_settings(ISSUER="another")
        with pytest.raises(InvalidToken) as caught:
            RefreshTokens(settings, refresh_keys(settings)).decode(refresh.token(), now=NOW)
        assert caught.value.code is TokenErrorCode.ISSUER

    def test_refresh_token_with_future_iat_is_accepted(self, refresh):
        assert refresh.decode(refresh.with_claims(iat=NOW + 3600), now=NOW).issued_at == NOW + 3600

    def test_refresh_token_above_current_lifetime_is_accepted(self):
        refresh = Refresh(REFRESH_TOKEN_LIFETIME=timedelta(days=1))
        assert refresh.decode(refresh.token(), now=NOW + 13 * 86400).generation == 3

    @pytest.mark.parametrize(
        ("changes", "code"),
        [
            ({"iss": "another", "aud": "another"}, TokenErrorCode.ISSUER),
            ({"aud": "another"}, TokenErrorCode.AUDIENCE),
            ({"gen": MISSING}, TokenErrorCode.CLAIMS),
            ({"gen": True}, TokenErrorCode.CLAIMS),
            ({"sid": "1"}, TokenErrorCode.CLAIMS),
            ({"exp": NOW}, TokenErrorCode.EXPIRED),
            ({"exp": NOW - 1}, TokenErrorCode.EXPIRED),
            ({"exp": 253402300800}, TokenErrorCode.CLAIMS),
            ({"iat": NOW - 14 * 86400, "exp": NOW}, TokenErrorCode.EXPIRED),
        ],
    )
    def test_refresh_token_with_invalid_claims_is_rejected(self, refresh, changes, code):
        assert refresh.code(refresh.with_claims(**changes)) is code

    def test_refresh_token_is_accepted_within_leeway(self):
        refresh = Refresh(LEEWAY=timedelta(seconds=5))
        token = refresh.with_claims(iat=NOW - 14 * 86400 + 5, exp=NOW + 5)
        assert refresh.decode(token, now=NOW + 9.9).generation == 3
        assert refresh.code(token, now=NOW + 10) is TokenErrorCode.EXPIRED


class TestDecode:
    """A token of one kind is never accepted as another kind (RFC 8725 section 3.12)."""

    def test_refresh_token_is_rejected_as_access_token(self, access, refresh):
        assert access.code(refresh.token()) is TokenErrorCode.TYP

    def test_access_token_is_rejected_as_refresh_token(self, access, refresh):
        assert refresh.code(access.token()) is TokenErrorCode.TYP

    def test_token_with_typ_of_the_other_token_type_is_rejected(self, access, refresh):
        # The two kinds use different secrets with different key ids.
        access_token = compact(
            {**refresh.header(), "typ": "at+jwt"}, access_members(), refresh.sign
        )
        assert access.code(access_token) is TokenErrorCode.KEY
        refresh_token = compact(
            {**access.header(), "typ": "rt+jwt"}, refresh_members(), access.sign
        )
        assert refresh.code(refresh_token) is TokenErrorCode.KEY

    def test_token_with_kid_of_the_other_token_type_is_rejected(self, access, refresh):
        access_token = compact(access.header(), access_members(), refresh.sign)
        assert access.code(access_token) is TokenErrorCode.SIGNATURE
        refresh_token = compact(refresh.header(), refresh_members(), access.sign)
        assert refresh.code(refresh_token) is TokenErrorCode.SIGNATURE

    def test_token_with_claims_of_other_token_type_is_rejected(self, access, refresh):
        assert access.code(access.token(payload=refresh_members())) is TokenErrorCode.CLAIMS
        assert refresh.code(refresh.token(payload=access_members())) is TokenErrorCode.CLAIMS

    @pytest.mark.parametrize("typ", ["JWT", "jwt", "JOSE", "JOSE+JSON", "logout+jwt", "id_token"])
    def test_token_with_unknown_typ_is_rejected(self, access, refresh, typ):
        assert access.code(access.with_header(typ=typ)) is TokenErrorCode.TYP
        assert refresh.code(refresh.with_header(typ=typ)) is TokenErrorCode.TYP

    def test_id_token_is_rejected_as_access_token(self, access):
        # OpenID Connect Core section 2: an id token is for the client and has no ``typ``.
        members = {"iss": "django-tokenauth", "aud": "notes", "sub": "1", "nonce": "n"}
        members |= {"iat": NOW, "exp": NOW + 300}
        token = access.token(access.header(typ=MISSING), members)
        assert access.code(token) is TokenErrorCode.TYP

    def test_token_signed_with_raw_secret_key_is_rejected(self, access, refresh):
        for server, members in ((access, access_members()), (refresh, refresh_members())):
            for secret in (SECRET_KEY, SECRET_KEY.hex().encode()):
                token = compact(server.header(), members, hmac_with(secret))
                assert server.code(token) is TokenErrorCode.SIGNATURE
