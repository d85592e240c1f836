"""How a token is written: one strict reading of the header and the payload (RFC 8725 section 3.7).

``test_jws`` and ``test_strict_json`` hold the details against their modules; here they go through
the whole decoder, under a good signature, for both kinds of token.
"""

from __future__ import annotations

import json

import pytest

from django_tokenauth.errors import TokenErrorCode
from tests.support.raw_tokens import MISSING, Access, Refresh, compact


@pytest.fixture(params=[Access, Refresh], ids=["access", "refresh"])
def server(request):
    return request.param()


def with_text(members, text):
    """The JSON of ``members`` with ``text`` put before its last brace."""
    return f"{json.dumps(members)[:-1]}, {text}}}".encode()


def nested(depth):
    return "[" * depth + "]" * depth


#: Texts that make any object something that has no reading, or two.
NO_JSON = [
    *('"a": NaN', '"a": Infinity', '"a": -Infinity', '"a": 1e400', '"a": [NaN]'),
    *('"a": 1, "a": 1', '"a": {"b": 1, "b": 1}', '"a": [{"b": 1, "\\u0062": 1}]'),
    *('"a": "\\ud800"', '"\\udfff": 1', '"a": ["\\udc00\\ud800"]'),
    *(f'"a": {"1" * 5000}', f'"a": {nested(16)}', f'"a": {nested(900)}', '"a": "\n"', '"a": 01'),
    *('"a": "\x00"', "'a': 1", '"a": 1,', "a: 1", '"a": 1} {"b": 1', '"a": 1}}'),
]


