"""Permission classes and a decorator for the scope of an access token.

This module must not import ``rest_framework.views``, which imports this module if
``DEFAULT_PERMISSION_CLASSES`` contains ``HasScope`` or ``HasFullScope``.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from functools import partial, wraps
from typing import Any, TypeVar

from django.conf import settings as django_settings
from django.core.exceptions import ImproperlyConfigured
from django.utils.translation import gettext_lazy as _
from django.views.generic import View
from rest_framework.exceptions import PermissionDenied
from rest_framework.permissions import AND, OR, BasePermission
from rest_framework.request import Request

from . import services
from ._bearer import challenge
from ._request_values import TOKEN_USER
from ._scope import decorated_scopes, is_scope_name
from .authentication import JWTAuthentication, TemporarilyUnavailable
from .conf.settings import load
from .errors import ServiceUnavailable, TokenAuthError
from .services.arguments import as_collection, as_strings, django_request
from .sessions.users import is_same_user
from .tokens.claims import Claims

_METHODS = frozenset(map(str.upper, View.http_method_names))
_NEEDS_TOKEN = _("This view needs an access token.")

_F = TypeVar("_F", bound=Callable[..., Any])

__all__ = [
    "HasFullScope",
    "HasScope",
    "InsufficientScope",
    "IsAuthenticatedWithoutToken",
    "IsNotImpersonated",
    "required_scopes",
]


class InsufficientScope(PermissionDenied, TokenAuthError):
    """403 ``insufficient_scope`` (RFC 6750 section 3.1). The challenge names the required scope.

    With ``DEBUG``, the challenge says if ``SCOPES`` does not contain a required scope.

    *scope* is a collection of scope names. *detail* is the message in the response body, by default
    a fixed sentence. Raises ``TypeError`` if *scope* is a single string.
    """

    error = default_code = "insufficient_scope"
    description = default_detail = _("The access token does not have the required scope.")

    def __init__(self, scope: Iterable[str], detail: Any = None) -> None:
        super().__init__(detail)
        names = as_strings("scope", scope)
        # REST framework sends auth_header as WWW-Authenticate. RFC 6750 section 3 allows only ASCII
        # in the description, so the description is not translated.
        description = "The access token does not have the required scope."
        if django_settings.DEBUG and not set(names).issubset(load().scopes):
            description = "A required scope is not in SCOPES of TOKENAUTH."
        self.auth_header = challenge(
            JWTAuthentication.realm, self.error, description, " ".join(sorted(names))
        )


class _ScopePermission(BasePermission):
    """A permission that requires scopes of the access token.

    ``has_permission`` returns a boolean, so that the class can be combined by ``&``, ``|`` and
    ``~``. If the view denies the request because a scope is missing, the view raises
    :class:`InsufficientScope`. If the user was authenticated without an access token, the message
    of the 403 response says that the view needs one.
    """

    #: The error that explains the denial of the last request, if a token or a scope was missing.
    reason: Callable[[Any], PermissionDenied] | None = None

    @abstractmethod
    def required_scope(self, request: Request, view: Any) -> Collection[str] | None:
        """Return the scope that an access token needs, or ``None`` if no scope is sufficient."""

    def has_permission(self, request: Request, view: Any) -> bool:
        self.reason = None
        if not isinstance(request.auth, Claims):
            self.reason = _needs_token
            _explain_denial(view)
            return False
        required = self.required_scope(request, view)
        if required is None:
            return False
        if not request.auth.scope.issuperset(required):
            self.reason = partial(InsufficientScope, required)
            _explain_denial(view)
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

    An access token of narrower scope must not list or revoke the user's sessions. Each check runs
    at most one query, in addition to those of ``SCOPE_POLICY``. The view raises
    :class:`InsufficientScope` if a scope is missing. Raises
    :class:`~django_tokenauth.authentication.TemporarilyUnavailable`.
    """

    def required_scope(self, request: Request, view: Any) -> Collection[str] | None:
        claims: Any = request.auth
        try:
            return services.full_scope(claims, request=request)
        except ServiceUnavailable:
            # A view of REST framework responds with 500 to an error that is not an APIException.
            raise TemporarilyUnavailable from None


