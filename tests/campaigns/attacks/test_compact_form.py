"""The compact serialization: the work per token, and its single canonical form."""

from __future__ import annotations

import json
import sys
from contextlib import contextmanager

import pytest

from django_tokenauth.errors import InvalidToken
from tests.campaigns.attacks.forging import forgers
from tests.support.client import NOT_JSON, TOO_LARGE, malformed
from tests.support.raw_tokens import Access, Refresh, as_json, base64url

ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
#: The endpoints that accept a token in the body, and its parameter.
ROUTES = (
    ("token/refresh/", "refresh_token"),
    ("token/verify/", "token"),
    ("token/revoke/", "token"),
)


@contextmanager
def profiled(record):
    """Call ``record`` for every Python or C function call in the block."""
    before = sys.getprofile()
    sys.setprofile(record)
    try:
        yield
    finally:
        sys.setprofile(before)


def called_by(action):
    """Return the names of the functions that ``action`` calls."""
    names = set()

    def record(frame, event, argument):
        if event == "call":
            names.add(frame.f_code.co_qualname)
        elif event == "c_call":
            names.add(argument.__qualname__)

    with profiled(record):
        action()
    return names


def json_parsed_by(action):
    """Return the strings that ``action`` parses as JSON."""
    texts = []

    def record(frame, event, argument):
        if event == "call" and frame.f_code.co_qualname == "JSONDecoder.raw_decode":
            texts.append(frame.f_locals["s"])

    with profiled(record):
        action()
    return texts


def assert_rejected(maker, token):
    with pytest.raises(InvalidToken):
        maker.decode(token)


@pytest.mark.attack(58, 62, 63, 165)
@pytest.mark.parametrize("maker", [Access(), Refresh()], ids=["access", "refresh"])
class TestDecodingCost:
    """The steps of decoding, observed by the functions called."""

    matching, decoding = {"bytes.translate"}, {"a2b_base64"}
    parsing, verifying = {"JSONDecoder.raw_decode"}, {"Key.verify"}
    all_steps = {*matching, *decoding, *parsing, *verifying}

    def test_valid_token_runs_all_decoding_steps(self, maker):
        token = maker.token()
        assert called_by(lambda: maker.decode(token)) >= self.all_steps

    def test_oversized_token_runs_no_decoding_step(self, maker):
        for token in (
            maker.with_claims(**{f"a{number}": 0 for number in range(1000)}),
            maker.token(header=b"[" * 100_000),
            maker.token(payload=b"[" * 100_000),
            maker.token(payload=b'"' + b"x" * 10_000_000 + b'"'),
            "." * 1_000_000,
        ):
            assert len(token) > 8192
            called = called_by(lambda token=token: assert_rejected(maker, token))
            assert called & self.all_steps == set()

    def test_malformed_token_is_rejected_before_base64_decoding(self, maker):
        for token in ("x" * 8192, ".".join("xxx"), "." * 8192, f"{maker.token()}="):
            called = called_by(lambda token=token: assert_rejected(maker, token))
            assert called & self.all_steps == self.matching

    def test_payload_is_parsed_only_after_signature_verification(self, maker):
        header = json.dumps(maker.header()).encode()
        token = maker.token(header=header, payload=b"[" * 4000)
        forged = f"{token[:-43]}{'A' * 43}"
        parsed = json_parsed_by(lambda: assert_rejected(maker, forged))
        assert [json.loads(text) for text in parsed] == [maker.header()]


@pytest.mark.parametrize("maker", [Access(), Refresh()], ids=["access", "refresh"])
def test_issued_header_is_recognized_without_json_parsing(maker):
    token = maker.token()
    assert len(json_parsed_by(lambda: maker.decode(token))) == 1
    assert json_parsed_by(lambda: assert_rejected(maker, f"{token[:-43]}{'A' * 43}")) == []


@pytest.mark.attack(62)
def test_oversized_token_in_body_is_rejected(offline_server):
    for forger in forgers(offline_server):
        for length in (40_000, 1_000_000):
            token = forger.token(payload=b"[" * length)
            for route, name in ROUTES:
                response = offline_server.post(route, {name: token})
                assert (response.status, response.json()) == (400, TOO_LARGE)
                assert offline_server.activity.statements == []


@pytest.mark.attack(64)
def test_segment_in_noncanonical_base64_is_rejected(offline_server):
    for forger in forgers(offline_server):
        token = forger.token()
        # 43 characters encode 32 bytes, so the last one has two unused bits.
        index = ALPHABET.index(token[-1])
        assert index % 4 == 0
        forger.assert_rejected(*[f"{token[:-1]}{ALPHABET[index + bits]}" for bits in (1, 2, 3)])
        for spaces in range(3):
            header = base64url(as_json(forger.header()) + b" " * spaces)
            if len(header) % 4:
                forger.assert_rejected(
                    forger.sign_segments(noncanonical(header), token.split(".")[1])
                )


def noncanonical(segment):
    """Return another encoding of the same bytes."""
    return segment[:-1] + ALPHABET[ALPHABET.index(segment[-1]) + 1]


