"""The whole text of each error of a hook and of a scope argument."""

from __future__ import annotations

import pytest
from django.core.exceptions import ImproperlyConfigured

from django_tokenauth.conf.settings import load
from django_tokenauth.services.issuing import TokenIssuer, check_scope, granted_scope
from django_tokenauth.tokens.claims import SignIn
from tests.support.clock import NOW
from tests.support.unsaved import unsaved_alice


@pytest.mark.parametrize(
    ("returned", "kind"), [("notes:read", "str"), (None, "NoneType"), ([1], "list")]
)
def test_scope_policy_error_names_the_type_of_its_result(settings, returned, kind):
    settings.TOKENAUTH = {"SCOPE_POLICY": lambda user, scopes, request: returned}
    with pytest.raises(ImproperlyConfigured) as error:
        granted_scope(load(), unsaved_alice(), None, (), None)
    assert str(error.value) == (
        f"SCOPE_POLICY must return a collection of scope names, not {kind}."
    )


@pytest.mark.parametrize(
    ("returned", "message"),
    [
        (["tenant"], "EXTRA_CLAIMS must return a dict whose keys are strings."),
        ({1: "acme"}, "EXTRA_CLAIMS must return a dict whose keys are strings."),
        ({"sub": "1"}, "EXTRA_CLAIMS must not set the reserved claims sub."),
    ],
)
def test_extra_claims_error_says_what_the_hook_must_return(settings, returned, message):
    settings.TOKENAUTH = {"EXTRA_CLAIMS": lambda user, session, request: returned}
    sign_in = SignIn(
        auth_time=int(NOW.timestamp()), client_id="phone", scope=frozenset(), amr=("pwd",)
    )
    issuer = TokenIssuer(settings=load(), request=None, now=NOW)
    with pytest.raises(ImproperlyConfigured) as error:
        issuer.issue_stateless(
            unsaved_alice(), sign_in, frozenset(), session_id="6b8f8a1c", generation=1
        )
    assert str(error.value) == message


def test_check_scope_rejects_an_iterator_that_a_sign_in_needs():
    with pytest.raises(TypeError) as error:
        check_scope(iter(["notes:read"]))
    assert str(error.value) == (
        "scope must be a collection of strings, not list_iterator, which can be read only once."
    )


def test_check_scope_of_a_single_string_names_the_argument():
    with pytest.raises(TypeError) as error:
        check_scope("notes:read")
    assert str(error.value) == (
        "scope must be a collection of strings, not one string. Pass [scope], or scope.split() if "
        "it contains several, separated by spaces."
    )
