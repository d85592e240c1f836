"""The authentication classes of the project, and the header that carries the token.

The routes of this package, ``TokenMiddleware`` and ``token_required`` read the same header as the
views of the project.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeVar

from rest_framework.authentication import BaseAuthentication
from rest_framework.settings import api_settings

from ..authentication import JWTAuthentication, StatelessJWTAuthentication

_T = TypeVar("_T", bound=BaseAuthentication)


def default_authentication_classes() -> Sequence[Any]:
    """Return ``DEFAULT_AUTHENTICATION_CLASSES``, or nothing if the setting is not a list."""
    # REST framework does not validate the type.
    classes: Any = api_settings.DEFAULT_AUTHENTICATION_CLASSES
    return classes if isinstance(classes, (list, tuple)) else ()


def project_header() -> str:
    """Return the header of the first class of this package in ``DEFAULT_AUTHENTICATION_CLASSES``.

    Return ``Authorization`` if the setting contains no such class.
    """
    for each in default_authentication_classes():
        if isinstance(each, type) and issubclass(each, JWTAuthentication):
            return each.header
    return JWTAuthentication.header


def authenticator(authentication_class: type[_T]) -> _T:
    """Return an instance of *authentication_class*.

    A class of this package reads the header of the project. A subclass has its own header.
    """
    found = authentication_class()
    own = type(found) in (JWTAuthentication, StatelessJWTAuthentication)
    if own and isinstance(found, JWTAuthentication):
        found.header = project_header()
    return found
