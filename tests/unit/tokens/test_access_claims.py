"""Claims of access tokens, checked by the whole decoder under a valid signature.

``test_claims`` tests the values of each claim without the decoder.
"""

from __future__ import annotations

import json
from datetime import timedelta

import pytest

from django_tokenauth.errors import TokenErrorCode
from tests.support.raw_tokens import MISSING, NOW, SESSION, Access


@pytest.fixture
def access():
    return Access()


class TestTimeClaims:
    @pytest.mark.attack(72)
    @pytest.mark.parametrize(
        ("exp", "code"),
        [
            (NOW - 1, TokenErrorCode.EXPIRED),
            (NOW, TokenErrorCode.EXPIRED),
            (NOW + 1, None),
        ],
    )
    def test_access_token_is_rejected_at_and_after_exp(self, access, exp, code):
        token = access.with_claims(iat=NOW - 100, exp=exp)
        if code is None:
            assert access.decode(token).expires_at == exp
        else:
            assert access.code(token) is code

    def test_access_token_expiry_counts_fractions_of_seconds(self, access):
        token = access.token()
        assert access.decode(token, now=NOW + 299.9999).subject == "1"
        assert access.code(token, now=NOW + 300.0) is TokenErrorCode.EXPIRED

    @pytest.mark.parametrize("name", ["exp", "iat", "nbf", "auth_time"])
    @pytest.mark.parametrize(
        "value",
        [
            *(None, True, False, "", [], {}, [NOW + 60], {"exp": NOW}),
            *(str(NOW + 60), f" {NOW + 60} ", "9_999_999_999", "\u0661\u0667\u0660"),
            *(float(NOW + 60), NOW + 60.5, 1e10, 1e308, -0.0, -1, -NOW, 10**12, 10**400),
        ],
        ids=lambda value: ascii(value)[:24],
    )
    def test_access_token_with_invalid_time_is_rejected(self, access, name, value):
        assert access.code(access.with_claims(**{name: value})) is TokenErrorCode.CLAIMS

    @pytest.mark.attack(78)
    @pytest.mark.parametrize("name", ["exp", "iat", "nbf"])
    @pytest.mark.parametrize("value", ["NaN", "Infinity", "-Infinity", "1e400", "1" * 5000])
    def test_access_token_with_nan_or_huge_time_is_malformed(self, access, name, value):
        payload = json.dumps(access.members(**{name: "@"})).replace('"@"', value)
        assert access.code(access.token(payload=payload.encode())) is TokenErrorCode.MALFORMED

    @pytest.mark.attack(80, 81, 82)
    @pytest.mark.parametrize(
        ("changes", "code"),
        [
            ({"iat": NOW + 1, "exp": NOW + 60}, TokenErrorCode.NOT_YET_VALID),
            ({"iat": NOW + 10**6, "exp": NOW + 10**6 + 60}, TokenErrorCode.NOT_YET_VALID),
            ({"nbf": NOW + 1}, TokenErrorCode.NOT_YET_VALID),
            ({"nbf": NOW + 299}, TokenErrorCode.NOT_YET_VALID),
            ({"nbf": NOW + 300}, TokenErrorCode.CLAIMS),
            ({"nbf": NOW + 10**6}, TokenErrorCode.CLAIMS),
            ({"iat": NOW, "exp": NOW}, TokenErrorCode.CLAIMS),
            ({"iat": NOW, "exp": NOW - 1}, TokenErrorCode.CLAIMS),
            ({"iat": NOW + 60, "exp": NOW + 30}, TokenErrorCode.CLAIMS),
            ({"exp": NOW + 301}, TokenErrorCode.CLAIMS),
            ({"exp": NOW + 10 * 365 * 86400}, TokenErrorCode.CLAIMS),
            ({"exp": 253402300799}, TokenErrorCode.CLAIMS),
            ({"iat": 1}, TokenErrorCode.CLAIMS),
            ({"iat": 0, "exp": 300}, TokenErrorCode.EXPIRED),
            ({"iat": MISSING}, TokenErrorCode.CLAIMS),
            ({"exp": MISSING}, TokenErrorCode.CLAIMS),
        ],
    )
    def test_access_token_with_wrong_validity_period_is_rejected(self, access, changes, code):
        assert access.code(access.with_claims(**changes)) is code

    @pytest.mark.parametrize(
        "changes", [{"nbf": NOW}, {"nbf": 0}, {"iat": NOW - 299, "exp": NOW + 1}]
    )
    def test_access_token_after_iat_and_nbf_is_accepted(self, access, changes):
        assert access.decode(access.with_claims(**changes)).subject == "1"

    def test_decoder_rounds_up_a_fractional_access_token_lifetime(self):
        access = Access(ACCESS_TOKEN_LIFETIME=timedelta(seconds=1.5))
        assert access.decode(access.with_claims(exp=NOW + 2)).expires_at == NOW + 2
        assert access.code(access.with_claims(exp=NOW + 3)) is TokenErrorCode.CLAIMS

    @pytest.mark.parametrize(
        ("changes", "now", "code"),
        [
            ({}, NOW + 359.9, None),
            ({}, NOW + 360, TokenErrorCode.EXPIRED),
            ({}, NOW - 60, None),
            ({}, NOW - 60.1, TokenErrorCode.NOT_YET_VALID),
            ({"nbf": NOW + 30}, NOW - 30, None),
            ({"nbf": NOW + 30}, NOW - 30.1, TokenErrorCode.NOT_YET_VALID),
            # LEEWAY is for clock skew and does not permit a longer lifetime.
            ({"exp": NOW + 301}, NOW, TokenErrorCode.CLAIMS),
        ],
    )
    def test_access_token_leeway_applies_to_exp_iat_and_nbf(self, changes, now, code):
        access = Access(LEEWAY=timedelta(seconds=60))
        token = access.with_claims(**changes)
        if code is None:
            assert access.decode(token, now=now).subject == "1"
        else:
            assert access.code(token, now=now) is code


