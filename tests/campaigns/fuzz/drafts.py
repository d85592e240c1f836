"""Forged tokens by an attacker who knows the format, and often one of the keys.

A draft starts as a valid token. Changes follow: of members, JSON, base64, signature and characters.
The server's key signs most drafts, so that the checks after the signature are reached.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from hypothesis import strategies as st

from tests.campaigns.fuzz.servers import Sign
from tests.campaigns.fuzz.values import ANY, CLAIM_NAMES, HEADER_NAMES, UNBOUNDED, VALUES_OF, Pairs
from tests.support.raw_tokens import base64url, unbase64url

Draw = Callable[[st.SearchStrategy[Any]], Any]
ES256_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551


@dataclass
class Draft:
    """The parts of a token before encoding. Lists of two contain header and payload."""

    server: Any
    members: list[Pairs]
    encode_json: list[Callable[[bytes], bytes]] = field(default_factory=lambda: [bytes, bytes])
    encode: list[Callable[[bytes], str]] = field(default_factory=lambda: [base64url, base64url])
    sign: Sign | None = None
    forge: Callable[[bytes], bytes] = bytes
    rewrite: list[Callable[[str], str]] = field(default_factory=list)

    def build(self) -> tuple[str, str]:
        """Return the token and its signing input, empty if another key signed it."""
        signing_input = ".".join(
            encode(encode_json(as_object(pairs)))
            for encode, encode_json, pairs in zip(
                self.encode, self.encode_json, self.members, strict=True
            )
        )
        sign = self.sign or self.server.sign
        signature = self.forge(sign(signing_input.encode("utf-8", "surrogatepass")))
        token = f"{signing_input}.{base64url(signature)}"
        for rewrite in self.rewrite:
            token = rewrite(token)
        return token, signing_input if self.sign is None else ""


def as_object(pairs: Pairs) -> bytes:
    text = ",".join(f"{name}:{value}" for name, value in pairs)
    return f"{{{text}}}".encode("utf-8", "surrogatepass")


def as_pairs(members: dict[str, Any]) -> Pairs:
    return [(json.dumps(name), json.dumps(value)) for name, value in members.items()]


# Changes of members. A new member is added at the end.
_EDITS = st.sampled_from(["set"] * 6 + ["remove", "duplicate", "rename", "escape"])
_HEADER_NAMES = st.sampled_from(HEADER_NAMES)
_CLAIM_NAMES = st.sampled_from(CLAIM_NAMES)


def _edit(draw: Draw, pairs: Pairs, name: str) -> None:
    edit, key = draw(_EDITS), json.dumps(name)
    index = next((i for i, pair in enumerate(pairs) if pair[0] == key), len(pairs))
    if edit == "remove":
        del pairs[index : index + 1]
        return
    value = draw(VALUES_OF[name])
    value = draw(UNBOUNDED) if value == ANY else value
    if edit == "duplicate":
        pairs.append((key, value))
    elif edit == "rename":
        pairs[index : index + 1] = [(json.dumps(name + " "), value)]
    elif edit == "escape" and name:
        pairs[index : index + 1] = [(f'"\\u{ord(name[0]) & 0xFFFF:04x}{name[1:]}"', value)]
    else:
        pairs[index : index + 1] = [(key, value)]


def edit_header(draw: Draw, draft: Draft) -> None:
    _edit(draw, draft.members[0], draw(_HEADER_NAMES))


def edit_claims(draw: Draw, draft: Draft) -> None:
    _edit(draw, draft.members[1], draw(_CLAIM_NAMES))


# Changes of the JSON.
JSON_VARIANTS: list[Callable[[bytes], bytes]] = [
    bytes,
    lambda text: text.decode("utf-8", "replace").encode("utf-16"),
    lambda text: text.decode("utf-8", "replace").encode("utf-16-le"),
    lambda text: text.decode("utf-8", "replace").encode("utf-32"),
    lambda text: b"\xef\xbb\xbf" + text,
    lambda text: text.decode("utf-8", "replace").encode("latin-1", "replace") + b"\xe9",
    lambda text: b" \t\r\n" + text + b"\n",
    lambda text: b"\x0b" + text,
    lambda text: text + b"\x00",
    lambda text: text + b"{}",
    lambda text: text + b" null",
    lambda text: text[:-1],
    lambda text: text[1:],
    lambda text: text[: len(text) // 2],
    lambda text: text[:-1] + b",}",
    lambda text: text[:-1] + b',"a":1,"a":1}',
    lambda text: text[:-1] + b',"a":{"b":1,"b":1}}',
    lambda text: text[:-1] + b',"a":NaN}',
    lambda text: text[:-1] + b',"a":"\xff"}',
    lambda text: text[:-1] + b',"a":"\xc0\x80"}',
    lambda text: text[:-1] + b',"a":"\xed\xa0\x80"}',
    lambda text: text[:-1] + b',"a":"\x1f"}',
    lambda text: text[:-1] + b',"a":' + b"[" * 2500 + b"}",
    lambda text: text[:-1] + b',"a":' + b'{"a":' * 1500 + b"}",
    lambda text: text.replace(b'"', b"'"),
    lambda text: text.replace(b":", b" :\n").replace(b",", b" , "),
    lambda text: text.replace(b":", b"="),
    lambda text: text + b"//",
    lambda text: b"/**/" + text,
    lambda text: b"[" + text + b"]",
    lambda text: json.dumps(text.decode("utf-8", "replace")).encode(),
    base64.b64encode,
    lambda text: b"",
    lambda text: b"null",
    lambda text: b"{}",
    lambda text: b"1",
    lambda text: b'""',
]
_JSON_VARIANTS = st.sampled_from(JSON_VARIANTS)
_FIRST_TWO = st.sampled_from([1, 0])


def reencode_json(draw: Draw, draft: Draft) -> None:
    draft.encode_json[draw(_FIRST_TWO)] = draw(_JSON_VARIANTS)


# One more claim, which makes the token about as long as the limit (8 KiB), or far longer.
_LENGTHS = st.sampled_from([*range(8186, 8199), 1000, 30_000])


def lengthen(draw: Draw, draft: Draft) -> None:
    missing = draw(_LENGTHS) - len(draft.build()[0])
    draft.members[1].append(('"a"', '"' + "x" * (missing * 3 // 4 - 7) + '"'))


# Changes of the base64 encoding, before or after the signature.
_ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"


def _with_other_last_bits(segment: str) -> str:
    spare = {2: 16, 3: 4}.get(len(segment) % 4, 1)
    last = _ALPHABET.find(segment[-1:])
    return segment[:-1] + _ALPHABET[last - last % spare + (last + 1) % spare] if segment else "A"


BASE64_VARIANTS: list[Callable[[str], str]] = [
    lambda segment: segment + "=" * (-len(segment) % 4),
    lambda segment: segment + "=",
    lambda segment: segment + "==",
    lambda segment: "=" + segment,
    lambda segment: segment.translate(str.maketrans("-_", "+/")),
    _with_other_last_bits,
    lambda segment: segment + "A",
    lambda segment: segment[:-1],
    lambda segment: segment + "\n",
    lambda segment: segment[:4] + "\n" + segment[4:],
    lambda segment: segment[:4] + " " + segment[4:],
    lambda segment: segment[:4] + "%" + segment[4:],
    lambda segment: segment[:4] + "\u0131" + segment[4:],
    lambda segment: segment.swapcase(),
    lambda segment: base64url(segment.encode("utf-8", "surrogatepass")),
    lambda segment: segment.encode("utf-8", "surrogatepass").hex(),
    lambda segment: "",
    lambda segment: "".join(chr(ord(each) + 0xFEE0) for each in segment if each.isalnum()),
]
_BASE64_VARIANTS = st.sampled_from(BASE64_VARIANTS)


def reencode_signed(draw: Draw, draft: Draft) -> None:
    variant = draw(_BASE64_VARIANTS)
    draft.encode[draw(_FIRST_TWO)] = lambda data: variant(base64url(data))


# Changes of the signature.
FORGERIES: list[Callable[[bytes], bytes]] = [
    lambda signature: b"",
    lambda signature: bytes(len(signature)),
    lambda signature: b"\xff" * len(signature),
    lambda signature: signature[:-1],
    lambda signature: signature + b"\x00",
    lambda signature: b"\x00" + signature,
    lambda signature: signature[:16],
    lambda signature: signature[::-1],
    lambda signature: signature * 2,
    lambda signature: bytes([signature[0] ^ 1]) + signature[1:],
    lambda signature: signature[:-1] + bytes([signature[-1] ^ 128]),
    lambda signature: signature.hex().encode(),
    base64.b64encode,
    # ECDSA: the DER encoding, and the second signature that verifies too.
    lambda signature: encode_dss_signature(
        int.from_bytes(signature[:32]), int.from_bytes(signature[32:])
    ),
    lambda signature: (
        signature[:32] + ((ES256_ORDER - int.from_bytes(signature[32:64])) % 2**256).to_bytes(32)
    ),
    lambda signature: (ES256_ORDER % 2**256).to_bytes(32) + signature[32:],
]
_FORGERIES = st.sampled_from(FORGERIES)
_OTHER_SIGNERS = st.integers(0, 3)


def forge_signature(draw: Draw, draft: Draft) -> None:
    draft.forge = draw(_FORGERIES)


def sign_with_other_key(draw: Draw, draft: Draft) -> None:
    draft.sign = list(draft.server.other_signers.values())[draw(_OTHER_SIGNERS)]


# Changes of characters after the signature.
_CHARACTERS = st.sampled_from(
    [*_ALPHABET, *".=+/ \t\r\n\x00\x1c\x7f\x85\xa0,;:\"'%é\u2024\uff0e\u3002\ud800🔑"]
)
_POSITIONS = st.integers(0, 400)


def change_character(draw: Draw, draft: Draft) -> None:
    position, character, removed = draw(_POSITIONS), draw(_CHARACTERS), draw(_FIRST_TWO)

    def rewrite(token: str) -> str:
        index = position % (len(token) + 1)
        return token[:index] + character + token[index + removed :]

    draft.rewrite.append(rewrite)


SEGMENT_CHANGES: list[Callable[[list[str]], str]] = [
    lambda parts: ".".join(parts[:-1]),
    lambda parts: ".".join(parts[:-1]) + ".",
    lambda parts: ".".join(parts[1:]),
    lambda parts: ".".join(parts[:1]),
    lambda parts: ".".join(parts[::-1]),
    lambda parts: ".".join([*parts, ""]),
    lambda parts: ".".join(["", *parts]),
    lambda parts: ".".join([*parts, *parts]),
    lambda parts: ".".join([*parts, "AAAA", "AAAA"]),
    lambda parts: ".".join([parts[0], "", parts[-1]]),
    lambda parts: ".".join([parts[0], *parts[:-1]]),
    lambda parts: ".".join([parts[1 % len(parts)], *parts[1:]]),
    "..".join,
    "\u2024".join,
    "%2E".join,
    lambda parts: ".".join(parts)[:-7],
    lambda parts: " " + ".".join(parts),
    lambda parts: ".".join(parts) + "\n",
    lambda parts: "Bearer " + ".".join(parts),
    lambda parts: '"' + ".".join(parts) + '"',
    lambda parts: ".".join(parts) + "," + ".".join(parts),
    lambda parts: ".".join(parts).upper(),
    lambda parts: "." * 8192,
    lambda parts: "",
    lambda parts: ".".join(
        [base64url(b'{"alg":"none","typ":"at+jwt"}'), parts[1 % len(parts)], ""]
    ),
    lambda parts: json.dumps(dict(zip(("protected", "payload", "signature"), parts, strict=False))),
]
_SEGMENT_CHANGES = st.sampled_from(SEGMENT_CHANGES)
_SEGMENTS = st.sampled_from([2, 1, 0])


def rearrange_segments(draw: Draw, draft: Draft) -> None:
    change = draw(_SEGMENT_CHANGES)
    draft.rewrite.append(lambda token: change(token.split(".")))


def reencode_unsigned(draw: Draw, draft: Draft) -> None:
    variant, number = draw(_BASE64_VARIANTS), draw(_SEGMENTS)

    def rewrite(token: str) -> str:
        parts = token.split(".")
        index = number % len(parts)
        return ".".join([*parts[:index], variant(parts[index]), *parts[index + 1 :]])

    draft.rewrite.append(rewrite)


def flip_bit(draw: Draw, draft: Draft) -> None:
    """Flip one bit of the bytes of a segment."""
    number, position, bit = draw(_SEGMENTS), draw(_POSITIONS), 1 << draw(_POSITIONS) % 8

    def rewrite(token: str) -> str:
        parts = token.split(".")
        index = number % len(parts)
        try:
            data = bytearray(unbase64url(parts[index]))
        except ValueError:  # an earlier change broke the base64
            return token
        if data:
            data[position % len(data)] ^= bit
        return ".".join([*parts[:index], base64url(bytes(data)), *parts[index + 1 :]])

    draft.rewrite.append(rewrite)
