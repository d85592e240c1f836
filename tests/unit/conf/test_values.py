"""What each kind of setting may be. No message repeats the value: it may be a key."""

from __future__ import annotations

import json
import math
from datetime import timedelta
from pathlib import Path

import pytest

from django_tokenauth.conf import values as validators
from django_tokenauth.conf.values import InvalidSetting, Rate
from tests.support.confidential_clients import DIGEST, MALFORMED

A_SECRET = "swordfish-4711"
HOUR = timedelta(hours=1)
JWK = {"kty": "oct", "k": A_SECRET}
HASH = f"sha256${DIGEST}"


def some_policy(user, scopes, request):
    return scopes


GOOD = [
    (validators.text, "https://auth.example.com", "https://auth.example.com"),
    (validators.text, "이슈어", "이슈어"),
    (validators.optional_text, None, None),
    (validators.optional_text, "notes", "notes"),
    (validators.flag, True, True),
    (validators.flag, False, False),
    (validators.lifetime, timedelta(seconds=1), timedelta(seconds=1)),
    (validators.lifetime, HOUR, HOUR),
    (validators.optional_lifetime, None, None),
    (validators.optional_lifetime, HOUR, HOUR),
    (validators.at_most(60), timedelta(0), timedelta(0)),
    (validators.at_most(60), timedelta(seconds=60), timedelta(seconds=60)),
    (validators.count, 1, 1),
    (validators.optional_count, None, None),
    (validators.optional_count, 100, 100),
    (validators.optional_rate, None, None),
    (validators.optional_rate, "20/hour", Rate(20, 3600)),
    (validators.optional_rate, "1/s", Rate(1, 1)),
    (validators.optional_rate, "2/sec", Rate(2, 1)),
    (validators.optional_rate, "3/second", Rate(3, 1)),
    (validators.optional_rate, "30/min", Rate(30, 60)),
    (validators.optional_rate, "5/m", Rate(5, 60)),
    (validators.optional_rate, "5/minute", Rate(5, 60)),
    (validators.optional_rate, "7/h", Rate(7, 3600)),
    (validators.optional_rate, "1000/d", Rate(1000, 86400)),
    (validators.optional_rate, "8/day", Rate(8, 86400)),
    (validators.scopes, (), ()),
    (validators.scopes, ["notes:read", "a!#[]~"], ("notes:read", "a!#[]~")),
    (validators.scopes, {"notes:read"}, ("notes:read",)),
    (validators.scopes, frozenset({"notes:read"}), ("notes:read",)),
    (validators.hook, None, None),
    (validators.hook, some_policy, some_policy),
    (validators.hook, "math.sqrt", math.sqrt),
    (validators.key_material, A_SECRET, A_SECRET),
    (validators.key_material, b"bytes", b"bytes"),
    (validators.key_material, {"kty": "oct"}, {"kty": "oct"}),
    (validators.optional_key_material, None, None),
    (validators.optional_key_set, None, ()),
    (validators.optional_key_set, [JWK], (JWK,)),
    (validators.optional_key_set, (JWK, JWK), (JWK, JWK)),
    (validators.optional_key_set, {"keys": [JWK]}, (JWK,)),
    (validators.optional_key_set, json.dumps({"keys": [JWK]}), (JWK,)),
    (validators.optional_key_set, json.dumps([JWK]).encode(), (JWK,)),
    (validators.optional_path, None, None),
    (validators.optional_path, "/etc/keys", Path("/etc/keys")),
    (validators.optional_path, Path("/etc/keys"), Path("/etc/keys")),
    (validators.clients, None, {}),
    (validators.clients, {}, {}),
    (validators.clients, {"reports": HASH}, {"reports": HASH}),
    (validators.clients, {"reports": None}, {"reports": None}),
    (validators.optional_key_material, A_SECRET, A_SECRET),
    (validators.keys, [], ()),
    (validators.keys, [A_SECRET, b"bytes"], (A_SECRET, b"bytes")),
    (validators.keys, ({"kty": "oct"},), ({"kty": "oct"},)),
]

