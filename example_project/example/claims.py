"""The extra claims of the access tokens."""

from __future__ import annotations

from django.contrib.auth.models import AbstractBaseUser
from django.http import HttpRequest
from django_tokenauth.models import Session


def user_name(
    user: AbstractBaseUser, session: Session | None, request: HttpRequest | None
) -> dict[str, str]:
    """Return the username, for the page to show. It may change, and `sub` may not."""
    return {"preferred_username": user.get_username()}
