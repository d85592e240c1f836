"""Permission classes for the scope of an access token.

This module must not import ``rest_framework.views``, which imports this module if
``DEFAULT_PERMISSION_CLASSES`` contains ``HasScope`` or ``HasFullScope``.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Collection, Iterable, Mapping
from functools import partial
from typing import Any

from django.core.exceptions import ImproperlyConfigured
from django.utils.translation import gettext_lazy as _
from django.views.generic import View
from rest_framework.exceptions import PermissionDenied
from rest_framework.permissions import AND, OR, BasePermission
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

    *scope* is a collection of scope names. *detail* is the message in the response body, by default
    a fixed sentence. Raises ``TypeError`` if *scope* is a single string.
    """

    error = default_code = "insufficient_scope"
    description = default_detail = _("The access token does not have the required scope.")

    def __init__(self, scope: Iterable[str], detail: Any = None) -> None:
        super().__init__(detail)
        # REST framework sends auth_header as WWW-Authenticate. RFC 6750 section 3 allows only ASCII
        # in the description, so the description is not translated.
        self.auth_header = challenge(
            JWTAuthentication.realm,
            self.error,
            "The access token does not have the required scope.",
            " ".join(sorted(as_strings("scope", scope))),
        )


class _ScopePermission(BasePermission):
    """A permission that requires scopes of the access token.

    ``has_permission`` returns a boolean, so that the class can be combined by ``&``, ``|`` and
    ``~``. The view raises :class:`InsufficientScope` if it denies the request because a scope is
    missing.
    """

    #: The required scope, if the access token of the last request did not have it.
    missing: Collection[str] | None = None

    @abstractmethod
    def required_scope(self, request: Request, view: Any) -> Collection[str] | None:
        """Return the scope that an access token needs, or ``None`` if no scope is sufficient."""

    def has_permission(self, request: Request, view: Any) -> bool:
        self.missing = None
        if not isinstance(request.auth, Claims):
            return False
        required = self.required_scope(request, view)
        if required is None:
            return False
        if not request.auth.scope.issuperset(required):
            self.missing = required
            _name_scope_on_denial(view)
            return False
        return True

    def has_object_permission(self, request: Request, view: Any, obj: Any) -> bool:
        # With ~, REST framework would deny every object if has_object_permission() always returned
        # True.
        return self.has_permission(request, view)


class HasScope(_ScopePermission):
    """Allow access tokens whose scope contains the view's ``required_scopes``.

    ``required_scopes`` is a list of scope names, or a dict of such lists by HTTP method. In a dict,
    ``GET`` applies to ``HEAD`` too, ``OPTIONS`` requires no scope, and other missing methods are
    denied. Requests that were authenticated without an access token are denied.

    The view raises :class:`InsufficientScope` if the scope is missing, also if ``HasScope`` is
    combined by ``&`` or ``|``. Raises ``ImproperlyConfigured`` if ``required_scopes`` is missing or
    invalid.
    """

    def required_scope(self, request: Request, view: Any) -> Collection[str] | None:
        return self.required_scope_of_method(request.method or "", view)

    def required_scope_of_method(self, method: str, view: Any) -> tuple[str, ...] | None:
        """Return the scope that ``required_scopes`` of *view* has for *method*."""
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


class HasFullScope(_ScopePermission):
    """Allow access tokens with all scopes that the user may have.

    An access token of narrower scope must not list or revoke the user's sessions. Each check runs
    at most one query, in addition to those of ``SCOPE_POLICY``. The view raises
    :class:`InsufficientScope` if a scope is missing. Raises
    :class:`~django_tokenauth.errors.ServiceUnavailable`.
    """

    def required_scope(self, request: Request, view: Any) -> Collection[str] | None:
        claims: Any = request.auth
        return services.full_scope(claims, request=request)


def _name_scope_on_denial(view: Any) -> None:
    """Make *view* raise :class:`InsufficientScope` if it denies the request for a missing scope.

    REST framework passes neither headers nor the permission to ``permission_denied``. This function
    therefore replaces ``permission_denied`` and ``check_object_permissions`` on *view*, which
    serves one request.
    """
    denied: Any = getattr(view, "permission_denied", None)
    check: Any = getattr(view, "check_object_permissions", None)
    if check is None or getattr(denied, "func", None) is _deny:
        return
    view.permission_denied = partial(_deny, view, denied, None)
    view.check_object_permissions = partial(_check_object, view, denied, check)


def _check_object(
    view: Any, denied: Callable[..., None], check: Callable[..., None], request: Request, obj: Any
) -> None:
    view.permission_denied = partial(_deny, view, denied, (obj,))
    try:
        check(request, obj)
    finally:
        view.permission_denied = partial(_deny, view, denied, None)


def _deny(
    view: Any,
    denied: Callable[..., None],
    checked: tuple[Any] | None,
    request: Request,
    message: Any = None,
    code: str | None = None,
) -> None:
    """Call the view's own ``permission_denied``, and name the scope if a wider scope would allow
    the request.

    *checked* contains the object whose permissions are checked. *checked* is ``None`` while the
    permissions for the request are checked.
    """
    try:
        denied(request, message=message, code=code)
    except PermissionDenied as error:
        scope = _scope_that_helps(view, request, checked)
        if scope is None or hasattr(error, "auth_header"):
            raise
        raise InsufficientScope(scope, message) from None


def _scope_that_helps(
    view: Any, request: Request, checked: tuple[Any] | None
) -> Collection[str] | None:
    """Return the scope without which *view* denies the request, or ``None``."""

    def allows(permission: Any) -> bool:
        return bool(permission.has_permission(request, view)) and (
            checked is None or bool(permission.has_object_permission(request, view, *checked))
        )

    def missing(permission: Any) -> Collection[str] | None:
        """Return the missing scope for which *permission* denies the request."""
        if isinstance(permission, _ScopePermission):
            permission.has_permission(request, view)
            return permission.missing
        if isinstance(permission, (AND, OR)):
            first, second = vars(permission).values()
            if isinstance(permission, OR):
                return missing(first) or missing(second)
            return missing(second if allows(first) else first)
        return None

    permissions = view.get_permissions()
    for permission in permissions:
        if not allows(permission):
            return missing(permission)
    # All permissions allow the request, so the view has denied an object. The call of
    # has_object_permission() found the first missing scope before _check_object() was installed, so
    # *checked* is None.
    return next(filter(None, map(missing, permissions)), None)