BAD = [
    (validators.optional_key_set, [], "each key as a JWK"),
    (validators.optional_key_set, {"keys": []}, "each key as a JWK"),
    (validators.optional_key_set, [JWK, {}], "each key as a JWK"),
    (validators.optional_key_set, [JWK, "a key"], "each key as a JWK"),
    (validators.optional_key_set, {"keys": A_SECRET}, "a list of JWKs"),
    (validators.optional_key_set, JWK, "a list of JWKs"),
    (validators.optional_key_set, "[" * 100_000, "a list of JWKs"),
    (validators.optional_key_set, b"\xff", "a list of JWKs"),
    (validators.optional_key_set, "", "a list of JWKs"),
    (validators.optional_key_set, 1, "a list of JWKs"),
    (validators.optional_path, "", "an absolute path"),
    (validators.optional_path, "keys", "an absolute path"),
    (validators.optional_path, Path("keys"), "an absolute path"),
    (validators.optional_path, 1, "an absolute path"),
    (validators.clients, [("reports", HASH)], "Give a dict"),
    (validators.clients, {"reports": A_SECRET}, "Run manage.py tokenauth_client NAME"),
    (validators.clients, {"reports": HASH.encode()}, "wrong for 'reports'."),
    (validators.clients, {"reports": True}, "wrong for 'reports'."),
    (validators.clients, {"a": "", "b": HASH, "c": "!", "d": None}, "wrong for 'a', 'c'."),
    *((validators.clients, {"reports": value}, "wrong for 'reports'.") for value in MALFORMED),
    (validators.clients, {"": HASH}, "not empty"),
    (validators.clients, {1: HASH}, "not empty"),
    (validators.text, "", "not empty"),
    (validators.text, None, "not empty"),
    (validators.text, b"notes", "not empty"),
    (validators.text, 17, "not empty"),
    (validators.text, "two\nlines", "not empty"),
    (validators.text, "NUL\x00", "not empty"),
    (validators.text, "half a pair \ud800", "not empty"),
    (validators.optional_text, "", "not empty"),
    (validators.flag, 1, "True or False"),
    (validators.flag, None, "True or False"),
    (validators.flag, "False", "True or False"),
    (validators.lifetime, 300, "timedelta(minutes=5)"),
    (validators.lifetime, None, "timedelta(minutes=5)"),
    (validators.lifetime, True, "timedelta(minutes=5)"),
    (validators.lifetime, timedelta(0), "at least a second"),
    (validators.lifetime, timedelta(milliseconds=999), "at least a second"),
    (validators.lifetime, -HOUR, "at least a second"),
    (validators.optional_lifetime, 0, "timedelta"),
    (validators.optional_lifetime, timedelta(0), "at least a second"),
    (validators.at_most(60), 10, "timedelta(seconds=10)"),
    (validators.at_most(60), float("nan"), "timedelta(seconds=10)"),
    (validators.at_most(60), float("inf"), "timedelta(seconds=10)"),
    (validators.at_most(60), None, "timedelta(seconds=10)"),
    (validators.at_most(60), timedelta(seconds=60, microseconds=1), "from 0 to 60 seconds"),
    (validators.at_most(120), timedelta(microseconds=-1), "from 0 to 120 seconds"),
    (validators.at_most(120), timedelta(days=1), "from 0 to 120 seconds"),
    (validators.count, 0, "above zero"),
    (validators.count, -1, "above zero"),
    (validators.count, True, "above zero"),
    (validators.count, 1.0, "above zero"),
    (validators.count, "1", "above zero"),
    (validators.count, None, "above zero"),
    (validators.optional_count, 0, "above zero"),
    (validators.optional_rate, "", '"20/hour"'),
    (validators.optional_rate, 20, '"20/hour"'),
    (validators.optional_rate, "20", '"20/hour"'),
    (validators.optional_rate, "0/hour", '"20/hour"'),
    (validators.optional_rate, "020/hour", '"20/hour"'),
    (validators.optional_rate, "-1/hour", '"20/hour"'),
    (validators.optional_rate, "20/hours", '"20/hour"'),
    (validators.optional_rate, "20/hour\n", '"20/hour"'),
    (validators.optional_rate, "20 / hour", '"20/hour"'),
    (validators.optional_rate, "2\u0660/hour", '"20/hour"'),
    (validators.optional_rate, "20/week", '"20/hour"'),
    (validators.optional_rate, ("20", "hour"), '"20/hour"'),
    (validators.scopes, "notes:read", '["notes:read"]'),
    (validators.scopes, None, '["notes:read"]'),
    (validators.scopes, ["notes read"], '["notes:read"]'),
    (validators.scopes, ['quoted"'], '["notes:read"]'),
    (validators.scopes, ["back\\slash"], '["notes:read"]'),
    (validators.scopes, [""], '["notes:read"]'),
    (validators.scopes, ["notes:read\n"], '["notes:read"]'),
    (validators.scopes, ["쓰기"], '["notes:read"]'),
    (validators.scopes, [None], '["notes:read"]'),
    (validators.scopes, {"notes:read": True}, '["notes:read"]'),
    (validators.hook, 17, "a function"),
    (validators.hook, "math.pi", "a function"),
    (validators.hook, "", "dotted path"),
    (validators.hook, "policy", "dotted path"),
    (validators.hook, "no_such_project.policy", "dotted path"),
    (validators.hook, "math.no_such_function", "dotted path"),
    (validators.hook, ".policy", "dotted path"),
    (validators.hook, "..policy", "dotted path"),
    (validators.key_material, None, "a JWK"),
    (validators.key_material, 17, "a JWK"),
    (validators.key_material, [A_SECRET], "a JWK"),
    (validators.key_material, bytearray(b"bytes"), "a JWK"),
    (validators.key_material, "", "empty"),
    (validators.key_material, b"", "empty"),
    (validators.key_material, {}, "empty"),
    (validators.optional_key_material, "", "empty"),
    (validators.keys, None, "a list of keys"),
    (validators.keys, A_SECRET, "a list of keys"),
    (validators.keys, b"bytes", "a list of keys"),
    (validators.keys, {"kty": "oct"}, "a list of keys"),
    (validators.keys, {A_SECRET}, "a list of keys"),
    (validators.keys, [A_SECRET, None], "a JWK"),
    (validators.keys, [A_SECRET, ""], "empty"),
    (validators.keys, [[A_SECRET]], "a JWK"),
]


