"""What this project adds to its access tokens."""

from __future__ import annotations

from django.contrib.auth.models import AbstractBaseUser
from django.http import HttpRequest
from django_tokenauth.models import Session


def user_name(
    user: AbstractBaseUser, session: Session | None, request: HttpRequest | None
) -> dict[str, str]:
    """The name for the page to show: `sub` is only a number, for it must never change."""
    return {"preferred_username": user.get_username()}
