"""Names and values of forged JSON objects, as valid or almost valid JSON.

Most values are in tables, which are fast to sample. Hypothesis generates the unbounded ones.
"""

from __future__ import annotations

import json

from hypothesis import strategies as st

from django_tokenauth.tokens.claims import REGISTERED
from tests.support.raw_tokens import NOW, SESSION

#: The members of an object: names and values as raw JSON, which may be invalid.
Pairs = list[tuple[str, str]]

ISSUER = "django-tokenauth"
#: A placeholder in the tables for a value from ``UNBOUNDED``.
ANY = "any"
UNBOUNDED = (
    st.integers().map(str)
    | st.text(max_size=8).map(json.dumps)
    | st.floats().map(json.dumps)
    | st.recursive(
        st.sampled_from(["null", "1", '""', '"a"']),
        lambda inner: st.lists(inner, max_size=3).map(lambda items: f"[{','.join(items)}]"),
        max_leaves=4,
    )
)


def nested(depth: int, opening: str = "[", closing: str = "]", inner: str = "1") -> str:
    return opening * depth + inner + closing * depth


_NUMBERS = [
    *(
        "0",
        "1",
        "-1",
        "-0",
        "1.0",
        "1.5",
        "1e0",
        "1e3",
        "1E+2",
        "1e400",
        "-1e400",
        "1e308",
        "5e-324",
    ),
    *("NaN", "Infinity", "-Infinity", "nan", "01", "+1", ".5", "1.", "0x10", "1_0", "1e"),
    *(str(2**31), str(2**53 + 1), str(2**63 - 1), str(2**63), str(2**64), "1" + "0" * 20),
    *("9" * 400, "9" * 4300, "9" * 4301, "-" + "9" * 4301, "1." + "0" * 500),
]
_STRINGS = [
    *('""', '" "', '"a"', '"1"', '" 1"', '"1 "', '"01"', '"1.0"', '"true"', '"null"', '"none"'),
    *('"a b"', '"a  b"', '" a"', '"a\\tb"', '"a\\u0000"', '"\\u0000"', '"a\\r\\nb"', '"a\\"b"'),
    *(
        '"\\ud800"',
        '"\\udfff"',
        '"\\ud83d\\udd11"',
        '"\\udd11\\ud83d"',
        '"\ud800"',
        '"\ud83d\udd11"',
    ),
    *(
        '"🔑"',
        '"é"',
        '"e\u0301"',
        '"\u2028"',
        '"\ufeff"',
        '"\u200b"',
        '"\u202e"',
        "\uff11",
        '"\u0661"',
    ),
    *('"\x01"', '"\n"', '"\x7f"', '"\\x41"', '"\\u12"', '"\\', '"', "'a'", '"a" "b"', "undefined"),
    *('"' + "x" * 255 + '"', '"' + "x" * 256 + '"', '"' + "x" * 4000 + '"'),
    *('"../../../../dev/null"', '"\' OR 1=1 --"', '"$(id)"', '"\\u001b[31m"', '"${jndi:ldap://a}"'),
    *(
        '"a\\r\\nINFO user 1 signed in"',
        '"https://evil.example.com/jwks.json"',
        '"%00"',
        '"{{7*7}}"',
    ),
    *(f'"{ISSUER}"', f'"{ISSUER} "', f'"{ISSUER}/"', f'"{ISSUER.upper()}"', f'"{ISSUER[:-1]}"'),
    *(f'"{SESSION}"', f'"{SESSION.upper()}"', f'"{{{SESSION}}}"', f'"{SESSION.replace("-", "")}"'),
    *('"pwd"', '"notes:read"', '"notes:read notes:write"', '"notes:read  notes:write"', '"a\\\\b"'),
    *('"at+jwt"', '"rt+jwt"', '"JWT"', '"HS256"', '"HS384"', '"EdDSA"', '"ES256"', '"RS256"'),
]
_OTHER_VALUES = [
    *("null", "true", "false", "", "[]", "{}", "[null]", "[1]", '[""]', '["a"]', '["a",1]', "[[]]"),
    *('{"a":1}', '{"a":1,"a":1}', '[{"a":1,"a":2}]', '{"":1}', "[NaN]", "[1e400]", '["\\ud800"]'),
    *(
        "[1,]",
        '{"a":1,}',
        "{a:1}",
        "[1",
        '{"a"',
        "/**/1",
        "1//",
        "nul",
        "True",
        "None",
        "1 1",
        "1,2",
    ),
    *(
        f'["{ISSUER}"]',
        f'["a","{ISSUER}"]',
        f'["{ISSUER}",null]',
        f'{{"{ISSUER}":1}}',
        '["pwd","otp"]',
    ),
    *('{"__proto__":{"admin":true}}', '{"$ne":null}', '{"constructor":1}'),
    *(nested(depth) for depth in (14, 15, 16, 17, 100, 900, 2000)),
    *(nested(depth, '{"a":', "}") for depth in (14, 15, 16, 17, 100, 900)),
    # Many brackets without depth.
    *("[" + ",".join(["[]"] * 40) + "]", json.dumps("[" * 40)),
]
VALUES = [*_NUMBERS, *_STRINGS, *_OTHER_VALUES, *[ANY] * 20]

