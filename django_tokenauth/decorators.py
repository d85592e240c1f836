"""A decorator for views of Django that need an access token."""

from __future__ import annotations

from asyncio import get_running_loop
from collections.abc import Callable
from functools import wraps
from inspect import isawaitable
from typing import Any, TypeVar, overload

from asgiref.sync import iscoroutinefunction, sync_to_async
from django.db import connections
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.utils.cache import patch_vary_headers
from django.views.decorators.debug import sensitive_variables
from rest_framework.exceptions import APIException, NotAuthenticated

from ._bearer import REQUEST_TOKEN
from ._request_values import get_value
from ._scope import is_scope_name
from .authentication import JWTAuthentication
from .http.authenticators import authenticator
from .http.request_token import RequestToken, set_user
from .permissions import InsufficientScope

__all__ = ["token_required"]

_F = TypeVar("_F", bound=Callable[..., Any])


@overload
def token_required(view: _F, /) -> _F: ...
@overload
def token_required(
    *scopes: str, authentication_class: type[JWTAuthentication] | None = None
) -> Callable[[_F], _F]: ...
def token_required(
    *arguments: Any, authentication_class: type[JWTAuthentication] | None = None
) -> Any:
    """Decorate a view of Django that needs an access token, with all *scopes* if any are given.

    The view is a function, also ``async``, or the result of ``as_view()``. For a class, use
    ``@method_decorator(token_required, name="dispatch")``. For a view of REST framework, use
    :func:`~django_tokenauth.permissions.required_scopes`.

    ``request.user`` is the user of the token, and ``request.auth`` is a
    :class:`~django_tokenauth.authentication.Claims`. The user of a Django session is ignored, so
    the view needs no CSRF token. *authentication_class* is by default that of ``TokenMiddleware``,
    if the project uses this middleware, and otherwise :class:`JWTAuthentication`.

    A request without a token gets 401 with a challenge. The other responses have the body
    ``{"error": CODE, "error_description": TEXT}``: 401 ``invalid_token``, 403
    ``insufficient_scope`` (RFC 6750 section 3.1) and 503 ``temporarily_unavailable``.

    Raises ``TypeError`` for an invalid scope name and for an object that is not a view of Django.
    """
    if len(arguments) == 1 and callable(arguments[0]):
        return _decorated(arguments[0], (), authentication_class)
    if not all(isinstance(name, str) and is_scope_name(name) for name in arguments):
        raise TypeError(
            "token_required() takes the names of scopes, for example "
            '@token_required("notes:read", "notes:write").'
        )
    return lambda view: _decorated(view, arguments, authentication_class)


def _decorated(
    view: Any, scopes: tuple[str, ...], authentication_class: type[JWTAuthentication] | None
) -> Any:
    if isinstance(view, type):
        raise TypeError(
            'For a class, use @method_decorator(token_required, name="dispatch") of '
            "django.utils.decorators."
        )
    if hasattr(view, "cls"):
        raise TypeError(
            "@token_required is for views of Django. For a view of REST framework, use "
            "permission_classes, or @required_scopes below @api_view."
        )

    def begin(request: Any) -> RequestToken:
        if not isinstance(request, HttpRequest):
            raise TypeError(
                "@token_required must be on a view of Django, and on a method only by "
                "@method_decorator(token_required)."
            )
        return _request_token(request, authentication_class)

    @wraps(view)
    def decorated(request: Any, *args: Any, **kwargs: Any) -> Any:
        token = begin(request)
        if _is_in_event_loop():
            # dispatch() of a class with asynchronous methods returns a coroutine.
            return async_decorated(request, *args, **kwargs)
        return _with_vary(token, _reject(token, request, scopes) or view(request, *args, **kwargs))

    @wraps(view)
    async def async_decorated(request: Any, *args: Any, **kwargs: Any) -> Any:
        token = begin(request)
        response = await sync_to_async(_reject)(token, request, scopes)
        if response is None:
            response = view(request, *args, **kwargs)
            if isawaitable(response):
                response = await response
        return _with_vary(token, response)

    found: Any = async_decorated if iscoroutinefunction(view) else decorated
    # The view ignores cookies, so CSRF is impossible, and a login page is of no use.
    found.csrf_exempt = True
    found.login_required = False
    return found


def _is_in_event_loop() -> bool:
    try:
        get_running_loop()
    except RuntimeError:
        return False
    return True


def _request_token(
    request: HttpRequest, authentication_class: type[JWTAuthentication] | None
) -> RequestToken:
    """Return the token that ``TokenMiddleware`` found, if token and class are the same."""
    known: RequestToken | None = get_value(request, REQUEST_TOKEN)
    if known is not None:
        authentication_class = authentication_class or type(known.authentication)
        if authentication_class is type(known.authentication) and known.is_current():
            return known
    return RequestToken(authenticator(authentication_class or JWTAuthentication), request)


@sensitive_variables()
def _reject(token: RequestToken, request: Any, scopes: tuple[str, ...]) -> HttpResponseBase | None:
    """Set the user of *request*, or return the response for a request that is rejected."""
    try:
        user, claims = token.authenticate()
        if claims is None:
            raise NotAuthenticated
        if not claims.scope.issuperset(scopes):
            raise InsufficientScope(scopes)
    except APIException as error:
        _roll_back(request)
        return token.error_response(error)
    set_user(request, user, claims, token)
    return None


def _roll_back(request: HttpRequest) -> None:
    """Roll back the transactions that Django started for *request*, at their end.

    With ``ATOMIC_REQUESTS``, Django would commit a transaction, and respond with 500 if the
    connection to the database is lost. Transactions of test cases, and of projects in a view with
    ``non_atomic_requests``, are not rolled back.
    """
    match = request.resolver_match
    non_atomic = () if match is None else getattr(match.func, "_non_atomic_requests", ())
    for connection in connections.all(initialized_only=True):
        if (
            connection.settings_dict["ATOMIC_REQUESTS"]
            and connection.in_atomic_block
            and connection.alias not in non_atomic
            and not getattr(connection.atomic_blocks[-1], "_from_testcase", False)
        ):
            connection.set_rollback(True)


def _with_vary(token: RequestToken, response: Any) -> Any:
    # Django reports a view that returns no response.
    if isinstance(response, HttpResponseBase):
        patch_vary_headers(response, [token.authentication.header])
    return response
