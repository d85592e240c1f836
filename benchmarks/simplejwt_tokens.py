"""simplejwt with each algorithm. Its own settings are read at import, once for a process."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from . import signatures


def stateless_authentication(user: Any, algorithm: str) -> tuple[type, str]:
    """Its stateless class for tokens of ``algorithm``, and one of them for ``user``."""
    backends = import_module("rest_framework_simplejwt.backends")
    tokens = import_module("rest_framework_simplejwt.tokens")
    authentication = import_module("rest_framework_simplejwt.authentication")
    private, public = signatures.key_objects(algorithm)

    class AccessToken(tokens.AccessToken):  # type: ignore[misc, name-defined]
        _token_backend = backends.TokenBackend(algorithm, private, public)

    class Authentication(authentication.JWTStatelessUserAuthentication):  # type: ignore[misc, name-defined]
        def get_validated_token(self, raw_token: bytes) -> Any:
            return AccessToken(raw_token)

    return Authentication, str(AccessToken.for_user(user))