URL = "https://auth.example.com"


class TestIssuerClaim:
    @pytest.mark.attack(85)
    @pytest.mark.parametrize(
        "iss",
        [
            *(f"{URL}/", f"{URL}.attacker.example.com", URL[:-1], "auth.example.com", URL.upper()),
            *(f" {URL}", f"{URL} ", "http://auth.example.com", "https://Auth.example.com", "*"),
            *("https:", "e", "https://auth.example.co\u043c"),
        ],
    )
    def test_access_token_of_similar_issuer_is_rejected(self, iss):
        access = Access(ISSUER=URL, AUDIENCE="notes")
        assert access.code(access.with_claims(iss=iss, aud="notes")) is TokenErrorCode.ISSUER

    @pytest.mark.attack(85)
    @pytest.mark.parametrize("iss", [MISSING, None, "", 1, True, [URL], {URL: 1}, f"{URL}\x00"])
    def test_access_token_with_invalid_issuer_is_rejected(self, iss):
        access = Access(ISSUER=URL, AUDIENCE="notes")
        assert access.code(access.with_claims(iss=iss, aud="notes")) is TokenErrorCode.CLAIMS

    def test_access_token_of_configured_issuer_is_accepted(self):
        access = Access(ISSUER=URL, AUDIENCE="notes")
        assert access.decode(access.with_claims(iss=URL, aud="notes")).issuer == URL


class TestAudienceClaim:
    @pytest.mark.attack(86)
    @pytest.mark.parametrize(
        "aud",
        [
            *("other", "api2", "ap", "a", "API", "api ", " api", "api,other", "api other"),
            *(["other"], ["other", "api2"], ["API"], ["a", "p", "i"]),
        ],
    )
    def test_access_token_for_other_audience_is_rejected(self, aud):
        access = Access(AUDIENCE="api")
        assert access.code(access.with_claims(aud=aud)) is TokenErrorCode.AUDIENCE

    @pytest.mark.attack(86)
    @pytest.mark.parametrize(
        "aud",
        [
            *(MISSING, None, "", 0, 1, True, [], {}, {"api": 1}, [["api"]], ["api", 1]),
            *(["api", None], ["api", ""], ["api", ["api"]], ["api", "\x00"]),
        ],
    )
    def test_access_token_with_invalid_audience_is_rejected(self, aud):
        access = Access(AUDIENCE="api")
        assert access.code(access.with_claims(aud=aud)) is TokenErrorCode.CLAIMS

    @pytest.mark.parametrize("aud", ["api", ["api"], ["other", "api"], ["api", "api"]])
    def test_access_token_for_configured_audience_is_accepted(self, aud):
        access = Access(AUDIENCE="api")
        assert "api" in access.decode(access.with_claims(aud=aud)).audience


