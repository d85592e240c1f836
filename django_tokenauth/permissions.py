"""What a token allows: REST framework's permission classes for the scope.

The module ``rest_framework.views`` is not imported here: it imports this one for a project that has
such a class in ``DEFAULT_PERMISSION_CLASSES``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from django.core.exceptions import ImproperlyConfigured
from django.utils.translation import gettext_lazy as _
from rest_framework.exceptions import PermissionDenied
from rest_framework.permissions import BasePermission
from rest_framework.request import Request

from . import services
from .authentication import JWTAuthentication, challenge
from .tokens.claims import Claims


class InsufficientScope(PermissionDenied):
    """403 ``insufficient_scope`` with the scope that is needed (RFC 6750 section 3.1)."""

    default_detail = _("The access token does not allow this.")
    default_code = "insufficient_scope"

    def __init__(self, scope: Iterable[str]) -> None:
        super().__init__()
        # REST framework sends it as WWW-Authenticate.
        self.auth_header = challenge(
            JWTAuthentication.realm,
            "insufficient_scope",
            "The access token does not allow this.",
            " ".join(sorted(scope)),
        )


class HasScope(BasePermission):
    """The token has all names of the view's ``required_scopes``.

    That is a list, or a dict of such lists by HTTP method (``HEAD`` counts as ``GET``; ``OPTIONS``
    needs none). A method that the dict does not name is refused, and so is a request that came
    without a token of ours: scopes say nothing about it.
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

    def _required(self, method: str, view: Any) -> list[str] | None:
        scopes = getattr(view, "required_scopes", None)
        if scopes is None or isinstance(scopes, str):
            raise ImproperlyConfigured(
                f"{type(view).__name__}.required_scopes must be a list of names or a dict of lists."
            )
        if not isinstance(scopes, Mapping):
            return list(scopes)
        if method == "OPTIONS":
            return []
        found = scopes.get("GET" if method == "HEAD" else method)
        return None if found is None else list(found)


class HasFullScope(BasePermission):
    """The token was not handed out with less than its user may have.

    Whoever holds a limited one must not see or end the user's sessions with it.
    """

    def has_permission(self, request: Request, view: Any) -> bool:
        if not isinstance(request.auth, Claims):
            return False
        whole = services.full_scope(request.auth, request=request)
        if not request.auth.scope.issuperset(whole):
            raise InsufficientScope(whole)
        return True
