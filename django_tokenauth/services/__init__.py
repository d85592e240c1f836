"""The service layer: sign in, refresh, sign out, verify. One import path for all of it.

The functions combine tokens and rows. They raise the errors of :mod:`django_tokenauth.errors` and
do not depend on REST framework, so other sign-ins (social login, passkeys) can call them too.
"""

from __future__ import annotations

from .refreshing import refresh
from .signing_in import check_password, sign_in
from .signing_out import (
    list_sessions,
    revoke_sessions,
    revoke_token,
    sign_out,
    sign_out_everywhere,
)
from .verifying import (
    INTROSPECTION_SCOPE,
    authenticate_access_token,
    full_scope,
    get_user,
    introspect,
    is_revoked,
)

__all__ = [
    "INTROSPECTION_SCOPE",
    "authenticate_access_token",
    "check_password",
    "full_scope",
    "get_user",
    "introspect",
    "is_revoked",
    "list_sessions",
    "refresh",
    "revoke_sessions",
    "revoke_token",
    "sign_in",
    "sign_out",
    "sign_out_everywhere",
]
