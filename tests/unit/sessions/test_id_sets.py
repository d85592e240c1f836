"""The compact set of session ids."""

from __future__ import annotations

import random
import uuid

import pytest

from django_tokenauth.sessions.id_sets import IdSet


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
    keys = [bytes(source.choices(b"\0\1", k=16)) for _ in range(3000)]
    known = set(keys[:2000])
    ids = id_set(*known)
    assert all(key in ids for key in known)
    assert [key for key in keys[2000:] if (key in ids) != (key in known)] == []


def test_id_set_finds_an_id_behind_its_shifted_copy():
    key = bytes(range(15)) + b"\0"
    shifted = key[1:] + key[:1]
    assert key not in id_set(shifted, shifted)
    assert key in id_set(shifted, shifted, key)
