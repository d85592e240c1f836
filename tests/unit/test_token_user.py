"""Who makes a request, where only the token is known."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import User
from rest_framework.permissions import IsAuthenticated
from rest_framework.test import APIRequestFactory
from rest_framework.throttling import UserRateThrottle

from django_tokenauth.authentication import TokenUser
from django_tokenauth.tokens.claims import Claims

CLAIMS = Claims(
    issuer="https://auth.example.com",
    audience=("https://api.example.com",),
    subject="42",
    client_id="phone",
    issued_at=1_000,
    expires_at=1_300,
    jwt_id="j",
    scope=frozenset({"notes:read"}),
)
USER = TokenUser(CLAIMS)


def test_it_is_who_the_claims_say():
    assert USER.claims is CLAIMS
    assert (USER.pk, USER.id, str(USER), USER.get_username()) == ("42", "42", "42", "42")
    assert repr(USER) == "<TokenUser: 42>"


def test_it_has_signed_in_and_is_nobody_special():
    assert (USER.is_authenticated, USER.is_active) == (True, True)
    assert (USER.is_anonymous, USER.is_staff, USER.is_superuser) == (False, False, False)


@pytest.mark.parametrize("thing", [None, CLAIMS])
def test_it_has_no_permission_of_django(thing):
    assert USER.has_perm("auth.add_user", thing) is False
    assert USER.has_perms(["auth.add_user"], thing) is False
    assert USER.has_perms(iter(["auth.add_user"]), thing) is False
    assert USER.has_module_perms("auth") is False
    assert USER.get_all_permissions(thing) == set()
    assert USER.get_user_permissions(thing) == set()
    assert USER.get_group_permissions(thing) == set()


@pytest.mark.parametrize("nothing", [[], (), iter(())])
def test_it_has_all_of_no_permissions(nothing):
    """REST framework asks so for GET."""
    assert USER.has_perms(nothing) is True


def test_two_tokens_of_one_user_make_the_same_user():
    other = TokenUser(CLAIMS._replace(jwt_id="other", scope=frozenset()))
    assert other == USER
    assert len({other, USER}) == 1


@pytest.mark.parametrize(
    "other",
    [
        TokenUser(CLAIMS._replace(subject="43")),
        TokenUser(CLAIMS._replace(issuer="https://other.example.com")),
        User(pk=42),
        "42",
        None,
    ],
    ids=["another subject", "another issuer", "a row", "a text", "nothing"],
)
def test_it_is_nobody_else(other):
    assert other != USER


def test_rest_framework_counts_its_requests():
    class Count(UserRateThrottle):
        rate = "1/min"

    request = APIRequestFactory().get("/")
    request.user = USER
    assert IsAuthenticated().has_permission(request, None)
    assert Count().allow_request(request, None) is True
    assert Count().allow_request(request, None) is False
