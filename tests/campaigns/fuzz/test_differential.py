"""A comparison with PyJWT: it accepts every accepted token and reads equal claims.

The tokens are valid ones with a few changes by an attacker who knows the format.
"""

from __future__ import annotations

import json
import string
from datetime import timedelta

import jwt
import pytest
import time_machine
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from django_tokenauth.errors import InvalidToken
from django_tokenauth.tokens.claims import REGISTERED
from tests.campaigns.fuzz.reference import normalized, package_claims
from tests.support.raw_tokens import (
    MISSING,
    NOW,
    SECRET_KEY,
    SESSION,
    SIGNING_KEY,
    Access,
    Refresh,
    apply_changes,
    compact,
    derived_secret,
)
from tests.support.sample_keys import Asymmetric, public_pem

LEEWAY = timedelta(seconds=30)
REPEATABLE = settings(
    derandomize=True,
    deadline=None,
    database=None,
    max_examples=400,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)

EDDSA = Asymmetric("EdDSA", LEEWAY=LEEWAY)
REFRESH_SECRET = derived_secret(SECRET_KEY, "refresh token")
SERVERS = {
    "access": (Access(LEEWAY=LEEWAY), SIGNING_KEY, "HS256"),
    "access-eddsa": (EDDSA, public_pem(EDDSA.key), "EdDSA"),
    "refresh": (Refresh(LEEWAY=LEEWAY), REFRESH_SECRET, "HS256"),
}

NAMES = [*sorted(REGISTERED), "a", "exp ", "SUB", ""]
MEMBERS = ["alg", "kid", "typ", "crit", "b64", "zip", "enc", "cty", "jwk", "jku", "x5c", "a"]
TIMES = st.integers(NOW - 700, NOW + 700) | st.sampled_from(
    [0, 1, -1, 2**31, 2**53, 10**20, 10**400]
)
WORDS = st.sampled_from(
    [
        *(
            "",
            "1",
            "none",
            "HS256",
            "ES256",
            "EdDSA",
            "at+jwt",
            "rt+jwt",
            "application/AT+JWT",
            "JWT",
        ),
        *(
            "django-tokenauth",
            "django-tokenauth ",
            "django",
            SESSION,
            SESSION.upper(),
            "a b",
            "a  b",
        ),
        *("\x00", "\ud800", "é", str(NOW + 60), "9_9", " "),
    ]
)
PLAIN = st.none() | st.booleans() | st.floats() | TIMES | WORDS | st.text(max_size=5)
VALUES = st.recursive(
    PLAIN,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS, inner, max_size=3),
    max_leaves=6,
) | st.just(MISSING)
#: Changes that keep a token valid, so that enough tokens are accepted.
HARMLESS = st.fixed_dictionaries(
    {},
    optional={
        "iat": st.integers(NOW - 40, NOW + 40),
        "exp": st.integers(NOW + 200, NOW + 300),
        "nbf": st.integers(NOW - 100, NOW + 40),
        "sub": st.text("0123456789abc", min_size=1, max_size=8),
        "aud": st.sampled_from(
            ["django-tokenauth", ["django-tokenauth"], ["b", "django-tokenauth"]]
        ),
        "scope": st.sampled_from(["a", "b a", "a b a"]),
        "amr": st.lists(st.sampled_from(["pwd", "otp"]), min_size=1, max_size=3),
        "acr": st.sampled_from(["mfa", "urn:example:mfa"]),
        "extra": st.recursive(
            st.none()
            | st.booleans()
            | st.integers()
            | st.floats(-1e9, 1e9)
            | st.text("a🔑\n", max_size=3),
            lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS, inner, max_size=3),
            max_leaves=5,
        ),
    },
)
JSON_VARIANTS = st.sampled_from(
    [
        *(lambda value: json.dumps(value).encode(),) * 12,
        lambda value: json.dumps(value, indent=1).encode(),
        lambda value: json.dumps(value, ensure_ascii=False).encode("utf-8", "surrogatepass"),
        lambda value: json.dumps(value).encode("utf-16"),
        lambda value: json.dumps(value).encode("utf-8-sig"),
        lambda value: json.dumps(value).encode() + b" ",
        lambda value: json.dumps(value).encode() + b"{}",
        lambda value: json.dumps(value).encode()[:-1] + b', "a": 1, "a": 1}',
        lambda value: json.dumps(value).encode()[:-1] + b', "a": NaN}',
        lambda value: json.dumps([value]).encode(),
        lambda value: b"",
    ]
)
CHARACTERS = st.sampled_from(string.ascii_letters + string.digits + "-_.=+/ \n\x00é\ud800")


