"""The compact form: one spelling of each token, and a header without surprises."""

from __future__ import annotations

import string
from types import MappingProxyType

import pytest

from django_tokenauth import _base64url as base64url
from django_tokenauth.errors import InvalidToken, TokenErrorCode
from django_tokenauth.keys.loading import load_key
from django_tokenauth.keys.schedule import KeySet
from django_tokenauth.tokens import jws
from tests.support.jws_reading import parsed, verified
from tests.support.raw_tokens import SIGNING_KEY, compact, hmac_with, unbase64url

KEY = load_key(SIGNING_KEY, "HS256")
KEYS = KeySet(KEY, MappingProxyType({KEY.kid: KEY}))
HEADER = {"alg": "HS256", "kid": KEY.kid}
ALPHABET = f"{string.ascii_uppercase}{string.ascii_lowercase}{string.digits}-_"
GOOD = compact(HEADER, b"any payload", hmac_with(SIGNING_KEY))


def parse_fault(token):
    with pytest.raises(InvalidToken) as caught:
        parsed(token)
    return caught.value.code


def verify_fault(token):
    with pytest.raises(InvalidToken) as caught:
        verified(token, KEYS)
    return caught.value.code


class TestParse:
    def test_it_gives_the_parts(self):
        parts, header = parsed(GOOD)
        assert header == HEADER
        assert parts.header == GOOD.partition(".")[0].encode()
        assert parts.payload == b"any payload"
        assert parts.signing_input == GOOD.rpartition(".")[0].encode()
        assert parts.signature == unbase64url(GOOD.rpartition(".")[2])

    def test_it_verifies_nothing(self):
        parts, header = parsed("eyJhbGciOiJub25lIn0..")
        assert (header, parts.payload, parts.signature) == ({"alg": "none"}, b"", b"")

    @pytest.mark.attack(68)
    @pytest.mark.parametrize(
        "token",
        [
            *(
                "",
                ".",
                "..",
                "...",
                "." * 1000,
                "a",
                "e30",
                "e30.e30",
                "e30.e30.e30.e30",
                ".e30.e30",
            ),
            *(
                "e30.e30.e30.e30.e30",
                f"{GOOD}.",
                f".{GOOD}",
                GOOD.replace(".", ".."),
                GOOD.replace(".", ","),
            ),
            GOOD.replace(".", ":"),
            GOOD.rpartition(".")[0],
        ],
    )
    def test_three_segments_and_no_other_number(self, token):
        assert parse_fault(token) is TokenErrorCode.MALFORMED

    @pytest.mark.attack(66, 67)
    @pytest.mark.parametrize("place", [0, 10, GOOD.index("."), -44, -10, len(GOOD)])
    @pytest.mark.parametrize(
        "odd", [*' \t\r\n\x00\x0b=+/?!,;:~%"{}[]|\x7f', "\u00a0", "é", "\ufeff"]
    )
    def test_no_character_outside_the_alphabet(self, place, odd):
        assert parse_fault(GOOD[:place] + odd + GOOD[place:]) is TokenErrorCode.MALFORMED

    @pytest.mark.attack(65)
    @pytest.mark.parametrize("segment", range(3))
    @pytest.mark.parametrize("padding", ["=", "==", "===", "%3D"])
    def test_no_padding(self, segment, padding):
        segments = GOOD.split(".")
        segments[segment] += padding
        assert parse_fault(".".join(segments)) is TokenErrorCode.MALFORMED

    @pytest.mark.parametrize("segment", range(3))
    def test_no_segment_of_an_impossible_length(self, segment):
        segments = GOOD.split(".")
        segments[segment] = "A" * (len(segments[segment]) // 4 * 4 + 1)
        assert parse_fault(".".join(segments)) is TokenErrorCode.MALFORMED

    @pytest.mark.attack(64)
    @pytest.mark.parametrize(("data", "spellings"), [(b"a", 16), (b"ab", 4), (b"abc", 1)])
    @pytest.mark.parametrize("segment", [1, 2])
    def test_of_all_spellings_of_the_same_bytes_only_one(self, data, spellings, segment):
        segments = GOOD.split(".")
        right = base64url.encode(data).decode()
        same = [right[:-1] + last for last in ALPHABET if unbase64url(right[:-1] + last) == data]
        assert len(same) == spellings
        for spelling in same:
            segments[segment] = spelling
            token = ".".join(segments)
            if spelling == right:
                assert parsed(token)
            else:
                assert parse_fault(token) is TokenErrorCode.MALFORMED

    def test_every_byte_comes_through(self):
        for length in range(6):
            for byte in range(256):
                data = bytes([byte]) * length
                parts, _ = parsed(compact(HEADER, data, lambda _, data=data: data))
                assert (parts.payload, parts.signature) == (data, data)

    @pytest.mark.attack(62)
    def test_8192_bytes_and_not_one_more(self):
        room = 8192 - len(GOOD.rpartition(".")[0]) - 1
        longest = f"{GOOD.rpartition('.')[0]}.{'A' * (room // 4 * 4)}"
        assert parsed(longest)
        assert 8192 - len(longest) < 4
        assert parse_fault(f"{longest}AAAA") is TokenErrorCode.MALFORMED
        assert parse_fault("A" * 10_000_000) is TokenErrorCode.MALFORMED

    @pytest.mark.parametrize(
        "header",
        [
            *(b"", b"null", b"[]", b'"alg"', b"1", b"true", b"{", b"{}{}", b'{"alg":"HS256"}x'),
            b'{"alg":"none","alg":"HS256"}',
            b'{"alg":"HS256","kid":"a","kid":"b"}',
            b'{"alg":"HS256","\\u0061lg":"none"}',
            b'{"alg":"HS256","x":{"y":1,"y":2}}',
            b'{"alg":"HS256","x":NaN}',
            b'{"alg":"HS256","x":1e400}',
            b'{"alg":"HS256","x":' + b"[" * 17 + b"]" * 17 + b"}",
            b'{"alg":"HS256","x":' + b"1" * 5000 + b"}",
            '{"alg":"HS256"}'.encode("utf-16"),
            '{"alg":"HS256"}'.encode("utf-8-sig"),
            b'{"alg":"HS\xff256"}',
        ],
    )
    def test_the_header_is_strict_json_and_an_object(self, header):
        assert (
            parse_fault(compact(header, b"{}", hmac_with(SIGNING_KEY))) is TokenErrorCode.MALFORMED
        )

    @pytest.mark.parametrize("alg", [None, 0, 1, True, [], ["HS256"], {}, {"HS256": 1}])
    def test_an_alg_that_is_no_text_is_refused(self, alg):
        token = compact({**HEADER, "alg": alg}, b"{}", hmac_with(SIGNING_KEY))
        assert parse_fault(token) is TokenErrorCode.HEADER

    def test_an_alg_is_there(self):
        assert (
            parse_fault(compact({"kid": KEY.kid}, b"{}", hmac_with(SIGNING_KEY)))
            is TokenErrorCode.HEADER
        )

    @pytest.mark.parametrize("name", ["crit", "b64", "zip", "enc", "cty"])
    @pytest.mark.parametrize(
        "value", [None, True, False, 0, "", "JWT", "DEF", "exp", [], ["b64"], ["exp", "exp"], {}]
    )
    def test_what_changes_the_meaning_of_a_token_is_refused(self, name, value):
        token = compact({**HEADER, name: value}, b"{}", hmac_with(SIGNING_KEY))
        assert parse_fault(token) is TokenErrorCode.HEADER

    def test_crit_is_refused_with_what_it_names_too(self):
        header = {**HEADER, "crit": ["exp"], "exp": 1}
        assert parse_fault(compact(header, b"{}", hmac_with(SIGNING_KEY))) is TokenErrorCode.HEADER

    @pytest.mark.parametrize(
        "kid",
        [
            *(None, 0, 17, True, [], [KEY.kid], {}, "", "k" * 129, "k" * 5000),
            *("\x00", f"{KEY.kid}\n", "a\tb", "\x1b[31m", "a\r\nb", "열쇠", "\x7f"),
        ],
    )
    def test_an_odd_kid_is_refused(self, kid):
        token = compact({**HEADER, "kid": kid}, b"{}", hmac_with(SIGNING_KEY))
        assert parse_fault(token) is TokenErrorCode.HEADER

    def test_half_a_surrogate_pair_in_a_kid_is_no_json(self):
        token = compact({**HEADER, "kid": "\ud800"}, b"{}", hmac_with(SIGNING_KEY))
        assert parse_fault(token) is TokenErrorCode.MALFORMED


class TestVerify:
    def test_the_key_that_the_header_names_decides(self):
        assert verified(GOOD, KEYS).payload == b"any payload"

    @pytest.mark.parametrize(
        "kid",
        ["another", "k" * 128, "../../../../dev/null", "' OR 1=1 --", "http://169.254.169.254/"],
    )
    def test_an_unknown_kid_is_refused(self, kid):
        token = compact({**HEADER, "kid": kid}, b"{}", hmac_with(SIGNING_KEY))
        assert verify_fault(token) is TokenErrorCode.KEY

    @pytest.mark.attack(17)
    def test_a_token_without_a_kid_is_refused_even_if_there_is_one_key(self):
        assert (
            verify_fault(compact({"alg": "HS256"}, b"{}", hmac_with(SIGNING_KEY)))
            is TokenErrorCode.KEY
        )

    @pytest.mark.parametrize("alg", ["HS512", "hs256", "HS256 ", "none", "", "RS256"])
    def test_the_algorithm_is_that_of_the_key(self, alg):
        token = compact({**HEADER, "alg": alg}, b"{}", hmac_with(SIGNING_KEY))
        assert verify_fault(token) is TokenErrorCode.KEY

    def test_another_signature_is_refused(self):
        other = compact(HEADER, b"another payload", hmac_with(SIGNING_KEY))
        swapped = f"{GOOD.rpartition('.')[0]}.{other.rpartition('.')[2]}"
        assert verify_fault(swapped) is TokenErrorCode.SIGNATURE


class TestEncode:
    def test_it_makes_what_was_signed_by_hand(self):
        header = base64url.encode(b'{"alg":"HS256","kid":"%b"}' % KEY.kid.encode())
        assert jws.sign(header, b"any payload", KEY) == GOOD
