"""TokenUser: the user of a request without a database row."""

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


def test_token_user_has_the_subject_of_its_claims():
    assert USER.claims is CLAIMS
    assert (USER.pk, USER.id, str(USER), USER.get_username()) == ("42", "42", "42", "42")
    assert repr(USER) == "<TokenUser: 42>"


def test_token_user_is_authenticated_without_privileges():
    assert (USER.is_authenticated, USER.is_active) == (True, True)
    assert (USER.is_anonymous, USER.is_staff, USER.is_superuser) == (False, False, False)


@pytest.mark.parametrize("obj", [None, CLAIMS])
def test_token_user_has_no_django_permission(obj):
    assert USER.has_perm("auth.add_user", obj) is False
    assert USER.has_perms(["auth.add_user"], obj) is False
    assert USER.has_perms(iter(["auth.add_user"]), obj) is False
    assert USER.has_module_perms("auth") is False
    assert USER.get_all_permissions(obj) == set()
    assert USER.get_user_permissions(obj) == set()
    assert USER.get_group_permissions(obj) == set()


@pytest.mark.parametrize("permissions", [[], (), iter(())])
def test_token_user_has_perms_is_true_for_an_empty_list(permissions):
    """REST framework checks an empty list for GET."""
    assert USER.has_perms(permissions) is True


def test_token_users_with_equal_issuer_and_subject_are_equal():
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
    ids=["other subject", "other issuer", "database user", "string", "none"],
)
def test_token_user_differs_from_other_users_and_objects(other):
    assert other != USER
    assert hash(other) != hash(USER)


def test_token_user_is_throttled_by_rest_framework():
    class Count(UserRateThrottle):
        rate = "1/min"

    request = APIRequestFactory().get("/")
    request.user = USER
    assert IsAuthenticated().has_permission(request, None)
    assert Count().allow_request(request, None) is True
    assert Count().allow_request(request, None) is False
