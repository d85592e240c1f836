"""The two tokens: what we make others read, and neither is taken for the other or anything else."""

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
    def test_one_that_was_made_by_hand_is_read(self, access):
        claims = access.decode(access.token())
        assert claims == Claims.from_payload(access_members())

    @pytest.mark.standard("rfc9068-2.1-1", "rfc9068-2.1-5", "rfc9068-2.1-6")
    def test_its_own_are_read_and_look_like_rfc_9068(self, access):
        claims = Claims.from_payload(access_members(staff=True))
        token = access.tokens.encode(claims)
        assert part(token, 0) == {"alg": "HS256", "kid": access.kid, "typ": "at+jwt"}
        assert part(token, 1) == access_members(staff=True)
        assert access.decode(token) == claims

    @pytest.mark.standard("rfc6749-10.10-2", "rfc9068-2.1-4")
    @pytest.mark.parametrize("algorithm", ["HS256", "HS384", "HS512", *ALGORITHMS])
    @time_machine.travel(NOW, tick=False)
    def test_pyjwt_reads_what_we_sign_and_we_read_what_pyjwt_signs(self, algorithm):
        private, public = SIGNING_KEY, SIGNING_KEY
        if algorithm in ALGORITHMS:
            private, public = (pem(private_key(algorithm)) for pem in (private_pem, public_pem))
        tokens = access_tokens(ALGORITHM=algorithm, SIGNING_KEY=private)
        ours = tokens.encode(Claims.from_payload(access_members()))
        read = jwt.decode(ours, public, [algorithm], audience="django-tokenauth")
        assert read == access_members()
        header = {"typ": "at+jwt", "kid": part(ours, 0)["kid"]}
        theirs = jwt.encode(access_members(), private, algorithm, headers=header)
        assert tokens.decode(theirs, now=NOW).to_payload() == access_members()

    def test_each_key_of_the_set_verifies_under_its_kid(self):
        tokens = access_tokens(secret_keys=(b"new", b"old"))
        older = access_tokens(secret_keys=(b"old",))
        token = older.encode(Claims.from_payload(access_members()))
        assert tokens.decode(token, now=NOW).subject == "1"
        with pytest.raises(InvalidToken, match=r"\Akey\Z"):
            older.decode(tokens.encode(Claims.from_payload(access_members())), now=NOW)

    def test_without_a_signing_key_it_verifies_and_does_not_sign(self):
        key = private_key("EdDSA")
        signing = access_tokens(ALGORITHM="EdDSA", SIGNING_KEY=private_pem(key))
        verifying = access_tokens(ALGORITHM="EdDSA", VERIFYING_KEYS=[public_pem(key)])
        claims = Claims.from_payload(access_members())
        assert verifying.decode(signing.encode(claims), now=NOW) == claims
        with pytest.raises(ImproperlyConfigured, match="no key that signs now"):
            verifying.encode(claims)

    @pytest.mark.parametrize("value", [float("nan"), float("inf")])
    def test_what_json_cannot_say_is_not_signed(self, access, value):
        claims = Claims.from_payload(access_members())
        with pytest.raises(ValueError, match="JSON"):
            access.tokens.encode(claims._replace(extra={"a": value}))

    @pytest.mark.parametrize("typ", ["rt+jwt", "JWT", "at+jwt ", ""])
    def test_the_type_of_another_token_is_refused_under_the_right_key(self, access, typ):
        """Spelled as we spell headers, which are known to the letter."""
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
    def test_a_header_may_be_spelled_in_other_ways_than_ours(self, access, spelling):
        token = access.token(header=spelling.format(kid=access.kid).encode())
        assert access.decode(token) == Claims.from_payload(access_members())