@pytest.mark.attack(65)
def test_segment_with_padding_is_rejected(offline_server):
    for forger in forgers(offline_server):
        header, payload, signature = forger.token().split(".")
        for padding in ("=", "==", "===", "%3D"):
            # The signature covers the padding too.
            forger.assert_rejected(
                forger.sign_segments(header + padding, payload),
                forger.sign_segments(header, payload + padding),
                f"{header}.{payload}.{signature}{padding}",
            )


@pytest.mark.attack(66)
def test_token_in_body_with_whitespace_is_rejected(offline_server):
    for forger in forgers(offline_server):
        token = forger.token()
        header, payload, _ = token.split(".")
        for space in (" ", "\n", "\r\n", "\t", "\x0b", "\xa0", "\u200b", "\ufeff", "\uff0e"):
            variants = [f"{space}{token}", f"{token}{space}", token.replace(".", f"{space}.", 1)]
            forger.assert_rejected_in_body(*variants)
            if space.isascii():
                forger.assert_rejected_in_body(forger.sign_segments(f"{header}{space}", payload))


@pytest.mark.attack(66)
def test_token_in_body_with_nul_is_rejected(offline_server):
    for forger in forgers(offline_server):
        for token in ("\x00", f"{forger.token()}\x00", f"\x00{forger.token()}"):
            for route, name in ROUTES:
                response = offline_server.post(route, {name: token})
                assert (response.status, response.json()) == (400, malformed(name))
                assert offline_server.activity.statements == []


@pytest.mark.attack(66)
def test_bearer_token_with_whitespace_is_rejected(offline_server):
    access, _ = forgers(offline_server)
    token = access.token().encode()
    for space in (b" ", b"\t", b"\x00", b"\x0b", b"\xa0", b"\r\n ", b"\xe2\x80\x8b"):
        offline_server.assert_rejects(token.replace(b".", space + b".", 1))
        offline_server.assert_rejects(token[:-20] + space + token[-20:])


@pytest.mark.attack(67)
def test_token_in_standard_base64_alphabet_is_rejected(alice, server):
    for forger in forgers(server):
        head = base64url(as_json(forger.header()))
        # The last of three such bytes encodes to the character that differs in base64url.
        for standard, urlsafe, letter in (("+", "-", ">"), ("/", "_", "?")):
            payload = base64url(as_json(forger.claims(a=letter * 3)))
            assert urlsafe in payload
            forger.assert_rejected(forger.sign_segments(head, payload.replace(urlsafe, standard)))
            forger.assert_accepted(forger.sign_segments(head, payload))


@pytest.mark.attack(68)
def test_token_without_three_segments_is_rejected(offline_server):
    for forger in forgers(offline_server):
        header, payload, signature = forger.token().split(".")
        for segments in ([""], [header], [header, payload], [header, payload, signature, ""]):
            forger.assert_rejected_in_body(".".join(segments) or "x")
        forger.assert_rejected(
            f"{header}.{payload}.{signature}.{signature}", f".{header}.{payload}"
        )
        for dots in (1, 2, 3, 30_000):
            forger.assert_rejected("." * dots)
            forger.assert_rejected(f"{header}.{payload}{'.' * dots}")
        response = offline_server.post("token/refresh/", {"refresh_token": "." * 1_000_000})
        assert (response.status, response.json()) == (400, TOO_LARGE)


@pytest.mark.attack(69)
def test_token_in_jws_json_form_is_rejected(offline_server):
    for forger in forgers(offline_server):
        header, payload, signature = forger.token().split(".")
        flat = {"protected": header, "payload": payload, "signature": signature}
        general = {
            "payload": payload,
            "signatures": [{"protected": header, "signature": signature}],
        }
        # Parsers may disagree: one reads the attacker's token, another the valid one.
        attacker_payload = base64url(as_json(forger.claims(sub="2")))
        mixed = {f"  {header}.{attacker_payload}.": "", **flat}
        for form in (flat, general, mixed):
            forger.assert_rejected(json.dumps(form), json.dumps(form, separators=(",", ":")))
            forger.assert_rejected_in_body(json.dumps(form))


@pytest.mark.attack(70)
def test_lone_surrogate_in_token_is_rejected(offline_server):
    for forger in forgers(offline_server):
        for value in ("\ud800", f"{forger.token()}\udfff", f"\udc00{forger.token()}"):
            for route, name in ROUTES:
                response = offline_server.post(route, {name: value})
                assert (response.status, response.json()) == (400, NOT_JSON)
                assert offline_server.activity.statements == []
    offline_server.assert_rejects(b"\xed\xa0\x80")


@pytest.mark.attack(71)
def test_token_not_a_string_is_rejected(offline_server):
    for forger in forgers(offline_server):
        for value in (None, True, 0, 17, 1.5, [], {}, [forger.token()], {"a": forger.token()}):
            for route, name in ROUTES:
                response = offline_server.post(route, {name: value})
                assert (response.status, response.json()) == (400, malformed(name))
                assert offline_server.activity.statements == []