_TIMES = [
    str(NOW + seconds)
    for seconds in (*range(-302, 302, 43), -31, -30, -29, -1, 0, 1, 29, 30, 31, 299, 300, 301, 330)
] + [str(253402300799), str(253402300800), f"{NOW}.0", f'"{NOW + 60}"', f"{NOW / 1e9}e9"]
_TYPES = [
    *('"at+jwt"', '"AT+JWT"', '"application/at+jwt"', '"APPLICATION/AT+jwt"', '"at+jwt "'),
    *('"rt+jwt"', '"Application/rt+jwt"', '"application/application/at+jwt"', '"text/at+jwt"'),
    *(
        '"at+jwt;a=b"',
        '"\uff41t+jwt"',
        '"at+\u0237wt"',
        '"at+jwt\\u0000"',
        '["at+jwt"]',
        '"a\\u0074+jwt"',
    ),
]
_ALGORITHMS = [
    *(
        '"none"',
        '"None"',
        '"nOnE"',
        '"HS256"',
        '"hs256"',
        '"HS256 "',
        '"HS384"',
        '"HS512"',
        '"RS256"',
    ),
    *(
        '"ES256"',
        '"ES256K"',
        '"ES384"',
        '"EdDSA"',
        '"Ed25519"',
        '"PS256"',
        '"dir"',
        '["HS256"]',
        '"H\\u0053256"',
    ),
]
_SESSIONS = [f'"{SESSION}"', f'"{SESSION[:-1]}f"', f'"{SESSION}\\n"', f'"urn:uuid:{SESSION}"']
#: Values that are sampled more often for a member.
LIKELY = {
    **dict.fromkeys(("iat", "exp", "nbf", "auth_time"), _TIMES),
    "typ": _TYPES,
    "alg": _ALGORITHMS,
    "sid": _SESSIONS,
    "gen": ["1", "2", "3", "4", "17", *map(str, range(2**63 - 3, 2**63 + 1))],
    "sub": ['"1"', '"2"', '"01"', '"1 "', '"é"', "1"],
    "crit": ["[]", '["exp"]', '["b64"]', '"b64"', "null"],
    "b64": ["false", "true", "0", '"false"'],
    "zip": ['"DEF"', "null"],
    "kid": ['"a"', '" "', '"é"', '"' + "k" * 128 + '"', '"' + "k" * 129 + '"', '"a\\u0000"'],
}

HEADER_NAMES = [
    *["alg", "kid", "typ"] * 4,
    *("crit", "b64", "zip", "enc", "cty", "jwk", "jku", "x5u", "x5c", "x5t", "p2c", "apu"),
    *("exp", "iss", "a", "", "ALG", "alg ", "Typ", "\x00", "é"),
]
CLAIM_NAMES = [
    *sorted(REGISTERED) * 3,
    "audiences",
    *("a", "", "SUB", "exp ", "Exp", "\x00", "é", "is_staff", "permissions", "__proto__", "🔑"),
]


def _values_of(name: str) -> st.SearchStrategy[str]:
    likely = LIKELY.get(name, [])
    return st.sampled_from([*likely * (1 + 200 // len(likely) if likely else 0), *VALUES])


VALUES_OF = {name: _values_of(name) for name in {*HEADER_NAMES, *CLAIM_NAMES}}
