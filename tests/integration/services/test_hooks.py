"""What the hooks of the settings hear of: the user, the scope or the session, and the request."""

from __future__ import annotations

import pytest

from django_tokenauth import services
from tests.support.clock import NOW, after

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.parametrize("stateless", [False, True], ids=["session", "stateless"]),
]

SCOPES = frozenset({"notes:read", "notes:write"})


@pytest.fixture
def heard(settings, stateless):
    """What both hooks were called with, by their names."""
    calls = {"SCOPE_POLICY": [], "EXTRA_CLAIMS": []}

    def policy(*arguments):
        calls["SCOPE_POLICY"].append(arguments)
        return arguments[1]

    def extra(*arguments):
        calls["EXTRA_CLAIMS"].append(arguments)
        return {}

    settings.TOKENAUTH = {
        "SCOPES": tuple(SCOPES),
        "SCOPE_POLICY": policy,
        "EXTRA_CLAIMS": extra,
        "STATELESS_REFRESH": stateless,
    }
    return calls


@pytest.mark.standard("rfc6749-10.3-3")
def test_at_a_sign_in(alice, heard):
    pair = services.sign_in(alice, request="request", now=NOW)
    assert heard == {
        "SCOPE_POLICY": [(alice, SCOPES, "request")],
        "EXTRA_CLAIMS": [(alice, pair.session, "request")],
    }


def test_at_a_sign_in_for_less_the_policy_hears_of_all_that_there_is_too(alice, heard, stateless):
    services.sign_in(alice, scope=["notes:read"], request="request", now=NOW)
    less = (alice, frozenset({"notes:read"}), "request")
    everything = [] if stateless else [(alice, SCOPES, "request")]
    assert heard["SCOPE_POLICY"] == [less, *everything]


def test_at_a_refresh(alice, heard):
    pair = services.sign_in(alice, now=NOW)
    for calls in heard.values():
        calls.clear()
    services.refresh(pair.refresh_token, request="request", now=after(minutes=1))
    assert heard == {
        "SCOPE_POLICY": [(alice, SCOPES, "request")],
        "EXTRA_CLAIMS": [(alice, pair.session, "request")],
    }
