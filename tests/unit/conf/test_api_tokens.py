"""The settings of API tokens: their values and their order."""

from __future__ import annotations

from datetime import timedelta

import pytest

from django_tokenauth.conf.api_tokens import prefix
from django_tokenauth.conf.settings import load
from django_tokenauth.conf.values import InvalidSetting
from tests.support.raw_tokens import read_settings
from tests.support.system_checks import check_ids, message_of


@pytest.mark.parametrize("value", ["a", "acme", "Acme_2", "a" * 32, "ghp_x"])
def test_prefix_of_letters_digits_and_underscores_is_accepted(value):
    assert prefix(value) == value


@pytest.mark.parametrize(
    "value", ["", "a" * 33, "_a", "a_", "2a", "a.b", "a-b", "a b", "é", "a\n", None, 1, b"a"]
)
def test_other_prefix_is_rejected(value):
    with pytest.raises(InvalidSetting, match="ASCII letters"):
        prefix(value)


def test_defaults_are_ninety_days_and_a_year():
    settings = read_settings()
    assert settings.api_token_prefix == "tokenauth"
    assert settings.api_token_lifetime == timedelta(days=90)
    assert settings.max_api_token_lifetime == timedelta(days=366)
    assert settings.api_token_overlap == timedelta(days=1)
    assert settings.api_tokens_end_with_password is False


@pytest.mark.parametrize(
    ("name", "value", "check"),
    [
        ("API_TOKEN_PREFIX", "a.b", "E008"),
        ("API_TOKEN_LIFETIME", timedelta(0), "E004"),
        ("API_TOKEN_LIFETIME", timedelta(days=367), "E004"),
        ("MAX_API_TOKEN_LIFETIME", timedelta(days=89), "E004"),
        ("API_TOKEN_OVERLAP", timedelta(days=31), "E004"),
        ("API_TOKEN_OVERLAP", timedelta(seconds=-1), "E004"),
        ("API_TOKENS_END_WITH_PASSWORD", 1, "E008"),
    ],
)
def test_unusable_value_is_reported(settings, name, value, check):
    settings.TOKENAUTH = {name: value}
    assert check_ids() == [check]
    assert name in message_of(check)


def test_equal_lifetimes_are_accepted(settings):
    year = timedelta(days=365)
    settings.TOKENAUTH = {"API_TOKEN_LIFETIME": year, "MAX_API_TOKEN_LIFETIME": year}
    assert load().api_token_lifetime == year
