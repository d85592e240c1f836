"""The compact form: how much of a token is looked at, and the one way to write it."""

from __future__ import annotations

import json
import sys
from contextlib import contextmanager

import pytest

from django_tokenauth.errors import InvalidToken
from tests.campaigns.attacks.forging import forgers
from tests.support.client import INVALID_REQUEST, malformed
from tests.support.raw_tokens import Access, Refresh, as_json, base64url

ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
#: Where a token comes in a body, and under which name.
ROUTES = (
    ("token/refresh/", "refresh_token"),
    ("token/verify/", "token"),
    ("token/revoke/", "token"),
)


@contextmanager
def noting(note):
    """Calls ``note`` for every function, Python's or C's, that is called meanwhile."""
    before = sys.getprofile()
    sys.setprofile(note)
    try:
        yield
    finally:
        sys.setprofile(before)


def called_by(action):
    """The names of the functions that ``action`` calls."""
    names = set()

    def note(frame, event, argument):
        if event == "call":
            names.add(frame.f_code.co_qualname)
        elif event == "c_call":
            names.add(argument.__qualname__)

    with noting(note):
        action()
    return names


def texts_read_by(action):
    """The texts that ``action`` reads as JSON."""
    texts = []

    def note(frame, event, argument):
        if event == "call" and frame.f_code.co_qualname == "JSONDecoder.raw_decode":
            texts.append(frame.f_locals["s"])

    with noting(note):
        action()
    return texts


def refuse(maker, token):
    with pytest.raises(InvalidToken):
        maker.decode(token)


@pytest.mark.attack(58, 62, 63, 165)
@pytest.mark.parametrize("maker", [Access(), Refresh()], ids=["access", "refresh"])
class TestCost:
    """What the decoder does for a token, read off the functions that it calls."""

    matching, decoding = {"bytes.translate"}, {"a2b_base64"}
    reading, verifying = {"JSONDecoder.raw_decode"}, {"Key.verify"}
    all_of_it = {*matching, *decoding, *reading, *verifying}

    def test_a_good_token_costs_all_of_it(self, maker):
        token = maker.token()
        assert called_by(lambda: maker.decode(token)) >= self.all_of_it

    def test_a_token_above_the_size_costs_nothing(self, maker):
        for token in (
            maker.with_claims(**{f"a{number}": 0 for number in range(1000)}),
            maker.token(header=b"[" * 100_000),
            maker.token(payload=b"[" * 100_000),
            maker.token(payload=b'"' + b"x" * 10_000_000 + b'"'),
            "." * 1_000_000,
        ):
            assert len(token) > 8192
            called = called_by(lambda token=token: refuse(maker, token))
            assert called & self.all_of_it == set()

    def test_a_token_that_is_no_token_is_not_read(self, maker):
        for token in ("x" * 8192, ".".join("xxx"), "." * 8192, f"{maker.token()}="):
            called = called_by(lambda token=token: refuse(maker, token))
            assert called & self.all_of_it == self.matching

    def test_a_payload_is_not_read_before_its_signature_holds(self, maker):
        header = json.dumps(maker.header()).encode()
        token = maker.token(header=header, payload=b"[" * 4000)
        forged = f"{token[:-43]}{'A' * 43}"
        read = texts_read_by(lambda: refuse(maker, forged))
        assert [json.loads(text) for text in read] == [maker.header()]


@pytest.mark.parametrize("maker", [Access(), Refresh()], ids=["access", "refresh"])
def test_a_header_as_the_package_writes_it_is_not_read_at_all(maker):
    token = maker.token()
    assert len(texts_read_by(lambda: maker.decode(token))) == 1
    assert texts_read_by(lambda: refuse(maker, f"{token[:-43]}{'A' * 43}")) == []


@pytest.mark.attack(62)
def test_a_body_above_the_size_is_no_request(alice, server):
    for forger in forgers(server):
        for length in (40_000, 1_000_000):
            token = forger.token(payload=b"[" * length)
            for route, name in ROUTES:
                answer = server.post(route, {name: token})
                assert (answer.status, answer.json()) == (400, INVALID_REQUEST)
                assert server.seen.statements == []


@pytest.mark.attack(64)
def test_a_segment_has_one_spelling(alice, server):
    for forger in forgers(server):
        token = forger.token()
        # 43 characters for 32 bytes: of the last one two bits carry nothing.
        place = ALPHABET.index(token[-1])
        assert place % 4 == 0
        forger.refused(*[f"{token[:-1]}{ALPHABET[place + bits]}" for bits in (1, 2, 3)])
        for blanks in range(3):
            header = base64url(as_json(forger.header()) + b" " * blanks)
            if len(header) % 4:
                forger.refused(forger.sealed(next_of(header), token.split(".")[1]))


