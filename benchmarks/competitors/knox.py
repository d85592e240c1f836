"""django-rest-knox."""

from __future__ import annotations

from typing import Any

from knox.auth import TokenAuthentication
from knox.models import AuthToken

Authentication = TokenAuthentication


def credentials(user: Any) -> str:
    return f"Token {sign_in(user)}"


def sign_in(user: Any) -> str:
    _, token = AuthToken.objects.create(user)
    return str(token)