def name_of(value):
    return getattr(value, "__qualname__", None)


@pytest.mark.parametrize(("kind", "value", "expected"), GOOD, ids=name_of)
def test_a_good_value_is_taken(kind, value, expected):
    assert kind(value) == expected


@pytest.mark.parametrize(("kind", "value", "hint"), BAD, ids=name_of)
def test_a_bad_value_is_refused_with_what_to_give_instead(kind, value, hint):
    with pytest.raises(InvalidSetting, match=r"\A(Give|The) .*\.\Z") as caught:
        kind(value)
    assert hint in str(caught.value)


@pytest.mark.parametrize(
    "kind",
    [
        validators.flag,
        validators.lifetime,
        validators.at_most(60),
        validators.count,
        validators.optional_rate,
        validators.scopes,
        validators.hook,
        validators.keys,
        validators.optional_key_set,
        validators.optional_path,
        validators.clients,
    ],
)
def test_a_key_in_the_wrong_setting_is_not_repeated(kind):
    with pytest.raises(InvalidSetting) as caught:
        kind(A_SECRET)
    assert A_SECRET not in str(caught.value)
    assert caught.value.__suppress_context__ or caught.value.__context__ is None


@pytest.mark.parametrize(
    "value", [[A_SECRET], {"keys": [A_SECRET]}, f'{{"keys": ["{A_SECRET}"', {"reports": A_SECRET}]
)
@pytest.mark.parametrize("kind", [validators.optional_key_set, validators.clients])
def test_nor_is_one_inside_of_it(kind, value):
    with pytest.raises(InvalidSetting) as caught:
        kind(value)
    assert A_SECRET not in str(caught.value)
    assert caught.value.__suppress_context__ or caught.value.__context__ is None


def test_the_clients_cannot_be_changed_afterwards():
    given = {"reports": HASH}
    clients = validators.clients(given)
    given["another"] = HASH
    assert clients == {"reports": HASH}
    with pytest.raises(TypeError):
        clients["another"] = HASH


def test_a_lifetime_that_no_calendar_can_hold_is_refused():
    # now + timedelta.max is an OverflowError at each sign-in.
    with pytest.raises(InvalidSetting):
        validators.lifetime(timedelta.max)


def test_a_text_that_no_claim_can_hold_is_refused():
    # Claims are at most 255 characters long: the server would refuse its own tokens.
    assert validators.text("i" * 255) == "i" * 255
    with pytest.raises(InvalidSetting):
        validators.text("i" * 256)