@st.composite
def damaged(draw, token):
    """Generate ``token`` with one change of its characters or segments."""
    index = draw(st.integers(0, len(token) - 1))
    character = draw(CHARACTERS)
    segments = token.split(".")
    return draw(
        st.sampled_from(
            [
                token[:index] + character + token[index + 1 :],
                token[:index] + character + token[index:],
                token[:index] + token[index + 1 :],
                token[:index],
                f"{token}=",
                f"{token}.{character}",
                ".".join(segments[:2]),
                ".".join(segments[::-1]),
                ".".join([segments[0], segments[1], segments[1]]),
                ".".join(f"{segment}{'=' * (-len(segment) % 4)}" for segment in segments),
            ]
        )
    )


@st.composite
def tokens(draw, server):
    change = draw(
        st.sampled_from(["none", "none", "claims", "header", "encoding", "string", "key"])
    )
    header, members = server.header(), server.members(**draw(HARMLESS))
    if change == "claims":
        members = apply_changes(
            members, draw(st.dictionaries(st.sampled_from(NAMES), VALUES, max_size=3))
        )
    elif change == "header":
        header = apply_changes(
            header, draw(st.dictionaries(st.sampled_from(MEMBERS), VALUES, max_size=2))
        )
    encode = (
        [to_json, to_json] if change != "encoding" else [draw(JSON_VARIANTS), draw(JSON_VARIANTS)]
    )
    sign = server.sign if change != "key" else lambda message: server.sign(message + b".")
    token = compact(encode[0](header), encode[1](members), sign)
    return draw(damaged(token)) if change == "string" else token


def to_json(value):
    return json.dumps(value).encode()


@pytest.mark.parametrize("kind", SERVERS)
def test_pyjwt_reads_equal_claims_from_accepted_tokens(kind):
    server, key, algorithm = SERVERS[kind]
    accepted = []

    @REPEATABLE
    @given(tokens(server), st.integers(-40, 340) | st.floats(-40, 340))
    def compare(token, offset):
        try:
            claims = server.decode(token, now=NOW + offset)
        except InvalidToken:
            return
        accepted.append(token)
        with time_machine.travel(NOW + offset, tick=False):
            payload = jwt.decode(
                token,
                key,
                [algorithm],
                audience="django-tokenauth",
                issuer="django-tokenauth",
                leeway=LEEWAY,
                options={
                    "require": ["exp", "iat", "iss", "aud", "sub"],
                    # A refresh token has only ``exp`` checked.
                    "verify_iat": kind != "refresh",
                    "verify_nbf": kind != "refresh",
                    "verify_jti": kind != "refresh",
                },
            )
        assert package_claims(claims) == normalized(payload, kind.partition("-")[0])

    compare()
    # Without accepted tokens, the comparison proves nothing.
    assert len(set(accepted)) > 50


@pytest.mark.parametrize("kind", SERVERS)
def test_arbitrary_input_raises_only_invalid_token(kind):
    server, _, _ = SERVERS[kind]
    segments = st.text(string.ascii_letters + string.digits + "-_", max_size=12)

    @REPEATABLE
    @given(
        st.text(max_size=40)
        | st.text("eyJ0.-_=", max_size=40)
        | st.lists(segments, max_size=5).map(".".join)
        | st.binary(max_size=20)
        | PLAIN
    )
    def check(token):
        with pytest.raises(InvalidToken):
            server.decode(token)

    check()
