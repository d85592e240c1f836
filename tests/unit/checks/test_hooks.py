"""The check of the parameters of hooks."""

from __future__ import annotations

from functools import partial, wraps

import pytest
from django.core.checks import ERROR

from django_tokenauth import checks

ARGUMENTS = {
    "SCOPE_POLICY": "user, scopes, request",
    "EXTRA_CLAIMS": "user, session, request",
    "LIFETIMES": "user, client_id, request",
    "SESSION_DATA": "user, request, fields",
    "IMPERSONATION": "staff, user, request",
    "ISSUER": "request",
    "AUDIENCE": "request",
}


def two_of_four(user, session, *, data, fields):
    """Accept too few positional arguments, and require an unknown one."""


def all_optional(user, session, request, data, *, audience, fields=None):
    """Accept the optional arguments of ``EXTRA_CLAIMS``."""


def further(user, session, request, organisation):
    """Require an argument that no hook receives."""


@wraps(further)
def wrapper(*arguments):
    return further(*arguments, "acme")


def found(settings, **values):
    settings.TOKENAUTH = values
    return [each for each in checks.check_settings() if each.id == "tokenauth.E011"]


@pytest.mark.parametrize("name", ARGUMENTS)
def test_hook_without_its_parameters_is_an_error(name, settings):
    [message] = found(settings, **{name: two_of_four})
    assert message.level == ERROR
    assert message.msg == f"{name} is called with ({ARGUMENTS[name]}), which it does not accept."
    assert message.hint == f"Define it as def two_of_four({ARGUMENTS[name]})."


@pytest.mark.parametrize("name", ARGUMENTS)
def test_hook_with_any_parameters_is_no_error(name, settings):
    assert found(settings, **{name: lambda *arguments: None}) == []


@pytest.mark.parametrize("hook", [all_optional, partial(all_optional, data=None), wrapper])
def test_hook_with_optional_parameters_is_no_error(hook, settings):
    assert found(settings, EXTRA_CLAIMS=hook) == []


@pytest.mark.parametrize("hook", [further, partial(further)])
def test_hook_with_an_unknown_parameter_is_an_error(hook, settings):
    [message] = found(settings, EXTRA_CLAIMS=hook)
    name = getattr(hook, "__name__", "hook")
    assert message.hint == f"Define it as def {name}(user, session, request)."


def test_hook_without_a_signature_is_not_checked(settings):
    assert found(settings, EXTRA_CLAIMS=type) == []
