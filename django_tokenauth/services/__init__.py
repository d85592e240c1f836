"""The service layer: sign in, step up, refresh, sign out and verify.

Import the services from ``django_tokenauth.services`` only. The services combine tokens and stored
sessions, raise the errors of :mod:`django_tokenauth.errors` and do not depend on REST framework.
Projects call the services for other sign-in methods (social login, passkeys) too.

Common arguments have the same form in all services. ``now`` is a ``datetime``, aware if ``USE_TZ``
is true, and defaults to the current time. ``request`` is a request of Django or REST framework. A
session id is a ``UUID`` or a string.

The numbers of statements apply to a user model whose default manager returns all users unchanged.
With another manager, a function that loads the users of sessions can execute one more statement for
each batch of sessions.
"""

from __future__ import annotations

from .audiences import check_audiences
from .exchanging import exchange_token, narrow
from .impersonating import impersonate
from .issuing import TokenPair, check_scope
from .lifetimes import Lifetimes
from .password_changes import update_session_auth_hash
from .refreshing import refresh
from .service_accounts import IssuedToken, issue_client_token
from .session_data import set_session_data
from .signing_in import check_password, sign_in
from .signing_out import (
    list_sessions,
    revoke_sessions,
    revoke_token,
    sign_out,
    sign_out_everywhere,
    sign_out_users,
)
from .stepping_up import step_up
from .verifying import (
    INTROSPECTION_SCOPE,
    authenticate_access_token,
    authenticate_token,
    full_scope,
    get_user,
    introspect,
    is_revoked,
)

__all__ = [
    "INTROSPECTION_SCOPE",
    "IssuedToken",
    "Lifetimes",
    "TokenPair",
    "authenticate_access_token",
    "authenticate_token",
    "check_audiences",
    "check_password",
    "check_scope",
    "exchange_token",
    "full_scope",
    "get_user",
    "impersonate",
    "introspect",
    "is_revoked",
    "issue_client_token",
    "list_sessions",
    "narrow",
    "refresh",
    "revoke_sessions",
    "revoke_token",
    "set_session_data",
    "sign_in",
    "sign_out",
    "sign_out_everywhere",
    "sign_out_users",
    "step_up",
    "update_session_auth_hash",
]
