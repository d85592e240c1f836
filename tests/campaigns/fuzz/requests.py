"""Generated requests with forged tokens: ``Authorization`` headers and bodies."""

from __future__ import annotations

import json
from urllib.parse import quote, quote_plus

from hypothesis import strategies as st

from tests.campaigns.fuzz.drafts import JSON_VARIANTS, Draw, as_object
from tests.campaigns.fuzz.inputs import Body, Header, tokens
from tests.campaigns.fuzz.values import ANY, UNBOUNDED, VALUES, Pairs, nested
from tests.support.client import FORM, JSON
from tests.support.confidential_clients import SECRETS, basic

# The strings before and after the token in the Authorization header.
_SCHEMES = st.sampled_from(
    [
        *["Bearer "] * 40,
        *["bearer ", "BEARER ", "bEaReR "] * 3,
        *("Bearer  ", "Bearer\t", "Bearer\n", "Bearer\x00", "Bearer\xa0", "Bearer\u2003", "Bearer"),
        *(
            "Bearer, ",
            "Bearer: ",
            "Bearer=",
            'Bearer token="',
            "Bearer Bearer ",
            " Bearer ",
            "\nBearer ",
        ),
        *(
            "Basic ",
            "Token ",
            "JWT ",
            "Digest ",
            "",
            " ",
            "B\xe9arer ",
            "\uff22earer ",
            "Bearer\u200b ",
        ),
        *("Bearer \x00", "Bearer \xef\xbb\xbf", "Bearer %20", "Bearer+", "Bearers ", "Beare "),
    ]
)
_TAILS = st.sampled_from(
    [
        *[""] * 60,
        *(
            " ",
            "\n",
            "\r\nX-Admin: 1",
            "\x00",
            ",",
            ", Bearer a.b.c",
            ";",
            '"',
            " a",
            "=",
            "\xe9",
            "\ud800",
        ),
    ]
)
_RARELY = st.sampled_from([*[False] * 30, True])
_ANYTHING = st.text(max_size=40) | st.binary(max_size=40).map(lambda data: data.decode("latin-1"))


@st.composite
def headers(draw: Draw) -> Header:
    """Generate header values, most of them with a possibly valid token."""
    if draw(_RARELY):
        return Header(draw(_SCHEMES) + draw(_ANYTHING))
    token = draw(_ACCESS_TOKENS)
    text = token.token if isinstance(token.token, str) else repr(token.token)
    return Header(draw(_SCHEMES) + text + draw(_TAILS), token.signed)


_ACCESS_TOKENS, _REFRESH_TOKENS = tokens("access"), tokens("refresh")

