"""Permitted values of each kind of setting. Errors contain no value that can be a secret."""

from __future__ import annotations

import json
import math
import sys
from datetime import UTC, date, datetime, timedelta, timezone
from pathlib import Path

import pytest

from django_tokenauth.conf import names, values
from django_tokenauth.conf.clients import Client, parse_clients
from django_tokenauth.conf.values import InvalidSetting, Rate
from tests.support.confidential_clients import DIGEST, MALFORMED

A_SECRET = "swordfish-4711"
HOUR = timedelta(hours=1)
JWK = {"kty": "oct", "k": A_SECRET}
HASH = f"sha256${DIGEST}"


def some_policy(user, scopes, request):
    return scopes


VALID = [
    (values.string, "https://auth.example.com", "https://auth.example.com"),
    (values.string, "이슈어", "이슈어"),
    (values.optional_string, None, None),
    (values.optional_string, "notes", "notes"),
    (values.flag, True, True),
    (values.flag, False, False),
    (values.lifetime, timedelta(seconds=1), timedelta(seconds=1)),
    (values.lifetime, HOUR, HOUR),
    (values.optional_lifetime, None, None),
    (values.optional_lifetime, HOUR, HOUR),
    (values.duration_up_to(60), timedelta(0), timedelta(0)),
    (values.duration_up_to(60), timedelta(seconds=60), timedelta(seconds=60)),
    (values.count, 1, 1),
    (values.optional_count, None, None),
    (values.optional_count, 100, 100),
    (values.optional_rate, None, None),
    (values.optional_rate, "20/hour", Rate(20, 3600)),
    (values.optional_rate, "1/s", Rate(1, 1)),
    (values.optional_rate, "2/sec", Rate(2, 1)),
    (values.optional_rate, "3/second", Rate(3, 1)),
    (values.optional_rate, "30/min", Rate(30, 60)),
    (values.optional_rate, "5/m", Rate(5, 60)),
    (values.optional_rate, "5/minute", Rate(5, 60)),
    (values.optional_rate, "7/h", Rate(7, 3600)),
    (values.optional_rate, "1000/d", Rate(1000, 86400)),
    (values.optional_rate, "8/day", Rate(8, 86400)),
    (values.client_ids, [], ()),
    (values.client_ids, {"a phone"}, ("a phone",)),
    (values.optional_secret, None, None),
    (values.optional_secret, "s" * 32, b"s" * 32),
    (values.optional_secret, b"s" * 32, b"s" * 32),
    (values.secrets, (), ()),
    (values.secrets, ["s" * 32], (b"s" * 32,)),
    (names.scopes, (), ()),
    (names.scopes, ["notes:read", "a!#[]~"], ("notes:read", "a!#[]~")),
    (names.scopes, {"notes:read"}, ("notes:read",)),
    (names.scopes, frozenset({"notes:read"}), ("notes:read",)),
    (values.hook, None, None),
    (values.hook, some_policy, some_policy),
    (values.hook, "math.sqrt", math.sqrt),
    (values.key_material, A_SECRET, A_SECRET),
    (values.key_material, b"bytes", b"bytes"),
    (values.key_material, {"kty": "oct"}, {"kty": "oct"}),
    (values.optional_key_material, None, None),
    (values.optional_key_set, None, ()),
    (values.optional_key_set, [JWK], (JWK,)),
    (values.optional_key_set, (JWK, JWK), (JWK, JWK)),
    (values.optional_key_set, {"keys": [JWK]}, (JWK,)),
    (values.optional_key_set, json.dumps({"keys": [JWK]}), (JWK,)),
    (values.optional_key_set, json.dumps([JWK]).encode(), (JWK,)),
    (values.optional_path, None, None),
    (values.optional_path, "/etc/keys", Path("/etc/keys")),
    (values.optional_path, Path("/etc/keys"), Path("/etc/keys")),
    (parse_clients, None, {}),
    (parse_clients, {}, {}),
    (parse_clients, {"reports": HASH}, {"reports": Client(secrets=(HASH,))}),
    (parse_clients, {"reports": None}, {"reports": Client()}),
    (values.optional_key_material, A_SECRET, A_SECRET),
    (values.keys, [], ()),
    (values.keys, [A_SECRET, b"bytes"], (A_SECRET, b"bytes")),
    (values.keys, ({"kty": "oct"},), ({"kty": "oct"},)),
]

