"""A project that permits its staff to act as users, and what remains of a pair of tokens."""

from __future__ import annotations

from django_tokenauth import services
from django_tokenauth.errors import InvalidGrant, InvalidToken
from tests.support.client import get

#: The setting ``TOKENAUTH`` of the project.
ALLOWED = {"IMPERSONATION": lambda staff, user, request: staff.is_staff and not user.is_staff}


def is_accepted(pair) -> bool:
    """Return whether ``JWTAuthentication`` accepts the access token of *pair*."""
    return get("/who/", pair.access_token).status_code == 200


def claims_of(pair):
    """Return the verified claims of *pair*, for a user and session that are still valid."""
    claims = services.authenticate_access_token(pair.access_token)
    services.get_user(claims)
    return claims


def rejected_code(pair):
    """Return the code for which the access token of *pair* is rejected, or ``None``."""
    try:
        claims_of(pair)
    except InvalidToken as error:
        return error.code
    return None


def can_refresh(pair) -> bool:
    try:
        services.refresh(pair.refresh_token)
    except InvalidGrant:
        return False
    return True
