"""The whole text of each error: the permitted values, and the hint."""

from __future__ import annotations

from datetime import timedelta

import pytest

from django_tokenauth.conf import names, values
from django_tokenauth.conf.clients import parse_clients
from django_tokenauth.conf.values import InvalidSetting
from tests.support.raw_tokens import read_settings

ONE_KEY = "PEM text, a JWK (a dict or its JSON) or a secret string"
DELAY = "None or a timedelta from 1 second to 1 day"
LIFETIME = "a timedelta from 1 second to 100 years"
PERIODS = "The period is second, minute, hour or day."

MESSAGES = [
    (values.string, "", "a string of 1 to 255 printable characters", ""),
    (values.flag, "yes", "True or False", "Did you mean True?"),
    (values.flag, " OFF ", "True or False", "Did you mean False?"),
    (values.flag, "maybe", "True or False", ""),
    (values.lifetime, timedelta(0), LIFETIME, "For example timedelta(minutes=5)."),
    (
        values.optional_moment,
        1,
        "None or a datetime with a time zone",
        "For example datetime(2026, 11, 23, 12, tzinfo=UTC).",
    ),
    (
        values.duration_up_to(60),
        60,
        "a timedelta from 0 to 60 seconds",
        "For example timedelta(seconds=10).",
    ),
    (values.optional_delay, 60, DELAY, "For example timedelta(hours=1)."),
    (values.count, 0, "a positive integer", ""),
    (values.optional_rate, "often", 'None or a rate such as "20/hour"', PERIODS),
    (
        values.optional_rate,
        "20 per hour",
        'None or a rate such as "20/hour"',
        f'Did you mean "20/hour"? {PERIODS}',
    ),
    (values.client_ids, "phone", "a list of client ids", 'For example ["phone"].'),
    (
        values.client_ids,
        [""],
        "a list of client ids",
        "A client id is a string of 1 to 255 printable characters.",
    ),
    (
        values.secret,
        "short",
        "a string of at least 32 random characters",
        "In a Python shell, secrets.token_urlsafe(50) returns one.",
    ),
    (values.secrets, "short", "a list of secrets, as SECRET_KEY_FALLBACKS is", ""),
    (
        names.scopes,
        "notes:read",
        "a list of scope names: printable ASCII without spaces, quotes and backslashes",
        'For example ["notes:read"].',
    ),
    (
        names.acr_values,
        ["mfa", "two factors"],
        "a list of acr values: printable ASCII without spaces, quotes and backslashes",
        'Entry 2 is wrong. For example ["urn:example:mfa"].',
    ),
    (values.hook, 1, "a function or its dotted path", ""),
    (
        values.hook,
        "no path",
        "a function or its dotted path",
        'Write "module.function", for example "mysite.tokens.f".',
    ),
    (values.hook, "math.pi", "a function or its dotted path", "math.pi is not a function."),
    (
        values.hook,
        "math._sqrt",
        "a function or its dotted path",
        "The module math has no function _sqrt. Did you mean 'sqrt'?",
    ),
    (values.key_material, 1, ONE_KEY, ""),
    (
        values.key_material,
        "",
        ONE_KEY,
        "The key is empty. Give at least 32 random bytes, or None for no key.",
    ),
    (values.keys, "key", "a list of keys", "A single key needs a list too."),
    (values.keys, [1], f"a list of keys, each of them {ONE_KEY}", ""),
    (
        values.optional_key_set,
        "key",
        "a list of JWKs, or a JWK Set as a dict or its JSON",
        'For example {"keys": [...]}.',
    ),
    (
        values.optional_key_set,
        [],
        "at least one key, each of them a JWK",
        "A JWK is a dict with kty and the other members of RFC 7517.",
    ),
    (values.optional_path, "keys", "an absolute path", 'For example BASE_DIR / "keys".'),
    (
        values.client_id,
        " a",
        "a string of 1 to 255 printable characters without spaces at its ends",
        "",
    ),
    (
        parse_clients,
        1,
        "a dict of client ids and hashed secrets",
        'For example {"reports": "sha256$..."}.',
    ),
    (
        parse_clients,
        {" ": None},
        "a dict of client ids and hashed secrets",
        "A client id is a string of 1 to 255 printable characters without spaces at its ends.",
    ),
]


@pytest.mark.parametrize(("parse", "value", "expected", "hint"), MESSAGES)
def test_setting_value_error_has_permitted_values_and_hint(parse, value, expected, hint):
    with pytest.raises(InvalidSetting) as caught:
        parse(value)
    assert (caught.value.expected, caught.value.hint) == (expected, hint)


class TestOneOf:
    @pytest.mark.parametrize(
        ("value", "hint", "shown"),
        [
            ("always", "Did you mean 'ALWAYS'?", True),
            ("x" * 10, "", True),
            # As long as a chosen password.
            ("x" * 11, "", False),
            ("NEVERNEVERX", "Did you mean 'NEVERNEVER'?", True),
            (7, "", False),
        ],
    )
    def test_one_of_error_has_hint_and_shows_value_unless_secret(self, value, hint, shown):
        parse = values.one_of("ALWAYS", "NEVERNEVER")
        with pytest.raises(InvalidSetting) as caught:
            parse(value)
        assert caught.value.expected == "one of the strings ALWAYS, NEVERNEVER"
        assert (caught.value.hint, caught.value.shown) == (hint, shown)


@pytest.mark.parametrize("seconds", [1, 86400])
def test_delay_setting_of_one_second_or_one_day_is_accepted(seconds):
    delay = timedelta(seconds=seconds)
    assert values.optional_delay(delay) == delay


@pytest.mark.parametrize("microseconds", [999_999, 86_400_000_001])
def test_delay_setting_below_1_second_or_above_1_day_is_rejected(microseconds):
    with pytest.raises(InvalidSetting):
        values.optional_delay(timedelta(microseconds=microseconds))


def test_hook_suggestion_omits_private_names_of_the_module():
    with pytest.raises(InvalidSetting) as caught:
        values.hook("colorsys._v2")
    assert caught.value.hint == "The module colorsys has no function _v2."


def test_refresh_secrets_begin_with_the_refresh_secret_key():
    own = read_settings(REFRESH_SECRET_KEY="r" * 32, REFRESH_SECRET_KEY_FALLBACKS=["f" * 32])
    assert own.refresh_secrets[:2] == (b"r" * 32, b"f" * 32)