INVALID = [
    (values.optional_key_set, [], "at least one key"),
    (values.optional_key_set, {"keys": []}, "at least one key"),
    (values.optional_key_set, [JWK, {}], "at least one key"),
    (values.optional_key_set, [JWK, "a key"], "at least one key"),
    (values.optional_key_set, {"keys": A_SECRET}, "a list of JWKs"),
    (values.optional_key_set, JWK, "a list of JWKs"),
    (values.optional_key_set, "[" * 100_000, "a list of JWKs"),
    (values.optional_key_set, b"\xff", "a list of JWKs"),
    (values.optional_key_set, "", "a list of JWKs"),
    (values.optional_key_set, 1, "a list of JWKs"),
    (values.optional_path, "", "an absolute path"),
    (values.optional_path, "keys", "an absolute path"),
    (values.optional_path, Path("keys"), "an absolute path"),
    (values.optional_path, 1, "an absolute path"),
    (parse_clients, [("reports", HASH)], "a dict of client ids"),
    (parse_clients, {"reports": A_SECRET}, "Run manage.py tokenauth_client NAME"),
    (parse_clients, {"reports": HASH.encode()}, "wrong in entry 1 (of 1)."),
    (parse_clients, {"reports": True}, "wrong in entry 1 (of 1)."),
    (parse_clients, {"a": "", "b": HASH, "c": "!", "d": None}, "wrong in entry 1, 3 (of 4)."),
    *((parse_clients, {"reports": value}, "wrong in entry 1 (of 1).") for value in MALFORMED),
    (parse_clients, {"": HASH}, "1 to 255 printable characters"),
    (parse_clients, {"reports ": HASH}, "A client id is a string of 1 to 255 "),
    (parse_clients, {" reports": HASH}, "without spaces at its ends"),
    (parse_clients, {1: HASH}, "1 to 255 printable characters"),
    (values.string, "", "1 to 255 printable characters"),
    (values.string, None, "1 to 255 printable characters"),
    (values.string, b"notes", "1 to 255 printable characters"),
    (values.string, 17, "1 to 255 printable characters"),
    (values.string, "two\nlines", "1 to 255 printable characters"),
    (values.string, "NUL\x00", "1 to 255 printable characters"),
    (values.string, "half a pair \ud800", "1 to 255 printable characters"),
    (values.optional_string, "", "1 to 255 printable characters"),
    (values.flag, 1, "True or False"),
    (values.flag, None, "True or False"),
    (values.flag, "False", "True or False"),
    (
        values.lifetime,
        300,
        "For example timedelta(minutes=5).",
    ),
    (
        values.lifetime,
        None,
        "For example timedelta(minutes=5).",
    ),
    (
        values.lifetime,
        True,
        "For example timedelta(minutes=5).",
    ),
    (values.lifetime, timedelta(0), "from 1 second to 100 years"),
    (values.lifetime, timedelta(milliseconds=999), "from 1 second to 100 years"),
    (values.lifetime, -HOUR, "from 1 second to 100 years"),
    (values.optional_lifetime, 0, "a timedelta"),
    (values.optional_lifetime, timedelta(0), "from 1 second to 100 years"),
    (values.duration_up_to(60), 10, "For example timedelta(seconds=10)."),
    (
        values.duration_up_to(60),
        float("nan"),
        "For example timedelta(seconds=10).",
    ),
    (
        values.duration_up_to(60),
        float("inf"),
        "For example timedelta(seconds=10).",
    ),
    (values.duration_up_to(60), None, "For example timedelta(seconds=10)."),
    (values.duration_up_to(60), timedelta(seconds=60, microseconds=1), "from 0 to 60 seconds"),
    (values.duration_up_to(120), timedelta(microseconds=-1), "from 0 to 120 seconds"),
    (values.duration_up_to(120), timedelta(days=1), "from 0 to 120 seconds"),
    (values.count, 0, "a positive integer"),
    (values.count, -1, "a positive integer"),
    (values.count, True, "a positive integer"),
    (values.count, 1.0, "a positive integer"),
    (values.count, "1", "a positive integer"),
    (values.count, None, "a positive integer"),
    (values.optional_count, 0, "a positive integer"),
    (values.optional_rate, "", '"20/hour"'),
    (values.optional_rate, 20, '"20/hour"'),
    (values.optional_rate, "20", '"20/hour"'),
    (values.optional_rate, "0/hour", '"20/hour"'),
    (values.optional_rate, "020/hour", '"20/hour"'),
    (values.optional_rate, "-1/hour", '"20/hour"'),
    (values.optional_rate, "20/hours", '"20/hour"'),
    (values.optional_rate, "20/hour\n", '"20/hour"'),
    (values.optional_rate, "20 / hour", '"20/hour"'),
    (values.optional_rate, "2\u0660/hour", '"20/hour"'),
    (values.optional_rate, "20/week", '"20/hour"'),
    (values.optional_rate, ("20", "hour"), '"20/hour"'),
    (values.client_ids, "phone", "a list of client ids"),
    (values.client_ids, None, "a list of client ids"),
    (values.client_ids, ["phone", ""], "1 to 255"),
    (values.client_ids, [7], "1 to 255"),
    (values.optional_secret, "", "32 random characters"),
    (values.optional_secret, "s" * 31, "32 random characters"),
    (values.optional_secret, 7, "32 random characters"),
    (values.secrets, "s" * 32, "a list of secrets"),
    (values.secrets, ["s" * 31], "32 random characters"),
    (names.scopes, "notes:read", '["notes:read"]'),
    (names.scopes, None, '["notes:read"]'),
    (names.scopes, ["notes read"], '["notes:read"]'),
    (names.scopes, ['quoted"'], '["notes:read"]'),
    (names.scopes, ["back\\slash"], '["notes:read"]'),
    (names.scopes, [""], '["notes:read"]'),
    (names.scopes, ["notes:read\n"], '["notes:read"]'),
    (names.scopes, ["쓰기"], '["notes:read"]'),
    (names.scopes, [None], '["notes:read"]'),
    (names.scopes, {"notes:read": True}, '["notes:read"]'),
    (values.hook, 17, "a function"),
    (values.hook, "math.pi", "a function"),
    (values.hook, "", "dotted path"),
    (values.hook, "policy", "dotted path"),
    (values.hook, "no_such_project.policy", "dotted path"),
    (values.hook, "math.no_such_function", "dotted path"),
    (values.hook, ".policy", "dotted path"),
    (values.hook, "..policy", "dotted path"),
    (values.key_material, None, "a JWK"),
    (values.key_material, 17, "a JWK"),
    (values.key_material, [A_SECRET], "a JWK"),
    (values.key_material, bytearray(b"bytes"), "a JWK"),
    (values.key_material, "", "The key is empty."),
    (values.key_material, b"", "empty"),
    (values.key_material, {}, "empty"),
    (values.optional_key_material, "", "empty"),
    (values.keys, None, "a list of keys"),
    (values.keys, A_SECRET, "a list of keys"),
    (values.keys, b"bytes", "a list of keys"),
    (values.keys, {"kty": "oct"}, "a list of keys"),
    (values.keys, {A_SECRET}, "a list of keys"),
    (values.keys, [A_SECRET, None], "a JWK"),
    (values.keys, [A_SECRET, ""], "empty"),
    (values.keys, [[A_SECRET]], "a JWK"),
]


