"""Helpers for the tests of projects: clients that sign in, tokens to reject, and assertions.

Import the helpers from ``django_tokenauth.test`` only, and only in tests. The clients and request
factories send real access tokens, so the tests run the authentication classes and permissions of
the project. With pytest, the plugin of this package provides the fixtures ``token_client``,
``sign_in`` and ``token_keys``.
"""

from __future__ import annotations

from .assertions import assert_needs_scope, assert_signed_out
from .cases import TokenTestMixin
from .clients import (
    AsyncTokenClient,
    AsyncTokenRequestFactory,
    DjangoTokenClient,
    DjangoTokenRequestFactory,
    SignInMixin,
    TokenClient,
    TokenRequestFactory,
)
from .isolation import empty_throttles, forget_revoked_sessions
from .keys import with_test_keys
from .rejected import (
    expired_token,
    other_audiences_token,
    other_issuers_token,
    revoked_token,
    tampered_token,
)

__all__ = [
    "AsyncTokenClient",
    "AsyncTokenRequestFactory",
    "DjangoTokenClient",
    "DjangoTokenRequestFactory",
    "SignInMixin",
    "TokenClient",
    "TokenRequestFactory",
    "TokenTestMixin",
    "assert_needs_scope",
    "assert_signed_out",
    "empty_throttles",
    "expired_token",
    "forget_revoked_sessions",
    "other_audiences_token",
    "other_issuers_token",
    "revoked_token",
    "tampered_token",
    "with_test_keys",
]