class IsAuthenticatedWithoutToken(BasePermission):
    """Allow users who were authenticated without an access token of this package.

    Examples are Django's sessions in the browsable API, and ``force_authenticate()`` in tests.
    ``HasScope | IsAuthenticatedWithoutToken`` admits these users beside access tokens with the
    required scopes.
    """

    def has_permission(self, request: Request, view: Any) -> bool:
        user: Any = request.user
        return bool(user and user.is_authenticated) and _claims(request) is None

    def has_object_permission(self, request: Request, view: Any, obj: Any) -> bool:
        # With ~, REST framework would deny every object if has_object_permission() always returned
        # True.
        return self.has_permission(request, view)


class IsNotImpersonated(BasePermission):
    """Deny access tokens with an ``act`` claim: a member of the staff acts as the user.

    Use this class in views that only the users themselves may call, for example to change the
    password (:func:`~django_tokenauth.services.impersonate`). Requests without an access token are
    allowed: combine the class with other permissions.
    """

    message = _("The user must do this without the staff.")

    def has_permission(self, request: Request, view: Any) -> bool:
        claims = _claims(request)
        return claims is None or claims.actor is None

    def has_object_permission(self, request: Request, view: Any, obj: Any) -> bool:
        # With ~, REST framework would deny every object if has_object_permission() always returned
        # True.
        return self.has_permission(request, view)


def _claims(request: Request) -> Claims | None:
    """Return the claims of the access token that identifies the user of *request*, if any.

    ``SessionAuthentication`` takes the user that ``TokenMiddleware`` or ``token_required`` set for
    the user of a Django session, if a plain function calls the view. ``request.auth`` is ``None``
    in this case. Other middleware, such as that of django-otp, may have replaced the user by a lazy
    object that returns the user.
    """
    claims: Any = request.auth
    if not isinstance(claims, Claims):
        user, claims = getattr(django_request(request), TOKEN_USER, (None, None))
        if not is_same_user(request.user, user):
            return None
    return claims if isinstance(claims, Claims) else None


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
    # has_permission() has replaced permission_denied() of the view by _deny().
    _deny(view, view.permission_denied.args[1], None, request, permissions=[permission])


def _explain_denial(view: Any) -> None:
    """Make *view* raise the error that explains a denial for a missing token or scope.

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
    *,
    permissions: Sequence[Any] | None = None,
) -> None:
    """Call the view's own ``permission_denied``, and explain its denial.

    Name the scope if a wider scope would allow the request. Without an access token, say that the
    view needs an access token.

    *checked* contains the object whose permissions are checked. *checked* is ``None`` while the
    permissions for the request are checked. *permissions* are by default those of the view.
    """
    try:
        denied(request, message=message, code=code)
    except PermissionDenied as error:
        explain = _explanation(view, request, checked, permissions or view.get_permissions())
        if explain is None or hasattr(error, "auth_header"):
            raise
        raise explain(message) from None


def _explanation(
    view: Any, request: Request, checked: tuple[Any] | None, permissions: Sequence[Any]
) -> Callable[[Any], PermissionDenied] | None:
    """Return the error for the missing token or scope without which *view* denies the request."""

    def allows(permission: Any) -> bool:
        return bool(permission.has_permission(request, view)) and (
            checked is None or bool(permission.has_object_permission(request, view, *checked))
        )

    def reason(permission: Any) -> Callable[[Any], PermissionDenied] | None:
        """Return the error if *permission* denies the request for a missing token or scope."""
        if isinstance(permission, _ScopePermission):
            permission.has_permission(request, view)
            return permission.reason
        if isinstance(permission, (AND, OR)):
            first, second = vars(permission).values()
            if isinstance(permission, OR):
                return reason(first) or reason(second)
            return reason(second if allows(first) else first)
        return None

    for permission in permissions:
        if not allows(permission):
            return reason(permission)
    # All permissions allow the request, so the view has denied an object. The call of
    # has_object_permission() found the first missing scope before _check_object() was installed, so
    # *checked* is None.
    return next(filter(None, map(reason, permissions)), None)


def _needs_token(message: Any) -> PermissionDenied:
    return PermissionDenied(_NEEDS_TOKEN if message is None else message)