def qualified_name(value):
    return getattr(value, "__qualname__", None)


@pytest.mark.parametrize(("kind", "value", "expected"), VALID, ids=qualified_name)
def test_valid_setting_value_is_accepted(kind, value, expected):
    assert kind(value) == expected


@pytest.mark.parametrize(("kind", "value", "hint"), INVALID, ids=qualified_name)
def test_invalid_setting_value_is_rejected_with_a_hint(kind, value, hint):
    with pytest.raises(InvalidSetting) as caught:
        kind(value)
    error = caught.value
    assert str(error) == f"expected {error.expected}"
    assert hint in f"{error.expected} {error.hint}"
    assert not error.hint or error.hint.endswith((".", "?"))


@pytest.mark.parametrize(
    "kind",
    [
        values.flag,
        values.lifetime,
        values.duration_up_to(60),
        values.count,
        values.optional_rate,
        names.scopes,
        values.hook,
        values.keys,
        values.optional_key_set,
        values.optional_path,
        parse_clients,
    ],
)
def test_secret_in_wrong_setting_is_not_in_the_error(kind):
    with pytest.raises(InvalidSetting) as caught:
        kind(A_SECRET)
    assert A_SECRET not in f"{caught.value} {caught.value.hint}"
    assert caught.value.__suppress_context__ or caught.value.__context__ is None


