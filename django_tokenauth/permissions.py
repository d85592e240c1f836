"""Permission classes for the scope of an access token.

``rest_framework.views`` must not be imported here: it imports this module if one of its classes is
in ``DEFAULT_PERMISSION_CLASSES``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from django.core.exceptions import ImproperlyConfigured
from django.utils.translation import gettext_lazy as _
from django.views.generic import View
from rest_framework.exceptions import PermissionDenied
from rest_framework.permissions import BasePermission
from rest_framework.request import Request

from . import services
from ._bearer import challenge
from .authentication import JWTAuthentication
from .errors import TokenAuthError
from .services.arguments import as_strings
from .tokens.claims import Claims

_METHODS = frozenset(map(str.upper, View.http_method_names))

__all__ = ["HasFullScope", "HasScope", "InsufficientScope"]


class InsufficientScope(PermissionDenied, TokenAuthError):
    """403 ``insufficient_scope`` (RFC 6750 section 3.1). The challenge names the required scope.

    *scope* is a collection of scope names. Raises ``TypeError`` for a single string.
    """

    error = default_code = "insufficient_scope"
    description = default_detail = _("The access token does not have the required scope.")

    def __init__(self, scope: Iterable[str]) -> None:
        super().__init__()
        # REST framework sends it as WWW-Authenticate. RFC 6750 section 3 allows ASCII only.
        self.auth_header = challenge(
            JWTAuthentication.realm,
            self.error,
            "The access token does not have the required scope.",
            " ".join(sorted(as_strings("scope", scope))),
        )


class HasScope(BasePermission):
    """Allow access tokens whose scope contains the view's ``required_scopes``.

    ``required_scopes`` is a list of scope names, or a dict of such lists by HTTP method. In a dict,
    ``GET`` applies to ``HEAD`` too, ``OPTIONS`` requires nothing, and other missing methods are
    denied. Requests that were authenticated without an access token are denied.

    Raises :class:`InsufficientScope`, and ``ImproperlyConfigured`` without valid
    ``required_scopes``.
    """

    def has_permission(self, request: Request, view: Any) -> bool:
        if not isinstance(request.auth, Claims):
            return False
        required = self._required(request.method or "", view)
        if required is None:
            return False
        if not request.auth.scope.issuperset(required):
            raise InsufficientScope(required)
        return True

    def _required(self, method: str, view: Any) -> tuple[str, ...] | None:
        scopes = getattr(view, "required_scopes", None)
        if isinstance(scopes, Mapping):
            if wrong := [name for name in scopes if name not in _METHODS]:
                raise ImproperlyConfigured(
                    f"{type(view).__name__}.required_scopes must be a dict by HTTP method, such as "
                    f'"GET". It contains {wrong[0]!r}.'
                )
            if method == "OPTIONS":
                return ()
            scopes = scopes.get("GET" if method == "HEAD" else method)
            if scopes is None:
                return None
        try:
            return as_strings("required_scopes", scopes)
        except TypeError:
            raise ImproperlyConfigured(
                f"{type(view).__name__}.required_scopes must be a list of scope names, or a dict of"
                f" such lists by HTTP method, not {type(scopes).__name__}."
            ) from None


class HasFullScope(BasePermission):
    """Allow access tokens with all scopes that the user may have.

    A token of narrower scope must not list or end the user's sessions. Costs one query. Raises
    :class:`InsufficientScope` and :class:`~django_tokenauth.errors.ServiceUnavailable`.
    """

    def has_permission(self, request: Request, view: Any) -> bool:
        if not isinstance(request.auth, Claims):
            return False
        full = services.full_scope(request.auth, request=request)
        if not request.auth.scope.issuperset(full):
            raise InsufficientScope(full)
        return True
