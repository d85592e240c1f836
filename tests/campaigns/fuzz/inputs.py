"""The inputs: what is given to a target, as a value that can be printed and typed in again."""

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
    """``token`` is mostly a text. ``signed`` is what the real key signed for the forger."""

    token: Any
    signed: str = ""


@dataclass(frozen=True)
class Header:
    """The value of ``Authorization``, and the token that went into it."""

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


Input = Token | Header | Body
_KINDS = {"Token": Token, "Header": Header, "Body": Body}


def to_text(value: Input) -> str:
    """``value`` as a text of letters that every shell leaves alone."""

    def plain(item: object) -> dict[str, str]:
        assert isinstance(item, bytes)
        return {"base64": base64.b64encode(item).decode()}

    data = json.dumps([type(value).__name__, asdict(value)], default=plain)
    return base64.urlsafe_b64encode(data.encode()).decode()


def from_text(text: str) -> Input:
    """The reverse. Raises ``ValueError`` for what is none of ours."""

    def bytes_of(item: dict[str, Any]) -> Any:
        return base64.b64decode(item["base64"]) if item.keys() == {"base64"} else item

    kind, members = json.loads(base64.urlsafe_b64decode(text), object_hook=bytes_of)
    if kind not in _KINDS or members.keys() != {item.name for item in fields(_KINDS[kind])}:
        raise ValueError("not an input of the fuzzer")
    return _KINDS[kind](**members)


# Changes that leave a token good, so that enough of them are.
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
    [("roles", '["admin",{"of":[1,2.5,null,true,"\\ud83d\\udd11"]}]')],
    [("nested", "[" * 15 + "]" * 15)],
    [("auth_time", str(NOW - 9)), ("client_id", '"notes"')],
    [("auth_time", str(NOW - 9)), ("client_id", '"notes"'), ("scope", '"a"'), ("amr", '["pwd"]')],
]


# Changes of two members that have to go together to do any harm.
_IN_STEP: list[Pairs] = [
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


def _change_in_step(draw: Draw, draft: Draft) -> None:
    changes = {f'"{name}"': value for name, value in draw(_CHANGES_IN_STEP)}
    draft.members[1] = list({**dict(draft.members[1]), **changes}.items())


def _stay_harmless(draw: Draw, draft: Draft) -> None:
    changes = {f'"{name}"': value for name, value in draw(_HARMLESS_CHANGES)}
    draft.members[1] = list({**dict(draft.members[1]), **changes}.items())


_CHANGES_IN_STEP = st.sampled_from(_IN_STEP)
_HARMLESS_CHANGES = st.sampled_from(_HARMLESS)
_CHANGES = {
    "harmless": _stay_harmless,
    "in step": _change_in_step,
    "header": drafts.edit_header,
    "claims": drafts.edit_claims,
    "json": drafts.respell,
    "length": drafts.stretch,
    "signed base64": drafts.reencode_signed,
    "signature": drafts.forge,
    "stranger": drafts.sign_as_a_stranger,
    "base64": drafts.reencode_unsigned,
    "letter": drafts.type_wrong,
    "surgery": drafts.operate,
    "bit": drafts.flip,
}
#: How often what is done to a token, one change after the other.
_PLANS = [
    (),
    *[("harmless",)] * 4,
    *[("harmless", "harmless")] * 4,
    *[("claims",)] * 22,
    *[("harmless", "claims")] * 6,
    *[("in step", "claims")] * 2,
    *[("claims", "claims")] * 6,
    *[("header",)] * 14,
    *[("header", "header")] * 4,
    *[("header", "stranger")] * 6,
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
    ("stranger",),
    *[("stranger", "claims")] * 4,
    ("base64",),
    *[("base64", "harmless")] * 3,
    *[("base64", "claims")] * 3,
    *[("letter",)] * 2,
    *[("harmless", "letter")] * 4,
    *[("harmless", "surgery")] * 3,
    *[("claims", "surgery")] * 3,
    *[("harmless", "bit")] * 6,
    *[("claims", "bit")] * 3,
    *[("bit", "bit")] * 2,
    *[("base64", "surgery")] * 2,
    *[("surgery", "letter")] * 2,
    *[None] * 3,
]
_DRAWN_PLANS = st.sampled_from(_PLANS)
#: What was never a token. JSON can bring any of it, and so can a project that calls the functions.
_STRANGE = (
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
def _parts_of_a_good_token(name: str) -> tuple[Pairs, Pairs]:
    of = server(name)
    return as_pairs(of.header()), as_pairs(of.members())


@st.composite
def tokens(draw: Draw, name: str) -> Token:
    """Tokens for the server of this name, from good ones to hopeless ones."""
    of, plan = server(name), draw(_DRAWN_PLANS)
    if plan is None:
        return draw(_STRANGE)
    draft = Draft(of, [list(pairs) for pairs in _parts_of_a_good_token(name)])
    for change in plan:
        _CHANGES[change](draw, draft)
    return Token(*draft.written())
