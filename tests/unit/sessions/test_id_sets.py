"""The compact set of session ids."""

from __future__ import annotations

import random
import uuid
from collections import Counter

import pytest

from django_tokenauth.sessions.id_sets import IdSet, _part_of


def id_set(*keys):
    ids = IdSet()
    ids.update(keys)
    return ids


def test_id_set_contains_exactly_the_added_ids():
    known, unknown = ([uuid.uuid4().bytes for _ in range(20_000)] for _ in range(2))
    ids = id_set(*known[:10])
    ids.update(known[10:])
    ids.update([])
    assert len(ids) == 20_000
    assert all(key in ids for key in known)
    assert not any(key in ids for key in unknown)


@pytest.mark.parametrize("seed", range(20))
def test_id_set_ignores_a_match_across_two_stored_ids(seed):
    """Ids with two different bytes only, so that every offset looks like an id."""
    source = random.Random(seed)  # noqa: S311
    keys = [bytes(source.choices(b"\0\1", k=16)) for _ in range(1500)]
    known = set(keys[:1000])
    ids = id_set(*known)
    assert all(key in ids for key in known)
    assert [key for key in keys[1000:] if (key in ids) != (key in known)] == []


@pytest.mark.parametrize("shift", [1, 15])
def test_id_set_finds_an_id_behind_its_shifted_copy(shift):
    # The last bytes of both are zero, so they are in the same part.
    key = b"\0" + bytes(range(1, 13)) + b"\0\0\0"
    shifted = key[shift:] + key[:shift]
    assert key in shifted + shifted
    assert key not in id_set(shifted, shifted)
    assert key in id_set(shifted, shifted, key)


def test_id_set_finds_an_id_one_byte_behind_another_match():
    key, before = bytes(16), bytes(14) + b"\x40\0"
    assert (before + key).find(key) == 15
    assert key in id_set(before, key)


def test_id_set_spreads_ids_evenly_over_its_parts():
    """A lookup searches a whole part, so uneven parts would make it slow."""
    sizes = Counter(_part_of(bytes(14) + number.to_bytes(2)) for number in range(1 << 16))
    assert sizes == Counter(dict.fromkeys(range(1 << 14), 4))
