"""Permission classes and a decorator for the scope and the sign-in of an access token.

This package must not import ``rest_framework.views``, which imports this package if
``DEFAULT_PERMISSION_CLASSES`` contains one of its classes.
"""

from __future__ import annotations

from .errors import InsufficientScope, InsufficientUserAuthentication
from .scopes import HasFullScope, HasScope, required_scopes
from .stepping_up import SignedInBy, SignedInWithin
from .users import IsAuthenticatedWithoutToken, IsNotImpersonated

__all__ = [
    "HasFullScope",
    "HasScope",
    "InsufficientScope",
    "InsufficientUserAuthentication",
    "IsAuthenticatedWithoutToken",
    "IsNotImpersonated",
    "SignedInBy",
    "SignedInWithin",
    "required_scopes",
]
