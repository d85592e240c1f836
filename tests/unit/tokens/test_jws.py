"""Compact JWS: one permitted encoding of each token, and permitted header members."""

from __future__ import annotations

import string
from types import MappingProxyType

import pytest

from django_tokenauth import _base64url as base64url
from django_tokenauth.conf.settings import UnusableSettings
from django_tokenauth.errors import InvalidToken, TokenErrorCode
from django_tokenauth.keys.loading import load_key
from django_tokenauth.keys.schedule import KeySet
from django_tokenauth.tokens import jws
from tests.support.jws_reading import parse_token, verify_token
from tests.support.raw_tokens import SIGNING_KEY, compact, hmac_with, unbase64url

KEY = load_key(SIGNING_KEY, "HS256")
KEYS = KeySet(KEY, MappingProxyType({KEY.kid: KEY}))
HEADER = {"alg": "HS256", "kid": KEY.kid}
ALPHABET = f"{string.ascii_uppercase}{string.ascii_lowercase}{string.digits}-_"
TOKEN = compact(HEADER, b"any payload", hmac_with(SIGNING_KEY))


def parse_error(token):
    with pytest.raises(InvalidToken) as caught:
        parse_token(token)
    return caught.value.code


def verify_error(token):
    with pytest.raises(InvalidToken) as caught:
        verify_token(token, KEYS)
    return caught.value.code


