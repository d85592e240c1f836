"""The inputs of the targets, as values that can be printed and replayed."""

from __future__ import annotations

import base64
import json
from dataclasses import asdict, dataclass, field, fields
from functools import cache
from typing import Any

from hypothesis import strategies as st

from tests.campaigns.fuzz import drafts
from tests.campaigns.fuzz.drafts import Draft, Draw, as_pairs
from tests.campaigns.fuzz.servers import server
from tests.campaigns.fuzz.values import Pairs
from tests.support.raw_tokens import NOW


@dataclass(frozen=True)
class Token:
    """A token, and the signing input that the server's key signed, if any."""

    token: Any
    signed: str = ""


@dataclass(frozen=True)
class Header:
    """The value of ``Authorization``, and the signing input of its token."""

    header: str
    signed: str = ""


@dataclass(frozen=True)
class Body:
    """A request to one of the token endpoints."""

    path: str
    body: bytes
    content_type: str
    token: str = ""
    signed: str = ""
    environ: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class GatewayRequest:
    """A request to ``token/forward-auth/``, and the signing input of its token."""

    method: str
    query: str
    header: str
    signed: str = ""


Input = Token | Header | Body | GatewayRequest
_KINDS = {kind.__name__: kind for kind in (Token, Header, Body, GatewayRequest)}


def to_text(value: Input) -> str:
    """Return ``value`` as a string without characters that a shell interprets."""

    def encode_bytes(item: object) -> dict[str, str]:
        assert isinstance(item, bytes)
        return {"base64": base64.b64encode(item).decode()}

    data = json.dumps([type(value).__name__, asdict(value)], default=encode_bytes)
    return base64.urlsafe_b64encode(data.encode()).decode()


def from_text(text: str) -> Input:
    """Return the input of :func:`to_text`. Raises ``ValueError`` for other strings."""

    def decode_bytes(item: dict[str, Any]) -> Any:
        return base64.b64decode(item["base64"]) if item.keys() == {"base64"} else item

    kind, members = json.loads(base64.urlsafe_b64decode(text), object_hook=decode_bytes)
    if kind not in _KINDS or members.keys() != {item.name for item in fields(_KINDS[kind])}:
        raise ValueError("not an input of the fuzzer")
    return _KINDS[kind](**members)


# Changes that keep a token valid, so that enough tokens are accepted.
_HARMLESS: list[Pairs] = [
    [("iat", str(NOW - 200)), ("exp", str(NOW + 60))],
    [("iat", str(NOW - 300)), ("exp", str(NOW))],
    [("iat", str(NOW + 29)), ("exp", str(NOW + 300))],
    [("nbf", str(NOW))],
    [("nbf", str(NOW + 30))],
    [("sub", '"0f8fad5b"')],
    [("aud", '["other","django-tokenauth"]')],
    [("scope", '"b a c"')],
    [("amr", '["pwd","otp"]')],
    [("acr", '"urn:example:mfa"')],
    [("roles", '["admin",{"of":[1,2.5,null,true,"\\ud83d\\udd11"]}]')],
    [("nested", "[" * 15 + "]" * 15)],
    [("auth_time", str(NOW - 9)), ("client_id", '"notes"')],
    [("auth_time", str(NOW - 9)), ("client_id", '"notes"'), ("scope", '"a"'), ("amr", '["pwd"]')],
]


# Combined changes of two members.
_COMBINED: list[Pairs] = [
    *(
        [("iss", issuer), ("aud", issuer)]
        for issuer in (
            '"django"',
            '"django-tokenauth/"',
            '"Django-Tokenauth"',
            '["django-tokenauth"]',
        )
    ),
    [("iat", str(NOW - 900)), ("exp", str(NOW - 600))],
    [("iat", str(NOW + 600)), ("exp", str(NOW + 900))],
    [("nbf", str(NOW + 20)), ("exp", str(NOW + 20))],
]


