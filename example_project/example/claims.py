"""The extra claims and the scopes of the access tokens."""

from __future__ import annotations

from collections.abc import Set as AbstractSet

from django.contrib.auth.models import AbstractBaseUser, User
from django.http import HttpRequest
from django_tokenauth.models import Session


def user_name(
    user: AbstractBaseUser, session: Session | None, request: HttpRequest | None
) -> dict[str, str]:
    """Return the username, for the page to show. It may change, and `sub` may not."""
    return {"preferred_username": user.get_username()}


def permitted_scopes(
    user: User, scopes: AbstractSet[str], request: HttpRequest | None
) -> AbstractSet[str]:
    """Return the scopes that the user may have: only the staff reads statistics."""
    return scopes if user.is_staff else scopes - {"statistics:read"}