@pytest.mark.parametrize(
    "value",
    [
        [A_SECRET],
        {"keys": [A_SECRET]},
        f'{{"keys": ["{A_SECRET}"',
        {"reports": A_SECRET},
        {A_SECRET: "reports"},
        {A_SECRET: A_SECRET},
    ],
)
@pytest.mark.parametrize("kind", [values.optional_key_set, parse_clients])
def test_nested_secret_in_wrong_setting_is_not_in_the_error(kind, value):
    with pytest.raises(InvalidSetting) as caught:
        kind(value)
    assert A_SECRET not in f"{caught.value} {caught.value.hint}"
    assert caught.value.__suppress_context__ or caught.value.__context__ is None


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("20/week", True),
        ("20 per Minutes", True),
        ("123456789", True),
        ("123456789swordfish", False),
        ("00000000000000000020", False),
    ],
)
def test_invalid_rate_that_can_be_a_secret_is_not_shown(value, shown):
    with pytest.raises(InvalidSetting) as caught:
        values.optional_rate(value)
    assert caught.value.shown == shown


@pytest.fixture
def project_module(tmp_path, monkeypatch):
    """Return a function that writes the module ``mysite_hooks`` of a project."""
    monkeypatch.syspath_prepend(tmp_path)

    def write(source):
        monkeypatch.delitem(sys.modules, "mysite_hooks", raising=False)
        (tmp_path / "mysite_hooks.py").write_text(source)

    return write


@pytest.mark.parametrize(
    ("path", "hint"),
    [
        ("mysite_hoks.policy", "mysite_hoks.policy cannot be imported: No module named 'mysi"),
        ("mysite_hooks.x.policy", "No module named 'mysite_hooks.x'; 'mysite_hooks' is not a pack"),
        ("mysite_hooks.policyy", "has no function policyy. Did you mean 'policy'?"),
        ("mysite_hooks.other", "The module mysite_hooks has no function other."),
        ("mysite_hooks.NUMBER", "mysite_hooks.NUMBER is not a function."),
        ("policy", 'Write "module.function"'),
        ("mysite_hooks:policy", 'Write "module.function"'),
        (".mysite_hooks.policy", 'Write "module.function"'),
    ],
)
def test_wrong_dotted_path_is_rejected_with_the_reason(project_module, path, hint):
    project_module("NUMBER = 1\ndef policy(user, scopes, request): return scopes\n")
    with pytest.raises(InvalidSetting) as caught:
        values.hook(path)
    assert hint in caught.value.hint
    assert caught.value.shown == (not hint.startswith("Write"))


@pytest.mark.parametrize(
    ("source", "error"),
    [
        ("import mysite_missing", ModuleNotFoundError),
        ("from math import no_such_name", ImportError),
        ("def __getattr__(name): import mysite_missing", ModuleNotFoundError),
        ("def __getattr__(name): from math import no_such_name", ImportError),
        ("def policy(:", SyntaxError),
        ("1 / 0", ZeroDivisionError),
    ],
)
def test_error_inside_a_hook_module_is_not_masked(project_module, source, error):
    project_module(source)
    with pytest.raises(error) as caught:
        values.hook("mysite_hooks.policy")
    assert caught.value.__notes__ == [
        "The setting 'mysite_hooks.policy' of TOKENAUTH imports this module."
    ]


def test_clients_setting_is_an_immutable_copy():
    raw = {"reports": HASH}
    clients = parse_clients(raw)
    raw["another"] = HASH
    assert clients == {"reports": Client(secrets=(HASH,))}
    with pytest.raises(TypeError):
        clients["another"] = HASH


def test_lifetime_of_timedelta_max_is_rejected():
    # ``now + timedelta.max`` raises OverflowError at each sign-in.
    with pytest.raises(InvalidSetting):
        values.lifetime(timedelta.max)


def test_string_setting_above_255_characters_is_rejected():
    # Claims have at most 255 characters, so the server would reject its own tokens.
    assert values.string("i" * 255) == "i" * 255
    with pytest.raises(InvalidSetting):
        values.string("i" * 256)


class TestMoments:
    def test_datetime_setting_is_converted_to_utc(self):
        seoul = datetime(2026, 11, 23, 21, tzinfo=timezone(timedelta(hours=9)))
        assert values.optional_moment(seoul) == datetime(2026, 11, 23, 12, tzinfo=UTC)
        assert values.optional_moment(seoul).tzinfo is UTC
        assert values.optional_moment(None) is None

    @pytest.mark.parametrize(
        "value",
        [
            datetime(2026, 11, 23, 12),  # noqa: DTZ001
            datetime.max.replace(tzinfo=UTC),
            datetime.min.replace(tzinfo=timezone(timedelta(hours=1))),
            date(2026, 11, 23),
            "2026-11-23T12:00:00Z",
            1795435200,
            True,
        ],
        ids=repr,
    )
    def test_invalid_or_naive_datetime_setting_is_rejected(self, value):
        with pytest.raises(values.InvalidSetting, match="a datetime with a time zone"):
            values.optional_moment(value)
