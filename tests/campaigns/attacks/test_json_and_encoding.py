"""How a token is written: one strict reading of it or none (RFC 8725 section 3.7)."""

from __future__ import annotations

import json

import pytest

from tests.campaigns.attacks.forging import forgers
from tests.support.raw_tokens import MISSING, as_json


def either(forger, text):
    """With ``text`` as the last member of the header, and of the payload."""
    return forger.with_header_text(text), forger.with_payload_text(text)


def nested(depth, opening="[", closing="]"):
    return f"{opening * depth}{'1' if closing == '}' else ''}{closing * depth}"


@pytest.mark.attack(51)
def test_a_header_that_says_something_twice_is_refused(alice, server):
    for forger in forgers(server):
        first_none = {"alg": "none", **forger.header(alg=MISSING)}
        for text, members in (
            ('"alg": "HS256"', first_none),
            ('"\\u0061lg": "HS256"', first_none),
            ('"alg": "HS256"', forger.header()),
            (f'"kid": "{forger.kid}"', {"kid": "another", **forger.header(kid=MISSING)}),
            (f'"kid": "{forger.kid}"', forger.header()),
        ):
            header = f"{json.dumps(members)[:-1]}, {text}}}".encode()
            forger.refused(forger.token(header=header))


@pytest.mark.attack(52)
def test_a_payload_that_says_something_twice_is_refused(alice, server):
    for forger in forgers(server):
        members = forger.members()
        for name in ("sub", "exp", "iss", "aud", "sid"):
            forger.refused(forger.with_payload_text(f'"{name}": {json.dumps(members[name])}'))
        for text in ('"a": {"b": 1, "b": 1}', '"a": [{"b": 1, "\\u0062": 2}]', '"": 1, "": 2'):
            forger.refused(*either(forger, text))


@pytest.mark.attack(53)
def test_json_in_another_encoding_than_utf_8_is_refused(alice, server):
    for forger in forgers(server):
        header, payload = json.dumps(forger.header()), json.dumps(forger.members())
        for encoding in ("utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-le"):
            forger.refused(
                forger.token(header=header.encode(encoding)),
                forger.token(payload=payload.encode(encoding)),
            )


@pytest.mark.attack(54)
def test_text_that_is_no_text_is_refused(alice, server):
    broken = (b"\xff", b"\x80", b"\xc0\x80", b"\xc0\xaf", b"\xed\xa0\x80", b"\xe2\x82")
    control = (b"\x00", b"\n", b"\t", b"\x1f")
    for forger in forgers(server):
        for data in (*broken, *control, b"\\ud800"):
            forger.refused(
                forger.token(header=as_json(forger.header(a="@")).replace(b"@", data)),
                forger.token(payload=as_json(forger.members(a="@")).replace(b"@", data)),
            )


@pytest.mark.attack(55)
def test_numbers_that_json_does_not_have_are_refused(alice, server):
    for forger in forgers(server):
        for number in ("NaN", "Infinity", "-Infinity", "1e400", "-1e400", "[NaN]", "01", "0x1"):
            forger.refused(*either(forger, f'"a": {number}'))


@pytest.mark.attack(56)
def test_a_header_or_a_payload_that_is_no_object_is_refused(alice, server):
    for forger in forgers(server):
        for data in (b"", b"null", b"[]", b"{", b"true", b"1", b'"alice"', b'[{"sub": "1"}]'):
            forger.refused(forger.token(header=data), forger.token(payload=data))


@pytest.mark.attack(57)
def test_something_after_the_json_is_refused(alice, server):
    for forger in forgers(server):
        header, payload = as_json(forger.header()), as_json(forger.members())
        for rest in (b"{}", b"x", b"}", b",", b"\x00", b"//", payload):
            forger.refused(forger.token(header + rest), forger.token(payload=payload + rest))


@pytest.mark.attack(58, 59)
def test_json_that_is_nested_deep_is_refused(alice, server):
    for forger in forgers(server):
        for brackets in (("[", "]"), ('{"a":', "}")):
            for depth in (16, 17, 900):
                forger.refused(*either(forger, f'"a": {nested(depth, *brackets)}'))
        # Up to what a token has room for, and what a header of this server has.
        forger.refused(
            *either(forger, f'"a": {nested(2500)}'), *either(forger, f'"a": {"[" * 4000}')
        )
        forger.refused(forger.token(header=b"[" * 20_000), forger.token(payload=b"[" * 20_000))


@pytest.mark.attack(58)
def test_what_is_nested_less_is_read(alice, server):
    for forger in forgers(server):
        for token in either(forger, f'"a": {nested(15)}'):
            forger.accepted(token)


@pytest.mark.attack(60)
def test_a_number_of_5000_digits_is_refused(alice, server):
    for forger in forgers(server):
        for sign in ("", "-"):
            forger.refused(*either(forger, f'"a": {sign}{"1" * 5000}'))


@pytest.mark.attack(61)
def test_a_number_of_4000_digits_is_no_claim_of_ours(alice, server):
    for forger in forgers(server):
        for name in ("exp", "iat", "sub", "sid"):
            forger.refused(forger.with_claims(**{name: 10**4000}))
        # Nobody asks for it under another name, and nobody writes it again.
        forger.accepted(forger.with_claims(a=10**4000))
