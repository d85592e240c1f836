"""Arguments of the hooks: the user, the scope or the session, and the request."""

from __future__ import annotations

import pytest
from django.http import HttpRequest

from django_tokenauth import services
from tests.support.clock import NOW, after

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.parametrize("stateless", [False, True], ids=["session", "stateless"]),
]

SCOPES = frozenset({"notes:read", "notes:write"})
REQUEST = HttpRequest()


@pytest.fixture
def hook_calls(settings, stateless):
    """Return the arguments of all calls of both hooks, by the name of the hook."""
    calls = {"SCOPE_POLICY": [], "EXTRA_CLAIMS": []}

    def policy(*arguments):
        calls["SCOPE_POLICY"].append(arguments)
        return arguments[1]

    def claims_hook(*arguments):
        calls["EXTRA_CLAIMS"].append(arguments)
        return {}

    settings.TOKENAUTH = {
        "SCOPES": tuple(SCOPES),
        "SCOPE_POLICY": policy,
        "EXTRA_CLAIMS": claims_hook,
        "STATELESS_REFRESH": stateless,
    }
    return calls


@pytest.mark.standard("rfc6749-10.3-3")
def test_hooks_at_sign_in_receive_user_scope_session_and_request(alice, hook_calls):
    pair = services.sign_in(alice, request=REQUEST, now=NOW)
    assert hook_calls == {
        "SCOPE_POLICY": [(alice, SCOPES, REQUEST)],
        "EXTRA_CLAIMS": [(alice, pair.session, REQUEST)],
    }


def test_scope_policy_receives_requested_and_all_scopes(alice, hook_calls, stateless):
    services.sign_in(alice, scope=["notes:read"], request=REQUEST, now=NOW)
    narrowed = (alice, frozenset({"notes:read"}), REQUEST)
    full = [] if stateless else [(alice, SCOPES, REQUEST)]
    assert hook_calls["SCOPE_POLICY"] == [narrowed, *full]


def test_hooks_at_refresh_receive_user_scope_session_and_request(alice, hook_calls):
    pair = services.sign_in(alice, now=NOW)
    for calls in hook_calls.values():
        calls.clear()
    services.refresh(pair.refresh_token, request=REQUEST, now=after(minutes=1))
    assert hook_calls == {
        "SCOPE_POLICY": [(alice, SCOPES, REQUEST)],
        "EXTRA_CLAIMS": [(alice, pair.session, REQUEST)],
    }