class TestParse:
    def test_parse_token_returns_header_payload_and_signature(self):
        parts, header = parse_token(TOKEN)
        assert header == HEADER
        assert parts.header == TOKEN.partition(".")[0].encode()
        assert parts.payload == b"any payload"
        assert parts.signing_input == TOKEN.rpartition(".")[0].encode()
        assert parts.signature == unbase64url(TOKEN.rpartition(".")[2])

    def test_parse_token_does_not_verify_the_signature(self):
        parts, header = parse_token("eyJhbGciOiJub25lIn0..")
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
                f"{TOKEN}.",
                f".{TOKEN}",
                TOKEN.replace(".", ".."),
                TOKEN.replace(".", ","),
            ),
            TOKEN.replace(".", ":"),
            TOKEN.rpartition(".")[0],
        ],
    )
    def test_parse_token_without_three_valid_segments_is_rejected(self, token):
        assert parse_error(token) is TokenErrorCode.MALFORMED

    @pytest.mark.attack(66, 67)
    @pytest.mark.parametrize("position", [0, 10, TOKEN.index("."), -44, -10, len(TOKEN)])
    @pytest.mark.parametrize(
        "character", [*' \t\r\n\x00\x0b=+/?!,;:~%"{}[]|\x7f', "\u00a0", "é", "\ufeff"]
    )
    def test_parse_token_rejects_character_outside_base64url(self, position, character):
        assert (
            parse_error(TOKEN[:position] + character + TOKEN[position:]) is TokenErrorCode.MALFORMED
        )

    @pytest.mark.attack(65)
    @pytest.mark.parametrize("segment", range(3))
    @pytest.mark.parametrize("padding", ["=", "==", "===", "%3D"])
    def test_parse_token_rejects_base64_padding(self, segment, padding):
        segments = TOKEN.split(".")
        segments[segment] += padding
        assert parse_error(".".join(segments)) is TokenErrorCode.MALFORMED

    @pytest.mark.parametrize("segment", range(3))
    def test_parse_token_rejects_impossible_segment_length(self, segment):
        segments = TOKEN.split(".")
        segments[segment] = "A" * (len(segments[segment]) // 4 * 4 + 1)
        assert parse_error(".".join(segments)) is TokenErrorCode.MALFORMED

    @pytest.mark.attack(64)
    @pytest.mark.parametrize(("data", "spellings"), [(b"a", 16), (b"ab", 4), (b"abc", 1)])
    @pytest.mark.parametrize("segment", [1, 2])
    def test_parse_token_accepts_only_canonical_base64url(self, data, spellings, segment):
        segments = TOKEN.split(".")
        canonical = base64url.encode(data).decode()
        equivalent = [
            canonical[:-1] + last for last in ALPHABET if unbase64url(canonical[:-1] + last) == data
        ]
        assert len(equivalent) == spellings
        for spelling in equivalent:
            segments[segment] = spelling
            token = ".".join(segments)
            if spelling == canonical:
                assert parse_token(token)
            else:
                assert parse_error(token) is TokenErrorCode.MALFORMED

    def test_parse_token_decodes_every_byte_value(self):
        for length in range(6):
            for byte in range(256):
                data = bytes([byte]) * length
                parts, _ = parse_token(compact(HEADER, data, lambda _, data=data: data))
                assert (parts.payload, parts.signature) == (data, data)

    @pytest.mark.attack(62)
    def test_parse_token_rejects_more_than_8192_bytes(self):
        available = 8192 - len(TOKEN.rpartition(".")[0]) - 1
        longest = f"{TOKEN.rpartition('.')[0]}.{'A' * (available // 4 * 4)}"
        assert parse_token(longest)
        assert 8192 - len(longest) < 4
        assert parse_error(f"{longest}AAAA") is TokenErrorCode.MALFORMED
        assert parse_error("A" * 10_000_000) is TokenErrorCode.MALFORMED

    @pytest.mark.attack(62)
    def test_jws_of_8192_bytes_is_parsed_and_of_8193_is_rejected(self):
        assert jws.parse(jws.token_bytes(f"{'A' * 8190}..")).header == b"A" * 8190
        too_long = f"{'A' * 8191}.."
        for read in (jws.token_bytes, lambda token: jws.parse(token.encode())):
            with pytest.raises(InvalidToken) as caught:
                read(too_long)
            assert caught.value.code is TokenErrorCode.MALFORMED

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
    def test_parse_token_rejects_header_not_a_strict_json_object(self, header):
        assert (
            parse_error(compact(header, b"{}", hmac_with(SIGNING_KEY))) is TokenErrorCode.MALFORMED
        )

    @pytest.mark.parametrize("alg", [None, 0, 1, True, [], ["HS256"], {}, {"HS256": 1}])
    def test_parse_token_rejects_non_string_alg(self, alg):
        token = compact({**HEADER, "alg": alg}, b"{}", hmac_with(SIGNING_KEY))
        assert parse_error(token) is TokenErrorCode.HEADER

    def test_parse_token_rejects_header_without_alg(self):
        assert (
            parse_error(compact({"kid": KEY.kid}, b"{}", hmac_with(SIGNING_KEY)))
            is TokenErrorCode.HEADER
        )

    @pytest.mark.parametrize("name", ["crit", "b64", "zip", "enc", "cty"])
    @pytest.mark.parametrize(
        "value", [None, True, False, 0, "", "JWT", "DEF", "exp", [], ["b64"], ["exp", "exp"], {}]
    )
    def test_parse_token_rejects_crit_b64_zip_enc_and_cty(self, name, value):
        token = compact({**HEADER, name: value}, b"{}", hmac_with(SIGNING_KEY))
        assert parse_error(token) is TokenErrorCode.HEADER

    def test_parse_token_rejects_crit_with_its_named_member(self):
        header = {**HEADER, "crit": ["exp"], "exp": 1}
        assert parse_error(compact(header, b"{}", hmac_with(SIGNING_KEY))) is TokenErrorCode.HEADER

    @pytest.mark.parametrize(
        "kid",
        [
            *(None, 0, 17, True, [], [KEY.kid], {}, "", "k" * 129, "k" * 5000),
            *("\x00", f"{KEY.kid}\n", "a\tb", "\x1b[31m", "a\r\nb", "열쇠", "\x7f"),
        ],
    )
    def test_parse_token_rejects_malformed_kid(self, kid):
        token = compact({**HEADER, "kid": kid}, b"{}", hmac_with(SIGNING_KEY))
        assert parse_error(token) is TokenErrorCode.HEADER

    def test_parse_token_rejects_kid_with_lone_surrogate(self):
        token = compact({**HEADER, "kid": "\ud800"}, b"{}", hmac_with(SIGNING_KEY))
        assert parse_error(token) is TokenErrorCode.MALFORMED


class TestVerify:
    def test_verify_token_uses_the_key_named_by_kid(self):
        assert verify_token(TOKEN, KEYS).payload == b"any payload"

    @pytest.mark.parametrize(
        "kid",
        ["another", "k" * 128, "../../../../dev/null", "' OR 1=1 --", "http://169.254.169.254/"],
    )
    def test_verify_token_rejects_unknown_kid(self, kid):
        token = compact({**HEADER, "kid": kid}, b"{}", hmac_with(SIGNING_KEY))
        assert verify_error(token) is TokenErrorCode.KEY

    @pytest.mark.attack(17)
    def test_verify_token_rejects_missing_kid_with_a_single_key(self):
        assert (
            verify_error(compact({"alg": "HS256"}, b"{}", hmac_with(SIGNING_KEY)))
            is TokenErrorCode.KEY
        )

    @pytest.mark.parametrize("alg", ["HS512", "hs256", "HS256 ", "none", "", "RS256"])
    def test_verify_token_rejects_alg_that_differs_from_the_key(self, alg):
        token = compact({**HEADER, "alg": alg}, b"{}", hmac_with(SIGNING_KEY))
        assert verify_error(token) is TokenErrorCode.KEY

    def test_verify_token_rejects_signature_of_another_payload(self):
        other = compact(HEADER, b"another payload", hmac_with(SIGNING_KEY))
        swapped = f"{TOKEN.rpartition('.')[0]}.{other.rpartition('.')[2]}"
        assert verify_error(swapped) is TokenErrorCode.SIGNATURE


class TestEncode:
    def test_reader_does_not_parse_the_header_of_an_issued_token(self, monkeypatch):
        token = jws.encode({"sub": "1"}, "at+jwt", KEYS).encode()
        reader = jws.Reader(KEYS, "at+jwt")
        monkeypatch.setattr(jws, "read_header", None)
        assert reader.read_payload(token) == {"sub": "1"}

    def test_encode_without_a_signing_key_names_the_settings(self):
        with pytest.raises(UnusableSettings) as error:
            jws.encode({}, "at+jwt", KeySet(None, KEYS.verifying))
        assert str(error.value) == (
            "TOKENAUTH has no key that signs now, only keys that verify. Set KEY_DIRECTORY, KEYS "
            "or SIGNING_KEY to sign tokens."
        )


class TestSign:
    def test_jws_sign_returns_the_compact_serialization(self):
        header = base64url.encode(b'{"alg":"HS256","kid":"%b"}' % KEY.kid.encode())
        assert jws.sign(header, b"any payload", KEY) == TOKEN
