"""The service layer: sign in, refresh, sign out and verify.

This is the only import path of the services. They combine tokens and rows, raise the errors of
:mod:`django_tokenauth.errors` and do not depend on REST framework. Other sign-ins (social login,
passkeys) call them too.

All of them take the same arguments in the same form. ``now`` is a ``datetime``, aware if ``USE_TZ``
is true, and defaults to the current time. ``request`` is Django's or REST framework's. The id of a
session is a ``UUID`` or a string.
"""

from __future__ import annotations

from .issuing import TokenPair, check_scope
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
    "TokenPair",
    "authenticate_access_token",
    "check_password",
    "check_scope",
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
