"""The service layer: sign in, refresh, sign out, verify. One import path for all of it.

The functions combine tokens and rows. They raise the errors of :mod:`django_tokenauth.errors` and
do not depend on REST framework, so other sign-ins (social login, passkeys) can call them too.
"""

from __future__ import annotations

from .refreshing import refresh
from .signing_in import check_password, sign_in
from .signing_out import (
    revoke_sessions,
    revoke_token,
    sessions_of,
    sign_out,
    sign_out_everywhere,
)
from .verifying import (
    INTROSPECTION_SCOPE,
    authenticate_access_token,
    introspect,
    is_revoked,
    user_of,
    whole_scope,
)

__all__ = [
    "INTROSPECTION_SCOPE",
    "authenticate_access_token",
    "check_password",
    "introspect",
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
