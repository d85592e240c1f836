"""The cache of verified tokens is bounded by the memory of its entries."""

from __future__ import annotations

import gc
import json
import threading
import tracemalloc

import pytest

from django_tokenauth.tokens.claims import Claims
from django_tokenauth.tokens.verified import ENTRY_COST, VerifiedTokens, estimate_cost, is_small
from tests.support.raw_tokens import NOW, access_members


def names(number):
    return " ".join(f"{each:03x}" for each in range(number))


SHAPES = {
    "none": {},
    "three scope names": {"scope": "notes:read notes:write mail:read"},
    "400 characters": {"sub": "s" * 165, "client_id": "c" * 160},
    "wide subject": {"sub": "s" * 254 + "\U0001f600"},
    "string": {"s": "x" * 5600},
    "wide string": {"s": "x" * 5000 + "\U0001f600"},
    "integers": {"i": [1000 + number for number in range(1100)]},
    "floats": {"f": [number + 0.5 for number in range(800)]},
    "names": {"roles": [f"role:{number}" for number in range(400)]},
    "empty objects": {"d": [{} for _ in range(1800)]},
    "empty lists": {"d": [[] for _ in range(1800)]},
    "small objects": {"d": [{"a": number} for number in range(600)]},
    "small lists": {"d": [[300 + number] for number in range(700)]},
    "members": {f"k{number:04}": number for number in range(400)},
    "strings by name": {"m": {f"{number:03}": f"{number}s" for number in range(343)}},
    # A set that has just grown: see CPython's set_add_entry().
    **{f"scope of {size}": {"scope": names(size)} for size in (20, 78, 309, 1230, 1400)},
    "audiences": {"aud": ["notes", *(f"{number:03x}" for number in range(800))]},
    "amr": {"amr": [f"{number:03x}" for number in range(800)]},
    "permissions": {"p": [{"name": f"o{number}", "rights": ["r", "w"]} for number in range(140)]},
}


def entry(extra, number=0):
    claims = Claims.from_payload(access_members(sub=str(number), **extra))
    return claims, float(NOW), float(NOW + 300)


def cost(extra):
    return estimate_cost(json.dumps(access_members(**extra), separators=(",", ":")).encode())


@pytest.fixture(scope="module")
def _older_objects_exempt():
    """Exempt the objects of the earlier tests from the garbage collections of this module."""
    gc.collect()
    gc.freeze()


@pytest.mark.usefixtures("_older_objects_exempt")
@pytest.mark.parametrize("shape", SHAPES)
def test_memory_estimate_is_at_least_memory_of_cached_token(shape):
    payload = json.dumps(access_members(**SHAPES[shape]), separators=(",", ":")).encode()
    verified = VerifiedTokens(100, 10**9)
    gc.collect()
    tracemalloc.start()
    try:
        for number in range(20):
            claims = Claims.from_payload(json.loads(payload))
            verified.put(bytes([number]) * 64, (claims, float(number), float(number)))
        del claims
        gc.collect()
        memory = tracemalloc.get_traced_memory()[0] / 20
    finally:
        tracemalloc.stop()
    small = is_small(Claims.from_payload(json.loads(payload)))
    assert memory <= (ENTRY_COST if small else estimate_cost(payload))


@pytest.mark.parametrize(
    ("payload", "characters"),
    [
        ("{}", 200),
        ('{"a":[1,2]}', 200 + 80 + 72 + 56),
        ('{"a":"b c"}', 200 + 80 + 192),
        # A character outside ASCII makes each byte of the payload count as four.
        ('{"a":"é"}', 200 + 80 + 3 * 10),
        (r'{"a":"\u00e9"}', 200 + 80 + 3 * 14),
    ],
)
def test_memory_estimate_adds_costs_of_structural_characters(payload, characters):
    data = payload.encode()
    assert estimate_cost(data) == 2048 + len(data) + characters


@pytest.mark.parametrize(
    ("changes", "small"),
    [
        ({}, True),
        # The other strings have 32 characters.
        ({"sub": "s" * 200, "client_id": "c" * 168}, True),
        ({"sub": "s" * 200, "client_id": "c" * 169}, False),
        ({"sub": "\u00e9"}, False),
        ({"scope": "a b c"}, True),
        ({"scope": "a b c d"}, False),
        ({"aud": ["notes", "mail", "x"]}, False),
        ({"amr": ["pwd", "otp", "mfa"]}, False),
        ({"tenant": "acme"}, False),
        ({"acr": "urn:example:mfa"}, True),
        ({"acr": "a" * 255, "sub": "s" * 200}, False),
        ({"act": {"sub": "2"}}, False),
    ],
)
def test_claims_of_few_short_strings_are_small(changes, small):
    members = access_members(**{"aud": "notes", "scope": "a b", "amr": ["pwd"], **changes})
    assert is_small(Claims.from_payload(members)) is small


def test_token_cache_never_exceeds_its_byte_limit():
    verified = VerifiedTokens(100, 10_000)
    for number in range(50):
        verified.put(bytes([number]), entry({}, number), 3000)
        assert len(verified) == min(number + 1, 3)
    assert [number for number in range(50) if verified.get(bytes([number]))] == [47, 48, 49]


def test_large_cached_token_evicts_only_as_many_tokens_as_needed():
    verified = VerifiedTokens(100, 10_000)
    for number in range(10):
        verified.put(bytes([number]), entry({}), 1000)
    verified.put(b"large", entry({}), 7500)
    assert len(verified) == 3
    verified.put(b"small", entry({}), 500)
    assert len(verified) == 4


def test_token_above_the_byte_limit_is_not_cached():
    verified = VerifiedTokens(100, 10_000)
    verified.put(b"a", entry({}), 10_000)
    verified.put(b"b", entry({}), 10_001)
    assert verified.get(b"b") is None
    assert verified.get(b"a") is not None


def test_bytes_of_a_token_cached_again_are_counted_once():
    verified = VerifiedTokens(100, 10_000)
    for _ in range(20):
        verified.put(b"a", entry({}), 4000)
    verified.put(b"b", entry({}), 4000)
    assert len(verified) == 2


def test_token_cache_bytes_equal_sum_of_costs_in_eight_threads():
    verified = VerifiedTokens(3, 10**9)

    def work(start):
        for step in range(200):
            verified.put(bytes([(start + step) % 7]), entry({}), 100 + step)
            verified.get(bytes([step % 7]))

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert verified._bytes == sum(verified._costs.values())
    assert verified._costs.keys() == verified._verified.keys()


def test_memory_estimate_is_higher_for_objects_than_for_a_string():
    assert cost({}) < 5000
    assert cost(SHAPES["string"]) < cost(SHAPES["integers"]) < cost(SHAPES["small objects"])