class TestTokens:
    @pytest.mark.attack(71)
    @pytest.mark.parametrize(
        "token", [None, True, 0, 1.5, b"e30.e30.e30", [], {}, ("a", "b"), object(), bytearray(b"a")]
    )
    def test_what_is_no_text_is_refused(self, server, token):
        assert server.code(token) is TokenErrorCode.MALFORMED

    def test_bytes_of_a_good_token_are_refused(self, server):
        assert server.code(server.token().encode()) is TokenErrorCode.MALFORMED

    @pytest.mark.attack(70)
    @pytest.mark.parametrize("odd", ["\ud800", "é", "\u0660", "\uff0e", "🔑", "\u200b", "\ufeff"])
    def test_what_is_not_ascii_is_refused(self, server, odd):
        token = server.token()
        for text in (odd, f"{odd}{token}", f"{token}{odd}", token.replace(".", f".{odd}", 1)):
            assert server.code(text) is TokenErrorCode.MALFORMED

    @pytest.mark.attack(66)
    @pytest.mark.parametrize("odd", [" ", "\n", "\r\n", "\t", "\x00", "=", "==", ",", ", Bearer a"])
    def test_what_stands_around_it_is_not_cut_off(self, server, odd):
        assert server.code(f"{odd}{server.token()}") is TokenErrorCode.MALFORMED
        assert server.code(f"{server.token()}{odd}") is TokenErrorCode.MALFORMED

    @pytest.mark.parametrize(
        "token", ["", ".", "..", "...", "a", "a.b", "a.b.c.d", "." * 1_000_000, "A" * 1_000_000]
    )
    def test_what_has_not_three_segments_is_refused(self, server, token):
        assert server.code(token) is TokenErrorCode.MALFORMED

    def test_more_than_8192_bytes_are_refused_whoever_signed_them(self):
        # Only an access token has room for more, in its extra claims.
        access = Access()
        length = len(access.with_claims(a=""))
        for filling in range((8192 - length) * 3 // 4 - 4, (8192 - length) * 3 // 4 + 8):
            token = access.with_claims(a="x" * filling)
            if len(token) <= 8192:
                assert access.decode(token).extra["a"] == "x" * filling
            else:
                assert access.code(token) is TokenErrorCode.MALFORMED

    def test_another_spelling_of_the_same_signature_is_refused(self, server):
        token = server.token()
        # 43 characters for 32 bytes: two bits of the last one carry nothing.
        assert token[-1] in "AEIMQUYcgkosw048"
        alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
        place = alphabet.index(token[-1])
        for other in alphabet[place + 1 : place + 4]:
            assert server.code(token[:-1] + other) is TokenErrorCode.MALFORMED


class TestHeader:
    @pytest.mark.parametrize("text", NO_JSON, ids=lambda text: ascii(text)[:30])
    def test_it_is_strict_json(self, server, text):
        header = with_text(server.header(), text)
        assert server.code(server.token(header=header)) is TokenErrorCode.MALFORMED

    @pytest.mark.attack(53)
    @pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-32-be", "utf-8-sig", "cp037"])
    def test_it_is_utf_8(self, server, encoding):
        header = json.dumps(server.header()).encode(encoding)
        assert server.code(server.token(header=header)) is TokenErrorCode.MALFORMED

    @pytest.mark.attack(56)
    @pytest.mark.parametrize("header", [b"", b"null", b"[]", b"1", b'"HS256"', b"{"])
    def test_it_is_an_object(self, server, header):
        assert server.code(server.token(header=header)) is TokenErrorCode.MALFORMED

    @pytest.mark.attack(51)
    @pytest.mark.parametrize("first", ["none", "HS256", "RS256"])
    def test_it_names_its_algorithm_once(self, server, first):
        header = with_text({"alg": first, **server.header(alg=MISSING)}, '"alg": "HS256"')
        assert server.code(server.token(header=header)) is TokenErrorCode.MALFORMED

    @pytest.mark.attack(51)
    def test_it_names_its_key_once(self, server):
        header = with_text(server.header(), f'"kid": "{server.kid}"')
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
    def test_what_changes_the_meaning_is_refused(self, server, changes):
        assert server.code(server.with_header(**changes)) is TokenErrorCode.HEADER

    @pytest.mark.attack(37)
    @pytest.mark.parametrize(
        "kid",
        [
            *(None, 0, 1, True, [], {}, "", "k" * 129, "k" * 5000),
            *("a\x00b", "a\r\nb", "\x1b[31m", "é"),
        ],
    )
    def test_an_odd_kid_is_refused(self, server, kid):
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
    def test_a_kid_is_looked_up_and_nothing_else(self, server, kid):
        assert server.code(server.with_header(kid=kid)) is TokenErrorCode.KEY

    def test_a_kid_is_looked_up_to_the_letter(self, server):
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
    def test_another_type_is_refused(self, server, typ):
        assert server.code(server.with_header(typ=typ)) is TokenErrorCode.TYP

    @pytest.mark.attack(49)
    @pytest.mark.parametrize(
        "spelled", [str.upper, str.title, "application/{}".format, "APPLICATION/{}".format]
    )
    def test_a_type_is_a_media_type_in_any_case(self, server, spelled):
        token = server.with_header(typ=spelled(server.typ))
        assert server.decode(token).subject == "1"

    @pytest.mark.attack(50)
    def test_unknown_members_are_ignored(self, server):
        token = server.with_header(
            foo={"bar": [1, 2.5, None]}, url="https://example.com", nonce="n"
        )
        assert server.decode(token).subject == "1"


class TestPayload:
    @pytest.mark.parametrize("text", NO_JSON, ids=lambda text: ascii(text)[:30])
    def test_it_is_strict_json(self, server, text):
        payload = with_text(server.members(), text)
        assert server.code(server.token(payload=payload)) is TokenErrorCode.MALFORMED

    @pytest.mark.attack(53)
    @pytest.mark.parametrize("encoding", ["utf-16", "utf-16-be", "utf-32", "utf-8-sig", "cp037"])
    def test_it_is_utf_8(self, server, encoding):
        payload = json.dumps(server.members()).encode(encoding)
        assert server.code(server.token(payload=payload)) is TokenErrorCode.MALFORMED

    @pytest.mark.attack(54)
    @pytest.mark.parametrize("byte", [b"\xff", b"\xc0\x80", b"\xed\xa0\x80", b"\x80", b"\xe2\x82"])
    def test_it_is_sound_utf_8(self, server, byte):
        payload = json.dumps(server.members(sub="@")).encode().replace(b"@", byte)
        assert server.code(server.token(payload=payload)) is TokenErrorCode.MALFORMED

    @pytest.mark.attack(56)
    @pytest.mark.parametrize(
        "payload", [b"", b"null", b"[]", b"1", b'"sub"', b"true", b"{", b"{}{}"]
    )
    def test_it_is_an_object(self, server, payload):
        assert server.code(server.token(payload=payload)) is TokenErrorCode.MALFORMED

    @pytest.mark.attack(52)
    @pytest.mark.parametrize("name", ["sub", "exp", "iss", "aud", "sid", "iat"])
    def test_it_says_everything_once(self, server, name):
        members = server.members()
        payload = with_text(members, f'"{name}": {json.dumps(members[name])}')
        assert server.code(server.token(payload=payload)) is TokenErrorCode.MALFORMED

    @pytest.mark.attack(165)
    def test_it_is_looked_at_only_after_the_signature(self, server):
        # However costly it is to read, only the issuer can make the server read it.
        token = compact(server.header(), b'{"a": ' + b"[" * 3000, lambda _: b"\x00" * 32)
        assert server.code(token) is TokenErrorCode.SIGNATURE

    @pytest.mark.attack(61)
    @pytest.mark.parametrize("members", [{"a": 10**4000}, {"a": -(10**4000)}])
    def test_a_long_number_that_is_no_claim_of_ours_does_no_harm(self, members):
        access = Access()
        assert access.decode(access.with_claims(**members)).extra == members