class TestRefreshTokens:
    def test_one_that_was_made_by_hand_is_read(self, refresh):
        claims = refresh.decode(refresh.token())
        assert claims == RefreshClaims.from_payload(refresh_members())

    @pytest.mark.parametrize("typ", ["at+jwt", "JWT", ""])
    def test_the_type_of_another_token_is_refused_under_the_right_key(self, refresh, typ):
        assert refresh.code(refresh.with_header(typ=typ)) is TokenErrorCode.TYP

    def test_equal_claims_give_the_same_token_to_the_letter(self, refresh):
        claims = RefreshClaims.from_payload(refresh_members())
        token = refresh.tokens.encode(claims)
        assert token == refresh.tokens.encode(dataclasses.replace(claims))
        assert token == compact(
            f'{{"alg":"HS256","kid":"{refresh.kid}","typ":"rt+jwt"}}'.encode(),
            json.dumps(refresh_members(), separators=(",", ":")).encode(),
            hmac_with(derived_secret(SECRET_KEY, "refresh token")),
        )
        assert token != refresh.tokens.encode(dataclasses.replace(claims, generation=4))

    def test_a_stateless_one_carries_the_sign_in_there_and_back(self, refresh):
        members = refresh_members(auth_time=NOW, client_id="notes", scope="a b", amr=["otp"])
        claims = RefreshClaims.from_payload(members)
        assert refresh.decode(refresh.tokens.encode(claims)) == claims

    def test_a_fallback_verifies_and_does_not_sign(self):
        new, old, both = (
            read_settings(secret_keys=keys) for keys in ((b"new",), (b"old",), (b"new", b"old"))
        )
        claims = RefreshClaims.from_payload(refresh_members())
        tokens = RefreshTokens(both, refresh_keys(both))
        earlier = RefreshTokens(old, refresh_keys(old)).encode(claims)
        assert tokens.decode(earlier, now=NOW) == claims
        later = RefreshTokens(new, refresh_keys(new))
        assert later.decode(tokens.encode(claims), now=NOW) == claims
        with pytest.raises(InvalidToken, match=r"\Akey\Z"):
            later.decode(earlier, now=NOW)

    def test_another_issuer_is_refused(self, refresh):
        settings = read_settings(ISSUER="another")
        with pytest.raises(InvalidToken) as caught:
            RefreshTokens(settings, refresh_keys(settings)).decode(refresh.token(), now=NOW)
        assert caught.value.code is TokenErrorCode.ISSUER

    def test_a_clock_behind_that_of_its_maker_signs_nobody_out(self, refresh):
        assert refresh.decode(refresh.with_claims(iat=NOW + 3600), now=NOW).issued_at == NOW + 3600

    def test_it_may_live_longer_than_the_settings_now_say(self):
        refresh = Refresh(REFRESH_TOKEN_LIFETIME=timedelta(days=1))
        assert refresh.decode(refresh.token(), now=NOW + 13 * 86400).generation == 3

    @pytest.mark.parametrize(
        ("changes", "fault"),
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
    def test_what_it_says_is_checked(self, refresh, changes, fault):
        assert refresh.code(refresh.with_claims(**changes)) is fault

    def test_the_leeway_is_that_of_the_settings(self):
        refresh = Refresh(LEEWAY=timedelta(seconds=5))
        token = refresh.with_claims(iat=NOW - 14 * 86400 + 5, exp=NOW + 5)
        assert refresh.decode(token, now=NOW + 9.9).generation == 3
        assert refresh.code(token, now=NOW + 10) is TokenErrorCode.EXPIRED


class TestConfusion:
    """A token of one kind is never taken for one of another (RFC 8725 section 3.12)."""

    def test_a_refresh_token_is_no_access_token(self, access, refresh):
        assert access.code(refresh.token()) is TokenErrorCode.TYP

    def test_an_access_token_is_no_refresh_token(self, access, refresh):
        assert refresh.code(access.token()) is TokenErrorCode.TYP

    def test_not_even_under_the_name_of_the_other_kind(self, access, refresh):
        # Their secrets and the names of these differ.
        sheep = compact({**refresh.header(), "typ": "at+jwt"}, access_members(), refresh.sign)
        assert access.code(sheep) is TokenErrorCode.KEY
        wolf = compact({**access.header(), "typ": "rt+jwt"}, refresh_members(), access.sign)
        assert refresh.code(wolf) is TokenErrorCode.KEY

    def test_nor_under_the_name_of_its_key(self, access, refresh):
        sheep = compact(access.header(), access_members(), refresh.sign)
        assert access.code(sheep) is TokenErrorCode.SIGNATURE
        wolf = compact(refresh.header(), refresh_members(), access.sign)
        assert refresh.code(wolf) is TokenErrorCode.SIGNATURE

    def test_the_claims_of_one_are_not_those_of_the_other(self, access, refresh):
        assert access.code(access.token(payload=refresh_members())) is TokenErrorCode.CLAIMS
        assert refresh.code(refresh.token(payload=access_members())) is TokenErrorCode.CLAIMS

    @pytest.mark.parametrize("typ", ["JWT", "jwt", "JOSE", "JOSE+JSON", "logout+jwt", "id_token"])
    def test_a_token_of_the_same_key_for_something_else_is_refused(self, access, refresh, typ):
        assert access.code(access.with_header(typ=typ)) is TokenErrorCode.TYP
        assert refresh.code(refresh.with_header(typ=typ)) is TokenErrorCode.TYP

    def test_an_id_token_is_no_access_token(self, access):
        # OpenID Connect Core section 2: for the client, and without a type.
        members = {"iss": "django-tokenauth", "aud": "notes", "sub": "1", "nonce": "n"}
        members |= {"iat": NOW, "exp": NOW + 300}
        token = access.token(access.header(typ=MISSING), members)
        assert access.code(token) is TokenErrorCode.TYP

    def test_what_is_signed_with_the_secret_key_itself_is_neither(self, access, refresh):
        for server, members in ((access, access_members()), (refresh, refresh_members())):
            for secret in (SECRET_KEY, SECRET_KEY.hex().encode()):
                token = compact(server.header(), members, hmac_with(secret))
                assert server.code(token) is TokenErrorCode.SIGNATURE