class TestIdentityClaims:
    @pytest.mark.attack(88, 89, 93)
    @pytest.mark.parametrize("name", ["sub", "client_id", "jti"])
    @pytest.mark.parametrize(
        "value",
        [
            *(MISSING, None, "", 0, 1, 1.0, True, False, [], ["1"], {}, {"id": 1}),
            *("\x00", "1\x00", "1\n", "\x1b[31m", "\u202e1", "a" * 256, "a" * 4000),
        ],
        ids=ascii,
    )
    def test_access_token_with_invalid_sub_client_id_jti_is_rejected(self, access, name, value):
        assert access.code(access.with_claims(**{name: value})) is TokenErrorCode.CLAIMS

    @pytest.mark.attack(89)
    @pytest.mark.parametrize("name", ["sub", "client_id", "jti"])
    def test_access_token_with_lone_surrogate_is_malformed(self, access, name):
        assert access.code(access.with_claims(**{name: "\ud800"})) is TokenErrorCode.MALFORMED

    @pytest.mark.parametrize("sub", [" 1 ", "01", "1.0", "0_1", "\u0661", "true"])
    def test_access_token_decode_does_not_normalize_the_subject(self, access, sub):
        # The services compare it with the user's primary key.
        assert access.decode(access.with_claims(sub=sub)).subject == sub

    @pytest.mark.parametrize(
        "sid",
        [
            *(None, "", 0, 1, True, [], [SESSION], {}, SESSION.upper(), SESSION.replace("-", "")),
            *(f"{SESSION}0", SESSION[1:], f"{{{SESSION}}}", "\x00", "' OR 1=1 --", "a" * 4000),
        ],
        ids=ascii,
    )
    def test_access_token_with_invalid_session_id_is_rejected(self, access, sid):
        assert access.code(access.with_claims(sid=sid)) is TokenErrorCode.CLAIMS

    @pytest.mark.attack(115)
    @pytest.mark.parametrize("scope", [None, "", " ", 1, True, [], ["notes:read"], {}])
    def test_access_token_with_non_string_scope_is_rejected(self, access, scope):
        assert access.code(access.with_claims(scope=scope)) is TokenErrorCode.CLAIMS

    @pytest.mark.attack(115)
    @pytest.mark.parametrize(
        "scope", ["a  b", " a", "a ", "a\tb", "a\nb", 'a"b', "a\\b", "a\u00a0b", "쓰기"]
    )
    def test_access_token_with_malformed_scope_is_rejected(self, access, scope):
        assert access.code(access.with_claims(scope=scope)) is TokenErrorCode.CLAIMS

    @pytest.mark.parametrize("amr", [None, "", "pwd", [], [None], [1], [""], [["pwd"]], {"pwd": 1}])
    def test_access_token_with_invalid_amr_is_rejected(self, access, amr):
        assert access.code(access.with_claims(amr=amr)) is TokenErrorCode.CLAIMS

    @pytest.mark.parametrize("acr", [None, "", 2, True, ["mfa"], "mfa\n", "a" * 256, {"a": 1}])
    def test_access_token_with_invalid_acr_is_rejected(self, access, acr):
        assert access.code(access.with_claims(acr=acr)) is TokenErrorCode.CLAIMS

    def test_access_token_error_order_is_issuer_audience_times(self, access):
        # The error has one code, so the order of the checks is fixed.
        token = access.with_claims(iss="another", aud="another", exp=NOW - 1)
        assert access.code(token) is TokenErrorCode.ISSUER
        assert (
            access.code(access.with_claims(aud="another", exp=NOW - 1)) is TokenErrorCode.AUDIENCE
        )
        assert access.code(access.with_claims(exp=NOW - 1)) is TokenErrorCode.CLAIMS
