"""Encoding of tokens: strict rules for header and payload (RFC 8725 section 3.7).

``test_jws`` and ``test_strict_json`` test the modules. These tests use the whole decoder, with a
valid signature and both kinds of token.
"""

from __future__ import annotations

import json

import pytest

from django_tokenauth.errors import TokenErrorCode
from tests.support.raw_tokens import MISSING, Access, Refresh, compact


@pytest.fixture(params=[Access, Refresh], ids=["access", "refresh"])
def server(request):
    return request.param()


def with_raw_member(members, member):
    """Return the JSON of ``members`` with ``member`` inserted before its last brace."""
    return f"{json.dumps(members)[:-1]}, {member}}}".encode()


def nested(depth):
    return "[" * depth + "]" * depth


#: Members that make any JSON object invalid or ambiguous.
INVALID_MEMBERS = [
    *('"a": NaN', '"a": Infinity', '"a": -Infinity', '"a": 1e400', '"a": [NaN]'),
    *('"a": 1, "a": 1', '"a": {"b": 1, "b": 1}', '"a": [{"b": 1, "\\u0062": 1}]'),
    *('"a": "\\ud800"', '"\\udfff": 1', '"a": ["\\udc00\\ud800"]'),
    *(f'"a": {"1" * 5000}', f'"a": {nested(16)}', f'"a": {nested(900)}', '"a": "\n"', '"a": 01'),
    *('"a": "\x00"', "'a': 1", '"a": 1,', "a: 1", '"a": 1} {"b": 1', '"a": 1}}'),
]


