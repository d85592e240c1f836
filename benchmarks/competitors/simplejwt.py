"""djangorestframework-simplejwt with rotation and its blacklist."""

from __future__ import annotations

import uuid
from datetime import datetime, timedelta
from typing import Any

from django.utils import timezone
from rest_framework_simplejwt import authentication
from rest_framework_simplejwt.token_blacklist.models import BlacklistedToken, OutstandingToken
from rest_framework_simplejwt.tokens import AccessToken, RefreshToken
from rest_framework_simplejwt.views import TokenRefreshView

Authentication = authentication.JWTAuthentication
StatelessAuthentication = authentication.JWTStatelessUserAuthentication
RefreshView = TokenRefreshView
MODELS = (OutstandingToken, BlacklistedToken)


def credentials(user: Any) -> str:
    return f"Bearer {AccessToken.for_user(user)}"


def sign_in(user: Any) -> str:
    """Return the refresh token of a new sign-in."""
    token = RefreshToken.for_user(user)
    str(token.access_token)
    return str(token)


def insert(users: list[Any], ends: list[datetime]) -> None:
    """Insert refresh tokens; rotation has put those that expired on the blacklist."""
    token = str(RefreshToken())
    made = OutstandingToken._default_manager.bulk_create(
        OutstandingToken(
            user=users[place % len(users)],
            jti=uuid.uuid4().hex,
            token=token,
            created_at=end - timedelta(days=14),
            expires_at=end,
        )
        for place, end in enumerate(ends)
    )
    if ends[0] < timezone.now():
        BlacklistedToken._default_manager.bulk_create(BlacklistedToken(token=each) for each in made)
