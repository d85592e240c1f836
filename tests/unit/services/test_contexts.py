"""``ACR``: the authentication context of a sign-in."""

from __future__ import annotations

import pytest
from django.core.exceptions import ImproperlyConfigured

from django_tokenauth.services.contexts import context_of
from tests.support.raw_tokens import read_settings

MFA = "urn:example:mfa"


def test_context_without_hook_is_none():
    assert context_of(read_settings(), ["pwd"]) is None


def test_hook_receives_the_set_of_methods():
    received = []
    settings = read_settings(ACR=lambda methods: received.append(methods) or MFA)
    assert context_of(settings, ("pwd", "otp", "pwd")) == MFA
    assert received == [frozenset({"pwd", "otp"})]


def test_hook_may_return_none():
    assert context_of(read_settings(ACR=lambda methods: None), ["pwd"]) is None


def test_hook_is_not_called_for_unknown_methods():
    assert context_of(read_settings(ACR=lambda methods: 1 / 0), ()) is None


@pytest.mark.parametrize("value", ["", "two words", 'quoted"', "é", 2, True, ["mfa"]])
def test_invalid_result_of_the_hook_is_an_error(value):
    settings = read_settings(ACR=lambda methods: value)
    with pytest.raises(ImproperlyConfigured, match=rf"ACR must.*{type(value).__name__}\.") as error:
        context_of(settings, ["pwd"])
    assert not isinstance(value, str) or not value or value not in str(error.value)