class TestDecode:
    @pytest.mark.attack(71)
    @pytest.mark.parametrize(
        "token", [None, True, 0, 1.5, b"e30.e30.e30", [], {}, ("a", "b"), object(), bytearray(b"a")]
    )
    def test_token_of_non_string_type_is_rejected(self, server, token):
        assert server.code(token) is TokenErrorCode.MALFORMED

    def test_token_as_bytes_is_rejected(self, server):
        assert server.code(server.token().encode()) is TokenErrorCode.MALFORMED

    @pytest.mark.attack(70)
    @pytest.mark.parametrize(
        "character", ["\ud800", "é", "\u0660", "\uff0e", "🔑", "\u200b", "\ufeff"]
    )
    def test_token_with_non_ascii_character_is_rejected(self, server, character):
        token = server.token()
        inside = token.replace(".", f".{character}", 1)
        for changed in (character, f"{character}{token}", f"{token}{character}", inside):
            assert server.code(changed) is TokenErrorCode.MALFORMED

    @pytest.mark.attack(66)
    @pytest.mark.parametrize(
        "character", [" ", "\n", "\r\n", "\t", "\x00", "=", "==", ",", ", Bearer a"]
    )
    def test_token_with_surrounding_characters_is_rejected(self, server, character):
        assert server.code(f"{character}{server.token()}") is TokenErrorCode.MALFORMED
        assert server.code(f"{server.token()}{character}") is TokenErrorCode.MALFORMED

    @pytest.mark.parametrize(
        "token", ["", ".", "..", "...", "a", "a.b", "a.b.c.d", "." * 1_000_000, "A" * 1_000_000]
    )
    def test_token_without_three_valid_segments_is_rejected(self, server, token):
        assert server.code(token) is TokenErrorCode.MALFORMED

    def test_token_above_8192_bytes_is_rejected(self):
        # Only access tokens can be that long, because of their extra claims.
        access = Access()
        length = len(access.with_claims(a=""))
        lengths = set()
        for padding in range((8192 - length) * 3 // 4 - 4, (8192 - length) * 3 // 4 + 8):
            token = access.with_claims(a="x" * padding)
            lengths.add(len(token))
            if len(token) <= 8192:
                assert access.decode(token).extra["a"] == "x" * padding
            else:
                assert access.code(token) is TokenErrorCode.MALFORMED
        assert min(lengths) <= 8192 < max(lengths)

    def test_token_with_noncanonical_signature_is_rejected(self, server):
        token = server.token()
        # 32 bytes take 43 characters, so the last character has two unused bits.
        assert token[-1] in "AEIMQUYcgkosw048"
        alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
        index = alphabet.index(token[-1])
        for other in alphabet[index + 1 : index + 4]:
            assert server.code(token[:-1] + other) is TokenErrorCode.MALFORMED


class TestHeader:
    @pytest.mark.parametrize("member", INVALID_MEMBERS, ids=lambda member: ascii(member)[:30])
    def test_token_header_of_invalid_or_ambiguous_json_is_rejected(self, server, member):
        header = with_raw_member(server.header(), member)
        assert server.code(server.token(header=header)) is TokenErrorCode.MALFORMED

    @pytest.mark.attack(53)
    @pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-32-be", "utf-8-sig", "cp037"])
    def test_token_header_not_in_utf_8_is_rejected(self, server, encoding):
        header = json.dumps(server.header()).encode(encoding)
        assert server.code(server.token(header=header)) is TokenErrorCode.MALFORMED

    @pytest.mark.attack(56)
    @pytest.mark.parametrize("header", [b"", b"null", b"[]", b"1", b'"HS256"', b"{"])
    def test_non_object_token_header_is_rejected(self, server, header):
        assert server.code(server.token(header=header)) is TokenErrorCode.MALFORMED

    @pytest.mark.attack(51)
    @pytest.mark.parametrize("first", ["none", "HS256", "RS256"])
    def test_token_header_with_duplicate_alg_is_rejected(self, server, first):
        header = with_raw_member({"alg": first, **server.header(alg=MISSING)}, '"alg": "HS256"')
        assert server.code(server.token(header=header)) is TokenErrorCode.MALFORMED

    @pytest.mark.attack(51)
    def test_token_header_with_duplicate_kid_is_rejected(self, server):
        header = with_raw_member(server.header(), f'"kid": "{server.kid}"')
        assert server.code(server.token(header=header)) is TokenErrorCode.MALFORMED

    @pytest.mark.attack(41, 42, 44, 45, 48)
    @pytest.mark.parametrize(
        "changes",
        [
            *({"crit": value} for value in ([], None, "exp", ["x"], ["b64"], ["exp", "exp"], {})),
            {"crit": ["exp"], "exp": 4711},
            {"crit": ["b64"], "b64": True},
            *({"b64": value} for value in (True, False, 0, 1, "false", None)),
            *({"zip": value} for value in ("DEF", "", None)),
            *({"enc": value} for value in ("A256GCM", "", None)),
            *({"cty": value} for value in ("JWT", "at+jwt", "", None)),
        ],
    )
    def test_token_header_with_crit_b64_zip_enc_or_cty_is_rejected(self, server, changes):
        assert server.code(server.with_header(**changes)) is TokenErrorCode.HEADER

    @pytest.mark.attack(37)
    @pytest.mark.parametrize(
        "kid",
        [
            *(None, 0, 1, True, [], {}, "", "k" * 129, "k" * 5000),
            *("a\x00b", "a\r\nb", "\x1b[31m", "é"),
        ],
    )
    def test_token_header_with_malformed_kid_is_rejected(self, server, kid):
        assert server.code(server.with_header(kid=kid)) is TokenErrorCode.HEADER

    @pytest.mark.attack(35, 36)
    @pytest.mark.parametrize(
        "kid",
        [
            *(
                MISSING,
                "another",
                "k" * 128,
                "../../../../dev/null",
                "/dev/null",
                "file:///etc/passwd",
            ),
            *(
                "' OR '1'='1",
                "*)(uid=*))(|(uid=*",
                "$(id)",
                "https://attacker.example.com/key",
                " ",
            ),
        ],
    )
    def test_token_header_with_unknown_kid_is_rejected(self, server, kid):
        assert server.code(server.with_header(kid=kid)) is TokenErrorCode.KEY

    def test_token_header_with_similar_kid_is_rejected(self, server):
        for kid in (server.kid.swapcase(), f"{server.kid} ", f" {server.kid}", server.kid[:-1]):
            assert server.code(server.with_header(kid=kid)) is TokenErrorCode.KEY

    @pytest.mark.attack(49)
    @pytest.mark.parametrize(
        "typ",
        [
            *(MISSING, None, 0, True, [], ["at+jwt"], {}, "", "JWT", "jwt", "JOSE", "at", "jwt+at"),
            *("at+jwt ", " at+jwt", "at+jwt\n", "at+jwt\x00", "at+jwt; charset=utf-8", "at jwt"),
            *(
                "application/jwt",
                "text/at+jwt",
                "application/application/at+jwt",
                "xat+jwt",
                "at+jwtx",
            ),
            *("rt+jwt ", " rt+jwt", "application/application/rt+jwt", "rt-jwt"),
        ],
        ids=ascii,
    )
    def test_token_header_with_wrong_typ_is_rejected(self, server, typ):
        assert server.code(server.with_header(typ=typ)) is TokenErrorCode.TYP

    @pytest.mark.attack(49)
    @pytest.mark.parametrize(
        "spelling", [str.upper, str.title, "application/{}".format, "APPLICATION/{}".format]
    )
    def test_token_header_typ_is_a_case_insensitive_media_type(self, server, spelling):
        token = server.with_header(typ=spelling(server.typ))
        assert server.decode(token).subject == "1"

    @pytest.mark.attack(50)
    def test_token_header_with_unknown_members_is_accepted(self, server):
        token = server.with_header(
            foo={"bar": [1, 2.5, None]}, url="https://example.com", nonce="n"
        )
        assert server.decode(token).subject == "1"


class TestPayload:
    @pytest.mark.parametrize("member", INVALID_MEMBERS, ids=lambda member: ascii(member)[:30])
    def test_token_payload_of_invalid_or_ambiguous_json_is_rejected(self, server, member):
        payload = with_raw_member(server.members(), member)
        assert server.code(server.token(payload=payload)) is TokenErrorCode.MALFORMED

    @pytest.mark.attack(53)
    @pytest.mark.parametrize("encoding", ["utf-16", "utf-16-be", "utf-32", "utf-8-sig", "cp037"])
    def test_token_payload_not_in_utf_8_is_rejected(self, server, encoding):
        payload = json.dumps(server.members()).encode(encoding)
        assert server.code(server.token(payload=payload)) is TokenErrorCode.MALFORMED

    @pytest.mark.attack(54)
    @pytest.mark.parametrize("byte", [b"\xff", b"\xc0\x80", b"\xed\xa0\x80", b"\x80", b"\xe2\x82"])
    def test_token_payload_with_invalid_utf_8_bytes_is_rejected(self, server, byte):
        payload = json.dumps(server.members(sub="@")).encode().replace(b"@", byte)
        assert server.code(server.token(payload=payload)) is TokenErrorCode.MALFORMED

    @pytest.mark.attack(56)
    @pytest.mark.parametrize(
        "payload", [b"", b"null", b"[]", b"1", b'"sub"', b"true", b"{", b"{}{}"]
    )
    def test_non_object_token_payload_is_rejected(self, server, payload):
        assert server.code(server.token(payload=payload)) is TokenErrorCode.MALFORMED

    @pytest.mark.attack(52)
    @pytest.mark.parametrize("name", ["sub", "exp", "iss", "aud", "sid", "iat"])
    def test_token_payload_with_duplicate_claim_is_rejected(self, server, name):
        members = server.members()
        payload = with_raw_member(members, f'"{name}": {json.dumps(members[name])}')
        assert server.code(server.token(payload=payload)) is TokenErrorCode.MALFORMED

    @pytest.mark.attack(165)
    def test_token_payload_is_parsed_only_after_the_signature_check(self, server):
        # Parsing this payload is expensive, so only the issuer may cause it.
        token = compact(server.header(), b'{"a": ' + b"[" * 3000, lambda _: b"\x00" * 32)
        assert server.code(token) is TokenErrorCode.SIGNATURE

    @pytest.mark.attack(61)
    @pytest.mark.parametrize("members", [{"a": 10**4000}, {"a": -(10**4000)}])
    def test_token_payload_with_huge_number_in_a_claim_is_accepted(self, members):
        access = Access()
        assert access.decode(access.with_claims(**members)).extra == members