def next_of(segment):
    """Another spelling of the same bytes."""
    return segment[:-1] + ALPHABET[ALPHABET.index(segment[-1]) + 1]


@pytest.mark.attack(65)
def test_a_segment_with_padding_is_refused(alice, server):
    for forger in forgers(server):
        header, payload, signature = forger.token().split(".")
        for padding in ("=", "==", "===", "%3D"):
            # The signature is over the padding too.
            forger.refused(
                forger.sealed(header + padding, payload),
                forger.sealed(header, payload + padding),
                f"{header}.{payload}.{signature}{padding}",
            )


@pytest.mark.attack(66)
def test_white_space_and_other_signs_are_not_left_out(alice, server):
    for forger in forgers(server):
        token = forger.token()
        header, payload, _ = token.split(".")
        for odd in (" ", "\n", "\r\n", "\t", "\x0b", "\xa0", "\u200b", "\ufeff", "\uff0e"):
            inside = [f"{odd}{token}", f"{token}{odd}", token.replace(".", f"{odd}.", 1)]
            forger.refused_in_a_body(*inside)
            if odd.isascii():
                forger.refused_in_a_body(forger.sealed(f"{header}{odd}", payload))


@pytest.mark.attack(66)
def test_a_token_with_a_nul_is_no_parameter(alice, server):
    for forger in forgers(server):
        for token in ("\x00", f"{forger.token()}\x00", f"\x00{forger.token()}"):
            for route, name in ROUTES:
                answer = server.post(route, {name: token})
                assert (answer.status, answer.json()) == (400, malformed(name))
                assert server.seen.statements == []


@pytest.mark.attack(66)
def test_nor_are_they_in_a_header(alice, server):
    access, _ = forgers(server)
    token = access.token().encode()
    for odd in (b" ", b"\t", b"\x00", b"\x0b", b"\xa0", b"\r\n ", b"\xe2\x80\x8b"):
        server.refuses(token.replace(b".", odd + b".", 1))
        server.refuses(token[:-20] + odd + token[-20:])


@pytest.mark.attack(67)
def test_the_other_alphabet_of_base64_is_refused(alice, server):
    for forger in forgers(server):
        head = base64url(as_json(forger.header()))
        # As the last of three bytes, this letter ends in the sign that the alphabets have apart.
        for standard, ours, letter in (("+", "-", ">"), ("/", "_", "?")):
            payload = base64url(as_json(forger.members(a=letter * 3)))
            assert ours in payload
            forger.refused(forger.sealed(head, payload.replace(ours, standard)))
            forger.accepted(forger.sealed(head, payload))


@pytest.mark.attack(68)
def test_a_token_has_three_segments(alice, server):
    for forger in forgers(server):
        header, payload, signature = forger.token().split(".")
        for segments in ([""], [header], [header, payload], [header, payload, signature, ""]):
            forger.refused_in_a_body(".".join(segments) or "x")
        forger.refused(f"{header}.{payload}.{signature}.{signature}", f".{header}.{payload}")
        for dots in (1, 2, 3, 30_000):
            forger.refused("." * dots)
            forger.refused(f"{header}.{payload}{'.' * dots}")
        answer = server.post("token/refresh/", {"refresh_token": "." * 1_000_000})
        assert (answer.status, answer.json()) == (400, INVALID_REQUEST)


@pytest.mark.attack(69)
def test_a_token_in_the_json_form_is_refused(alice, server):
    for forger in forgers(server):
        header, payload, signature = forger.token().split(".")
        flat = {"protected": header, "payload": payload, "signature": signature}
        general = {
            "payload": payload,
            "signatures": [{"protected": header, "signature": signature}],
        }
        # To one reader a token of the attacker, to another one the good token around it.
        other = base64url(as_json(forger.members(sub="2")))
        mixed = {f"  {header}.{other}.": "", **flat}
        for form in (flat, general, mixed):
            forger.refused(json.dumps(form), json.dumps(form, separators=(",", ":")))
            forger.refused_in_a_body(json.dumps(form))


@pytest.mark.attack(70)
def test_half_a_surrogate_pair_is_no_text(alice, server):
    for forger in forgers(server):
        for odd in ("\ud800", f"{forger.token()}\udfff", f"\udc00{forger.token()}"):
            for route, name in ROUTES:
                answer = server.post(route, {name: odd})
                assert (answer.status, answer.json()) == (400, INVALID_REQUEST)
                assert server.seen.statements == []
    server.refuses(b"\xed\xa0\x80")


@pytest.mark.attack(71)
def test_a_token_is_a_text(alice, server):
    for forger in forgers(server):
        for value in (None, True, 0, 17, 1.5, [], {}, [forger.token()], {"a": forger.token()}):
            for route, name in ROUTES:
                answer = server.post(route, {name: value})
                assert (answer.status, answer.json()) == (400, malformed(name))
                assert server.seen.statements == []
