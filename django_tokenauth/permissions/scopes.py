"""Permission classes and a decorator for the scope of an access token."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Collection, Mapping
from functools import partial, wraps
from typing import Any, TypeVar

from django.core.exceptions import ImproperlyConfigured
from django.utils.translation import gettext_lazy as _
from django.views.generic import View
from rest_framework.exceptions import PermissionDenied
from rest_framework.request import Request

from .. import services
from .._scope import decorated_scopes, is_scope_name
from ..authentication import AccessTokenRejected, TemporarilyUnavailable
from ..errors import InvalidToken, ServiceUnavailable
from ..services.arguments import as_collection
from ..tokens.claims import APITokenClaims, Claims
from .denials import Reason, TokenPermission, deny
from .errors import InsufficientScope
from .users import IsAuthenticatedWithoutToken

_METHODS = frozenset(map(str.upper, View.http_method_names))

_NEEDS_SIGN_IN = _("This view needs the access token of a user's sign-in.")

_F = TypeVar("_F", bound=Callable[..., Any])


class _ScopePermission(TokenPermission):
    """A permission that requires scopes of the access token.

    If the view denies the request because a scope is missing, the view raises
    :class:`InsufficientScope`.
    """

    @abstractmethod
    def required_scope(self, request: Request, view: Any) -> Collection[str] | None:
        """Return the scope that an access token needs, or ``None`` if no scope is sufficient."""

    def check_token(self, claims: Claims, request: Request, view: Any) -> Reason | bool:
        required = self.required_scope(request, view)
        if required is None:
            return False
        if not claims.scope.issuperset(required):
            return partial(InsufficientScope, required)
        return True


class HasScope(_ScopePermission):
    """Allow access tokens whose scope contains the view's ``required_scopes``.

    ``required_scopes`` is a list of scope names, or a dict of such lists by HTTP method. In a dict,
    ``GET`` applies to ``HEAD`` too, ``OPTIONS`` requires no scope, and other missing methods are
    denied. In a view without ``required_scopes``, :func:`required_scopes` of the method or action
    applies. Requests that were authenticated without an access token are denied.

    The view raises :class:`InsufficientScope` if the scope is missing, also if ``HasScope`` is
    combined by ``&`` or ``|``. Raises ``ImproperlyConfigured`` if ``required_scopes`` is missing or
    invalid.
    """

    def required_scope(self, request: Request, view: Any) -> Collection[str] | None:
        return self.required_scope_of_method(request.method or "", view)

    def required_scope_of_method(self, method: str, view: Any) -> tuple[str, ...] | None:
        """Return the scope that ``required_scopes`` of *view* has for *method*."""
        scopes = getattr(view, "required_scopes", None)
        if scopes is None:
            scopes = decorated_scopes(view, method)
            # REST framework responds to OPTIONS itself, and with 405 to a missing method.
            if scopes is None and (method == "OPTIONS" or not _is_handled(view, method.lower())):
                return ()
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
            return as_collection("required_scopes", scopes)
        except TypeError:
            raise ImproperlyConfigured(
                f"{type(view).__name__}.required_scopes must be a list of scope names, or a dict of"
                f" such lists by HTTP method, not {type(scopes).__name__}."
            ) from None


def _is_handled(view: Any, name: str) -> bool:
    return name in view.http_method_names and hasattr(view, name)


class HasFullScope(_ScopePermission):
    """Allow access tokens with all scopes that the user may have.

    An access token of narrower scope must not list or revoke the user's sessions. API tokens, and
    access tokens that were exchanged, narrowed or issued to a service account, are denied, whatever
    their scope. Each check runs at most one query, in addition to those of ``SCOPE_POLICY``. The
    view raises :class:`InsufficientScope` if a scope is missing. Raises
    :class:`~django_tokenauth.authentication.TemporarilyUnavailable`.
    """

    def check_token(self, claims: Claims, request: Request, view: Any) -> Reason | bool:
        if isinstance(claims, APITokenClaims) or claims.grant is not None:
            return _needs_sign_in
        return super().check_token(claims, request, view)

    def required_scope(self, request: Request, view: Any) -> Collection[str] | None:
        claims: Any = request.auth
        try:
            return services.full_scope(claims, request=request)
        # A view of REST framework responds with 500 to an error that is not an APIException.
        except ServiceUnavailable:
            raise TemporarilyUnavailable from None
        except InvalidToken as error:
            raise AccessTokenRejected(error.code) from None


def _needs_sign_in(message: Any) -> PermissionDenied:
    return PermissionDenied(_NEEDS_SIGN_IN if message is None else message)


def required_scopes(*scopes: str, without_token: bool = False) -> Callable[[_F], _F]:
    """Decorate a function view, a method of a view or an ``@action`` that requires *scopes*.

    *scopes* are the names of the scopes that the access token needs, in addition to the permissions
    of the view. With *without_token*, users who were authenticated without an access token are
    allowed too, as by :class:`IsAuthenticatedWithoutToken`.

    Returns the decorator. Raises ``TypeError`` if *scopes* is empty or contains an invalid scope
    name (RFC 6749 section 3.3). Raises ``TypeError`` also if the decorator is above ``@api_view``
    or on a class. The decorated function raises the errors of a view with :class:`HasScope`, and
    ``TypeError`` if the function is not a view of REST framework.
    """
    names: tuple[Any, ...] = scopes
    if not names or not all(isinstance(name, str) and is_scope_name(name) for name in names):
        raise TypeError(
            "required_scopes() takes the names of scopes, for example "
            '@required_scopes("notes:read", "notes:write").'
        )
    permission_class: Any = type("DecoratedScope", (_DecoratedScope,), {"scopes": scopes})
    if without_token:
        permission_class |= IsAuthenticatedWithoutToken

    def decorate(function: _F) -> _F:
        if isinstance(function, type) or hasattr(function, "cls"):
            raise TypeError(
                "@required_scopes must be below @api_view, or on a method or an @action. For a "
                "class, set permission_classes = [HasScope] and required_scopes."
            )

        @wraps(function)
        def decorated(*args: Any, **kwargs: Any) -> Any:
            # The request follows the view in the arguments of a method.
            request = next((each for each in args[:2] if isinstance(each, Request)), None)
            if request is None:
                raise TypeError(
                    "@required_scopes must be on a view of REST framework. For a view of Django, "
                    "use @token_required of django_tokenauth.decorators."
                )
            _check_decorated(permission_class(), request)
            return function(*args, **kwargs)

        decorated.required_scopes = () if without_token else scopes  # type: ignore[attr-defined]
        return decorated  # type: ignore[return-value]

    return decorate


class _DecoratedScope(HasScope):
    """The permission of a function with :func:`required_scopes`."""

    scopes: tuple[str, ...]

    def required_scope_of_method(self, method: str, view: Any) -> tuple[str, ...]:
        return self.scopes


def _check_decorated(permission: Any, request: Request) -> None:
    """Raise the errors of a view that denies *request* if *permission* denies it."""
    view = request.parser_context["view"]
    if permission.has_permission(request, view):
        return
    # has_permission() has replaced permission_denied() of the view by deny().
    deny(view, view.permission_denied.args[1], None, request, permissions=[permission])
