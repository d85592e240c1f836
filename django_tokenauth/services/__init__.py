"""The service layer: sign in, refresh, sign out, verify. One import path for all of it.

The functions combine tokens and rows. They raise the errors of :mod:`django_tokenauth.errors` and
do not depend on REST framework, so other sign-ins (social login, passkeys) can call them too.
"""

from __future__ import annotations

from .refreshing import refresh
from .signing_in import (
    authenticate_access_token,
    check_password,
    is_revoked,
    sign_in,
    user_of,
    whole_scope,
)
from .signing_out import (
    revoke_sessions,
    revoke_token,
    sessions_of,
    sign_out,
    sign_out_everywhere,
)

__all__ = [
    "authenticate_access_token",
    "check_password",
    "is_revoked",
    "refresh",
    "revoke_sessions",
    "revoke_token",
    "sessions_of",
    "sign_in",
    "sign_out",
    "sign_out_everywhere",
    "user_of",
    "whole_scope",
]