# Bodies: parameters as pairs of JSON strings, which can also be encoded as a form.
ENDPOINTS = ("token/", "token/refresh/", "token/verify/", "token/revoke/")
_TOKEN_PARAMETERS = {"token/": "refresh_token", "token/refresh/": "refresh_token"}
_TOKENS_OF_ENDPOINT = {
    "token/": _REFRESH_TOKENS,
    "token/refresh/": _REFRESH_TOKENS,
    "token/verify/": _ACCESS_TOKENS,
    "token/revoke/": _ACCESS_TOKENS | _REFRESH_TOKENS,
    "token/introspect/": _ACCESS_TOKENS | _REFRESH_TOKENS,
}
#: Credentials: those of the client, forged ones, and malformed ones.
_CREDENTIALS = [
    *[basic("reports")] * 12,
    *(basic("reports", "wrong"), basic("unknown", "secret"), basic("phone", "")),
    *(basic("", "secret"), basic("reports", ""), basic("re\0ports", "\n"), basic("r" * 300, "x")),
    *(basic("reports", quote_plus(SECRETS["reports"])), basic("%", "%e9%"), basic("re%70orts")),
    *("Basic", "Basic Og==", "Basic \xe9", "basic  eDp5", "Basic eDp5 eDp5", "Basic " + "=" * 9),
]
_SIGN_IN: Pairs = [('"username"', '"alice"'), ('"password"', '"correct horse"')]
_NAMES = st.sampled_from(
    [
        *["username", "password", "refresh_token", "token", "grant_type", "scope"] * 4,
        *["client_id", "client_secret", "device_name", "token_type_hint"] * 2,
        *("access_token", "Username", "username ", "user[name]", "", "a", "\x00", "é", "__proto__"),
    ]
)
_LIKELY = {
    "username": [
        '"alice"',
        '"ALICE"',
        '"bob"',
        '"alice "',
        '"ali\\u0000ce"',
        '"\uff41lice"',
        '"alicé"',
    ],
    "password": [
        '"correct horse"',
        '"wrong"',
        '"correct horse "',
        '"' + "p" * 4096 + '"',
        '"' + "p" * 4097 + '"',
    ],
    "grant_type": [
        '"password"',
        '"refresh_token"',
        '"implicit"',
        '"Password"',
        '"client_credentials"',
        '""',
    ],
    "client_id": ['"reports"', '"Reports"', '"phone"', '" reports "', '"re\\u0000ports"'],
    "client_secret": [json.dumps(SECRETS["reports"]), '"wrong"', '""'],
    "scope": [
        '"notes:read"',
        '"notes:read notes:write"',
        '""',
        '"unknown"',
        '"' + "a " * 600 + 'a"',
    ],
}
_VALUES = {
    name: st.sampled_from([*_LIKELY.get(name, []) * 40, *VALUES]) for name in {*_LIKELY, "other"}
}
_EDITS = st.sampled_from(["set"] * 5 + ["remove", "duplicate"])
_BODY_PLANS = st.sampled_from(
    [
        *[()] * 4,
        *[("edit",)] * 8,
        *[("edit", "edit")] * 3,
        *[("encode",)] * 4,
        *[("edit", "encode")] * 2,
        *[("size",)] * 2,
        *[("environ",)] * 2,
        *[("edit", "environ")] * 2,
    ]
)
_IS_FORM = st.sampled_from([False, False, False, True, True])
_SIGNS_IN = st.sampled_from([True, False])
_JSON_VARIANTS = st.sampled_from(JSON_VARIANTS)
_FORM_VARIANTS = st.sampled_from(
    [
        bytes,
        lambda body: body.replace(b"&", b";"),
        lambda body: body.replace(b"&", b"&&"),
        lambda body: body + b"&" + body,
        lambda body: body + b"&=&=&a",
        lambda body: body + b"&a=%",
        lambda body: body + b"&a=%zz&b=%c3%28&c=%00",
        lambda body: body + b"&a=\xff\xfe\x00",
        lambda body: b"\xef\xbb\xbf" + body,
        lambda body: body.decode("latin-1").encode("utf-16"),
        lambda body: b"&".join(b"a%d=" % number for number in range(1001)) + b"&" + body,
        lambda body: body.replace(b"=", b"%3D"),
        lambda body: b"?" + body,
        lambda body: body + b"\r\n",
        lambda body: body[: len(body) // 2],
        lambda body: b"",
    ]
)
# Values around the size limit of a body, and deeper than a parser accepts.
_LARGE_VALUES = st.sampled_from(
    [
        *(json.dumps("x" * length) for length in (30_000, 32_000, 32_700, 33_000, 100_000)),
        *(nested(depth) for depth in (1_100, 12_000, 15_000, 40_000)),
        *(nested(depth, '{"a":', "}") for depth in (1_100, 5_000)),
        "[" * 30_000,
    ]
)
_TYPES = {
    False: [JSON, f"{JSON}; charset=utf-8"],
    True: [FORM, f"{FORM}; charset=utf-8"],
}
_UNUSUAL_TYPES = [
    *(
        JSON,
        FORM,
        f"{JSON};charset=utf-16",
        f"{JSON}; charset=bogus",
        f"{JSON}; charset=",
        "APPLICATION/JSON",
    ),
    *(f"{FORM}; charset=utf-16", f"{FORM};charset=latin-1", f"{JSON};", f"{JSON} ; a"),
    *(
        "multipart/form-data",
        "multipart/form-data; boundary=x",
        "multipart/form-data; boundary=\xe9",
        "text/plain",
    ),
    *(
        "application/json, text/plain",
        "application/*",
        "*/*",
        "",
        ";",
        "/",
        "\x00",
        "\xe9",
        "json",
        "a" * 5000,
    ),
    *("application/vnd.api+json", "application/jwt", f'{JSON}; charset="utf-7', f"{JSON};" * 200),
]
_CONTENT_TYPES = {
    is_form: st.sampled_from([*_TYPES[is_form] * 60, *_UNUSUAL_TYPES]) for is_form in (False, True)
}
_ENVIRONS = st.sampled_from(
    [
        *(
            {"CONTENT_LENGTH": length}
            for length in ("", "0", "1", "-1", "a", "9" * 30, "1e3", "\u0661")
        ),
        *(
            {"HTTP_ACCEPT": text}
            for text in ("text/html", "", "*/*;q=x", ";;,", "\xe9", "a/b" * 500)
        ),
        *(
            {"HTTP_AUTHORIZATION": text}
            for text in ("Bearer a.b.c", "Bearer", "\xe9", *_CREDENTIALS[11:])
        ),
        *({"HTTP_USER_AGENT": text} for text in ("\x1b[31m\r\n", "\xff" * 400, "")),
        *({"REMOTE_ADDR": text} for text in ("", "unknown", "::1%eth0", "\xe9", "fe80::1")),
        *({"QUERY_STRING": text} for text in ("format=html", "username=alice", "%", "\xe9", "=&=")),
        *(
            {"REQUEST_METHOD": text}
            for text in ("GET", "PUT", "DELETE", "OPTIONS", "HEAD", "X\x00")
        ),
        *({"HTTP_X_HTTP_METHOD_OVERRIDE": "DELETE"}, {"HTTP_CONTENT_ENCODING": "gzip"}),
        *({"HTTP_X_FORWARDED_FOR": "192.0.2.1"}, {"HTTP_TRANSFER_ENCODING": "chunked"}),
    ]
)


@st.composite
def bodies(draw: Draw, path: str) -> Body:
    """Generate requests to one endpoint, with a possibly valid token or password."""
    plan, is_form = draw(_BODY_PLANS), draw(_IS_FORM)
    token, signed, pairs, environ = "", "", [*_SIGN_IN], {}
    if path == "token/introspect/":
        environ = {"HTTP_AUTHORIZATION": draw(st.sampled_from(_CREDENTIALS))}
    if path != "token/" or not draw(_SIGNS_IN):
        case = draw(_TOKENS_OF_ENDPOINT[path])
        pairs = [(json.dumps(_TOKEN_PARAMETERS.get(path, "token")), _json(case.token))]
        if path == "token/":
            pairs.append(('"grant_type"', '"refresh_token"'))
        if isinstance(case.token, str):
            token, signed = case.token, case.signed
    encode = bytes
    for change in plan:
        if change == "edit":
            _edit(draw, pairs)
        elif change == "encode":
            encode = draw(_FORM_VARIANTS if is_form else _JSON_VARIANTS)
        elif change == "size":
            pairs.append(('"padding"', draw(_LARGE_VALUES)))
        else:
            environ |= draw(_ENVIRONS)
    body = encode(_as_form(pairs) if is_form else as_object(pairs))
    return Body(path, body, draw(_CONTENT_TYPES[is_form]), token, signed, environ)


def _edit(draw: Draw, pairs: Pairs) -> None:
    name = draw(_NAMES)
    edit, key = draw(_EDITS), json.dumps(name)
    index = next((i for i, pair in enumerate(pairs) if pair[0] == key), len(pairs))
    if edit == "remove":
        del pairs[index : index + 1]
        return
    value = draw(_VALUES.get(name, _VALUES["other"]))
    value = draw(UNBOUNDED) if value == ANY else value
    if edit == "duplicate":
        pairs.append((key, value))
    else:
        pairs[index : index + 1] = [(key, value)]


def _json(value: object) -> str:
    return json.dumps(value.decode("latin-1") if isinstance(value, bytes) else value)


def _as_form(pairs: Pairs) -> bytes:
    """Encode strings unchanged and other values as JSON."""
    both = ((_form_value(name), _form_value(value)) for name, value in pairs)
    return "&".join(f"{quote(name)}={quote_plus(value)}" for name, value in both).encode()


def _form_value(text: str) -> bytes:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        value = text
    return (value if isinstance(value, str) else text).encode("utf-8", "surrogatepass")
