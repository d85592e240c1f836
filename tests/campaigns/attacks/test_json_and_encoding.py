"""Ambiguous JSON and encodings: a token has one strict reading (RFC 8725 section 3.7)."""

from __future__ import annotations

import json

import pytest

from tests.campaigns.attacks.forging import forgers
from tests.support.raw_tokens import MISSING, as_json


def in_each_segment(forger, text):
    """Return a token with ``text`` at the end of the header, and one of the payload."""
    return forger.with_raw_header_member(text), forger.with_raw_claim(text)


def nested(depth, opening="[", closing="]"):
    return f"{opening * depth}{'1' if closing == '}' else ''}{closing * depth}"


@pytest.mark.attack(51)
def test_duplicate_header_member_is_rejected(offline_server):
    for forger in forgers(offline_server):
        first_none = {"alg": "none", **forger.header(alg=MISSING)}
        for text, members in (
            ('"alg": "HS256"', first_none),
            ('"\\u0061lg": "HS256"', first_none),
            ('"alg": "HS256"', forger.header()),
            (f'"kid": "{forger.kid}"', {"kid": "another", **forger.header(kid=MISSING)}),
            (f'"kid": "{forger.kid}"', forger.header()),
        ):
            header = f"{json.dumps(members)[:-1]}, {text}}}".encode()
            forger.assert_rejected(forger.token(header=header))


@pytest.mark.attack(52)
def test_duplicate_claim_is_rejected(offline_server):
    for forger in forgers(offline_server):
        members = forger.claims()
        for name in ("sub", "exp", "iss", "aud", "sid"):
            forger.assert_rejected(forger.with_raw_claim(f'"{name}": {json.dumps(members[name])}'))
        for text in ('"a": {"b": 1, "b": 1}', '"a": [{"b": 1, "\\u0062": 2}]', '"": 1, "": 2'):
            forger.assert_rejected(*in_each_segment(forger, text))


@pytest.mark.attack(53)
def test_json_not_in_utf_8_is_rejected(offline_server):
    for forger in forgers(offline_server):
        header, payload = json.dumps(forger.header()), json.dumps(forger.claims())
        for encoding in ("utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-le"):
            forger.assert_rejected(
                forger.token(header=header.encode(encoding)),
                forger.token(payload=payload.encode(encoding)),
            )


@pytest.mark.attack(54)
def test_invalid_utf_8_or_control_bytes_are_rejected(offline_server):
    invalid = (b"\xff", b"\x80", b"\xc0\x80", b"\xc0\xaf", b"\xed\xa0\x80", b"\xe2\x82")
    control = (b"\x00", b"\n", b"\t", b"\x1f")
    for forger in forgers(offline_server):
        for data in (*invalid, *control, b"\\ud800"):
            forger.assert_rejected(
                forger.token(header=as_json(forger.header(a="@")).replace(b"@", data)),
                forger.token(payload=as_json(forger.claims(a="@")).replace(b"@", data)),
            )


@pytest.mark.attack(55)
def test_nan_infinity_and_malformed_numbers_are_rejected(offline_server):
    for forger in forgers(offline_server):
        for number in ("NaN", "Infinity", "-Infinity", "1e400", "-1e400", "[NaN]", "01", "0x1"):
            forger.assert_rejected(*in_each_segment(forger, f'"a": {number}'))


@pytest.mark.attack(56)
def test_header_or_payload_not_an_object_is_rejected(offline_server):
    for forger in forgers(offline_server):
        for data in (b"", b"null", b"[]", b"{", b"true", b"1", b'"alice"', b'[{"sub": "1"}]'):
            forger.assert_rejected(forger.token(header=data), forger.token(payload=data))


@pytest.mark.attack(57)
def test_token_with_data_after_its_json_is_rejected(offline_server):
    for forger in forgers(offline_server):
        header, payload = as_json(forger.header()), as_json(forger.claims())
        for rest in (b"{}", b"x", b"}", b",", b"\x00", b"//", payload):
            forger.assert_rejected(
                forger.token(header + rest), forger.token(payload=payload + rest)
            )


@pytest.mark.attack(58, 59)
def test_json_nested_over_16_levels_deep_is_rejected(offline_server):
    for forger in forgers(offline_server):
        for brackets in (("[", "]"), ('{"a":', "}")):
            for depth in (16, 17, 900):
                forger.assert_rejected(*in_each_segment(forger, f'"a": {nested(depth, *brackets)}'))
        # Up to the limit of a token, and the limit of a request header.
        forger.assert_rejected(
            *in_each_segment(forger, f'"a": {nested(2500)}'),
            *in_each_segment(forger, f'"a": {"[" * 4000}'),
        )
        forger.assert_rejected(
            forger.token(header=b"[" * 20_000), forger.token(payload=b"[" * 20_000)
        )


@pytest.mark.attack(58)
def test_json_nested_16_levels_deep_is_accepted(alice, server):
    for forger in forgers(server):
        for token in in_each_segment(forger, f'"a": {nested(15)}'):
            forger.assert_accepted(token)


@pytest.mark.attack(60)
def test_integer_of_5000_digits_is_rejected(offline_server):
    for forger in forgers(offline_server):
        for sign in ("", "-"):
            forger.assert_rejected(*in_each_segment(forger, f'"a": {sign}{"1" * 5000}'))


@pytest.mark.attack(61)
def test_integer_of_4000_digits_is_rejected_in_known_claims(alice, server):
    for forger in forgers(server):
        for name in ("exp", "iat", "sub", "sid"):
            forger.assert_rejected(forger.with_claims(**{name: 10**4000}))
        # The server never reads or prints an unknown claim.
        forger.assert_accepted(forger.with_claims(a=10**4000))
