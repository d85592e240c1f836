"""Base64url without padding: each byte string has exactly one permitted encoding."""

from __future__ import annotations

import base64
import itertools

import pytest

from django_tokenauth._base64url import ALPHABET, decode, encode

# RFC 4648 section 10 without padding, and the two characters that section 5 replaces.
VECTORS = [
    (b"", b""),
    (b"f", b"Zg"),
    (b"fo", b"Zm8"),
    (b"foo", b"Zm9v"),
    (b"foob", b"Zm9vYg"),
    (b"fooba", b"Zm9vYmE"),
    (b"foobar", b"Zm9vYmFy"),
    (b"\xfb\xff", b"-_8"),
]


@pytest.mark.parametrize(("data", "encoded"), VECTORS)
def test_base64url_matches_vectors_of_rfc_4648(data, encoded):
    assert encode(data) == encoded
    assert decode(encoded) == data


@pytest.mark.parametrize("length", range(70))
def test_base64url_round_trips_0_to_69_bytes(length):
    data = bytes(7 * index % 256 for index in range(length))
    assert encode(data) == base64.urlsafe_b64encode(data).rstrip(b"=")
    assert decode(encode(data)) == data


@pytest.mark.parametrize("length", [1, 2, 3])
def test_base64url_decodes_only_canonical_encodings(length):
    decoded = set()
    for characters in itertools.product(ALPHABET, repeat=length):
        encoded = bytes(characters)
        try:
            data = decode(encoded)
        except ValueError:
            continue
        assert encode(data) == encoded
        decoded.add(data)
    # One character encodes nothing, two encode one byte, three encode two bytes.
    assert len(decoded) == (0 if length == 1 else 256 ** (length - 1))


@pytest.mark.parametrize("character", [*"+/=*. \t\n\x00~", "\xe9"])
@pytest.mark.parametrize("position", range(8))
def test_base64url_character_outside_alphabet_is_rejected(character, position):
    # With the extra character the length is a multiple of four, so any last character is permitted.
    encoded = b"Zm9vYmF"
    with pytest.raises(ValueError, match="base64"):
        decode(encoded[:position] + character.encode("latin-1") + encoded[position:])


@pytest.mark.parametrize("encoded", [b"Zg==", b"Zm8=", b"Zm9vYg==", b"Zm9v===="])
def test_base64url_padding_is_rejected(encoded):
    with pytest.raises(ValueError, match="base64"):
        decode(encoded)