def _combine(draw: Draw, draft: Draft) -> None:
    changes = {f'"{name}"': value for name, value in draw(_COMBINED_CHANGES)}
    draft.members[1] = list({**dict(draft.members[1]), **changes}.items())


def _change_harmlessly(draw: Draw, draft: Draft) -> None:
    changes = {f'"{name}"': value for name, value in draw(_HARMLESS_CHANGES)}
    draft.members[1] = list({**dict(draft.members[1]), **changes}.items())


_COMBINED_CHANGES = st.sampled_from(_COMBINED)
_HARMLESS_CHANGES = st.sampled_from(_HARMLESS)
_CHANGES = {
    "harmless": _change_harmlessly,
    "combined": _combine,
    "header": drafts.edit_header,
    "claims": drafts.edit_claims,
    "json": drafts.reencode_json,
    "length": drafts.lengthen,
    "signed base64": drafts.reencode_signed,
    "signature": drafts.forge_signature,
    "other key": drafts.sign_with_other_key,
    "base64": drafts.reencode_unsigned,
    "character": drafts.change_character,
    "segments": drafts.rearrange_segments,
    "bit": drafts.flip_bit,
}
#: Sequences of changes, repeated by their weight.
_PLANS = [
    (),
    *[("harmless",)] * 4,
    *[("harmless", "harmless")] * 4,
    *[("claims",)] * 22,
    *[("harmless", "claims")] * 6,
    *[("combined", "claims")] * 2,
    *[("claims", "claims")] * 6,
    *[("header",)] * 14,
    *[("header", "header")] * 4,
    *[("header", "other key")] * 6,
    *[("header", "signature")] * 2,
    *[("harmless", "header")] * 3,
    *[("header", "claims")] * 3,
    *[("json",)] * 2,
    *[("json", "claims")] * 4,
    *[("harmless", "json")] * 4,
    ("length",),
    ("harmless", "length"),
    ("length", "claims"),
    ("signed base64",),
    *[("signed base64", "harmless")] * 2,
    ("signature",),
    *[("signature", "claims")] * 3,
    *[("signature", "harmless")] * 2,
    ("other key",),
    *[("other key", "claims")] * 4,
    ("base64",),
    *[("base64", "harmless")] * 3,
    *[("base64", "claims")] * 3,
    *[("character",)] * 2,
    *[("harmless", "character")] * 4,
    *[("harmless", "segments")] * 3,
    *[("claims", "segments")] * 3,
    *[("harmless", "bit")] * 6,
    *[("claims", "bit")] * 3,
    *[("bit", "bit")] * 2,
    *[("base64", "segments")] * 2,
    *[("segments", "character")] * 2,
    *[None] * 3,
]
_DRAWN_PLANS = st.sampled_from(_PLANS)
#: Values that are not tokens. JSON and callers of the functions can contain each of them.
_NOT_TOKENS = (
    st.text(max_size=60)
    | st.text("eyJ0.-_=", max_size=60)
    | st.lists(st.text("eyJhbGciOi-_01", max_size=16), max_size=5).map(".".join)
    | st.binary(max_size=20)
    | st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.lists(st.text(max_size=3), max_size=3)
    | st.dictionaries(st.text(max_size=3), st.integers(), max_size=2)
).map(Token)


@cache
def _valid_pairs(name: str) -> tuple[Pairs, Pairs]:
    valid = server(name)
    return as_pairs(valid.header()), as_pairs(valid.members())


@st.composite
def tokens(draw: Draw, name: str) -> Token:
    """Generate tokens for the server ``name``, from valid to random ones."""
    target, plan = server(name), draw(_DRAWN_PLANS)
    if plan is None:
        return draw(_NOT_TOKENS)
    draft = Draft(target, [list(pairs) for pairs in _valid_pairs(name)])
    for change in plan:
        _CHANGES[change](draw, draft)
    return Token(*draft.build())
