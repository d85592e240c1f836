"""What an access token says is believed only in the one form that we issue.

``test_claims`` holds every odd value against each claim; here they go through the whole decoder,
under a good signature.
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


class TestTimes:
    @pytest.mark.attack(72)
    @pytest.mark.parametrize(
        ("exp", "fault"),
        [
            (NOW - 1, TokenErrorCode.EXPIRED),
            (NOW, TokenErrorCode.EXPIRED),
            (NOW + 1, None),
        ],
    )
    def test_it_is_good_until_the_second_before_exp(self, access, exp, fault):
        token = access.with_claims(iat=NOW - 100, exp=exp)
        if fault is None:
            assert access.decode(token).expires_at == exp
        else:
            assert access.code(token) is fault

    def test_fractions_of_the_clock_count(self, access):
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
    def test_a_time_is_a_whole_number(self, access, name, value):
        assert access.code(access.with_claims(**{name: value})) is TokenErrorCode.CLAIMS

    @pytest.mark.attack(78)
    @pytest.mark.parametrize("name", ["exp", "iat", "nbf"])
    @pytest.mark.parametrize("value", ["NaN", "Infinity", "-Infinity", "1e400", "1" * 5000])
    def test_what_is_no_number_is_no_json(self, access, name, value):
        payload = json.dumps(access.members(**{name: "@"})).replace('"@"', value)
        assert access.code(access.token(payload=payload.encode())) is TokenErrorCode.MALFORMED

    @pytest.mark.attack(80, 81, 82)
    @pytest.mark.parametrize(
        ("changes", "fault"),
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
    def test_it_begins_ends_and_lasts_as_we_issue_it(self, access, changes, fault):
        assert access.code(access.with_claims(**changes)) is fault

    @pytest.mark.parametrize(
        "changes", [{"nbf": NOW}, {"nbf": 0}, {"iat": NOW - 299, "exp": NOW + 1}]
    )
    def test_what_has_begun_is_good(self, access, changes):
        assert access.decode(access.with_claims(**changes)).subject == "1"

    def test_a_lifetime_of_a_part_of_a_second_is_rounded_up(self):
        access = Access(ACCESS_TOKEN_LIFETIME=timedelta(seconds=1.5))
        assert access.decode(access.with_claims(exp=NOW + 2)).expires_at == NOW + 2
        assert access.code(access.with_claims(exp=NOW + 3)) is TokenErrorCode.CLAIMS

    @pytest.mark.parametrize(
        ("changes", "now", "fault"),
        [
            ({}, NOW + 359.9, None),
            ({}, NOW + 360, TokenErrorCode.EXPIRED),
            ({}, NOW - 60, None),
            ({}, NOW - 60.1, TokenErrorCode.NOT_YET_VALID),
            ({"nbf": NOW + 30}, NOW - 30, None),
            ({"nbf": NOW + 30}, NOW - 30.1, TokenErrorCode.NOT_YET_VALID),
            # It allows for clocks, not for longer lives.
            ({"exp": NOW + 301}, NOW, TokenErrorCode.CLAIMS),
        ],
    )
    def test_the_leeway_is_that_of_the_settings(self, changes, now, fault):
        access = Access(LEEWAY=timedelta(seconds=60))
        token = access.with_claims(**changes)
        if fault is None:
            assert access.decode(token, now=now).subject == "1"
        else:
            assert access.code(token, now=now) is fault


URL = "https://auth.example.com"


class TestIssuer:
    @pytest.mark.attack(85)
    @pytest.mark.parametrize(
        "iss",
        [
            *(f"{URL}/", f"{URL}.attacker.example.com", URL[:-1], "auth.example.com", URL.upper()),
            *(f" {URL}", f"{URL} ", "http://auth.example.com", "https://Auth.example.com", "*"),
            *("https:", "e", "https://auth.example.co\u043c"),
        ],
    )
    def test_another_one_is_refused(self, iss):
        access = Access(ISSUER=URL, AUDIENCE="notes")
        assert access.code(access.with_claims(iss=iss, aud="notes")) is TokenErrorCode.ISSUER

    @pytest.mark.attack(85)
    @pytest.mark.parametrize("iss", [MISSING, None, "", 1, True, [URL], {URL: 1}, f"{URL}\x00"])
    def test_what_is_no_name_is_refused(self, iss):
        access = Access(ISSUER=URL, AUDIENCE="notes")
        assert access.code(access.with_claims(iss=iss, aud="notes")) is TokenErrorCode.CLAIMS

    def test_the_right_one_is_accepted(self):
        access = Access(ISSUER=URL, AUDIENCE="notes")
        assert access.decode(access.with_claims(iss=URL, aud="notes")).issuer == URL


class TestAudience:
    @pytest.mark.attack(86)
    @pytest.mark.parametrize(
        "aud",
        [
            *("other", "api2", "ap", "a", "API", "api ", " api", "api,other", "api other"),
            *(["other"], ["other", "api2"], ["API"], ["a", "p", "i"]),
        ],
    )
    def test_a_token_for_others_is_refused(self, aud):
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
    def test_what_is_neither_a_name_nor_names_is_refused(self, aud):
        access = Access(AUDIENCE="api")
        assert access.code(access.with_claims(aud=aud)) is TokenErrorCode.CLAIMS

    @pytest.mark.parametrize("aud", ["api", ["api"], ["other", "api"], ["api", "api"]])
    def test_a_token_for_us_is_accepted(self, aud):
        access = Access(AUDIENCE="api")
        assert "api" in access.decode(access.with_claims(aud=aud)).audience


class TestIdentity:
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
    def test_a_name_is_a_short_text_that_can_be_shown(self, access, name, value):
        assert access.code(access.with_claims(**{name: value})) is TokenErrorCode.CLAIMS

    @pytest.mark.attack(89)
    @pytest.mark.parametrize("name", ["sub", "client_id", "jti"])
    def test_half_a_surrogate_pair_is_no_json(self, access, name):
        assert access.code(access.with_claims(**{name: "\ud800"})) is TokenErrorCode.MALFORMED

    @pytest.mark.parametrize("sub", [" 1 ", "01", "1.0", "0_1", "\u0661", "true"])
    def test_a_subject_is_handed_on_as_it_is(self, access, sub):
        # Whether it is exactly the key of a user is decided where users are known.
        assert access.decode(access.with_claims(sub=sub)).subject == sub

    @pytest.mark.parametrize(
        "sid",
        [
            *(None, "", 0, 1, True, [], [SESSION], {}, SESSION.upper(), SESSION.replace("-", "")),
            *(f"{SESSION}0", SESSION[1:], f"{{{SESSION}}}", "\x00", "' OR 1=1 --", "a" * 4000),
        ],
        ids=ascii,
    )
    def test_a_session_is_a_uuid(self, access, sid):
        assert access.code(access.with_claims(sid=sid)) is TokenErrorCode.CLAIMS

    @pytest.mark.attack(115)
    @pytest.mark.parametrize("scope", [None, "", " ", 1, True, [], ["notes:read"], {}])
    def test_a_scope_is_a_text(self, access, scope):
        assert access.code(access.with_claims(scope=scope)) is TokenErrorCode.CLAIMS

    @pytest.mark.attack(115)
    @pytest.mark.parametrize(
        "scope", ["a  b", " a", "a ", "a\tb", "a\nb", 'a"b', "a\\b", "a\u00a0b", "쓰기"]
    )
    def test_a_scope_is_names_parted_by_one_blank(self, access, scope):
        assert access.code(access.with_claims(scope=scope)) is TokenErrorCode.CLAIMS

    @pytest.mark.parametrize("amr", [None, "", "pwd", [], [None], [1], [""], [["pwd"]], {"pwd": 1}])
    def test_the_methods_are_a_list_of_texts(self, access, amr):
        assert access.code(access.with_claims(amr=amr)) is TokenErrorCode.CLAIMS

    def test_the_issuer_is_looked_at_before_the_audience_and_both_before_the_time(self, access):
        # One reason is told, so it is always the same one.
        token = access.with_claims(iss="another", aud="another", exp=NOW - 1)
        assert access.code(token) is TokenErrorCode.ISSUER
        assert (
            access.code(access.with_claims(aud="another", exp=NOW - 1)) is TokenErrorCode.AUDIENCE
        )
        assert access.code(access.with_claims(exp=NOW - 1)) is TokenErrorCode.CLAIMS
