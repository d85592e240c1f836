"""A middleware that authenticates requests to views of Django by their access token."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any, ClassVar
from urllib.parse import parse_qs, urlsplit

from asgiref.sync import iscoroutinefunction, markcoroutinefunction
from django.contrib.auth import REDIRECT_FIELD_NAME
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.utils.cache import patch_vary_headers
from django.utils.functional import SimpleLazyObject
from rest_framework.exceptions import APIException, AuthenticationFailed
from rest_framework.views import APIView

from ._bearer import REQUEST_TOKEN
from ._request_values import get_value, set_value
from .authentication import JWTAuthentication, TemporarilyUnavailable
from .http.authenticators import authenticator
from .http.request_token import RequestToken, anonymous_user, set_user
from .permissions import InsufficientScope, InsufficientUserAuthentication
from .sessions.users import is_same_user

__all__ = ["TokenMiddleware"]

# Attributes that Django's request does not declare can be set only on this type.
_Request = Any
#: The errors that a view may raise.
_ANSWERED = (
    *(AuthenticationFailed, InsufficientScope, InsufficientUserAuthentication),
    TemporarilyUnavailable,
)


class TokenMiddleware:
    """Set ``request.user`` and ``request.auth`` of requests with an access token.

    Put the middleware below ``AuthenticationMiddleware``. It works in synchronous and asynchronous
    projects.

    * With a valid token, ``request.user`` is the user and ``request.auth`` is a
      :class:`~django_tokenauth.authentication.Claims`, as in a view of REST framework. The query
      runs when one of them is read.
    * With a rejected token, ``request.user`` is anonymous, even if the request has a cookie of a
      Django session. Reading ``request.auth`` raises
      :class:`~django_tokenauth.authentication.AccessTokenRejected`.
    * Without a token, ``request.user`` is unchanged, and ``request.auth`` is ``None``.

    If the token was rejected, a response 403 or a redirect to a login page becomes 401
    ``invalid_token`` (RFC 6750 section 3.1). A database outage while the user is read becomes 503.
    The body of both is ``{"error": CODE, "error_description": TEXT}``. Views may raise
    ``AccessTokenRejected``, ``TemporarilyUnavailable``,
    :class:`~django_tokenauth.permissions.InsufficientScope` and
    :class:`~django_tokenauth.permissions.InsufficientUserAuthentication`.

    A request needs no CSRF token if its access token is valid. Views of REST framework and Django's
    admin do not get the user of the token: REST framework authenticates requests itself, and the
    admin checks no scope.
    """

    sync_capable = True
    async_capable = True

    #: The class that authenticates the token. :class:`JWTAuthentication` and
    #: ``StatelessJWTAuthentication`` read the header of the first class of this package in
    #: ``DEFAULT_AUTHENTICATION_CLASSES``.
    authentication_class: ClassVar[type[JWTAuthentication]] = JWTAuthentication

    def __init__(self, get_response: Callable[[HttpRequest], Any]) -> None:
        self.get_response = get_response
        self._is_async = iscoroutinefunction(get_response)
        self.process_view: Callable[..., Any] = self._process_view
        if self._is_async:
            markcoroutinefunction(self)
            # Django would call a synchronous method in a thread.
            self.process_view = self._aprocess_view

    def __call__(self, request: HttpRequest) -> HttpResponseBase | Awaitable[HttpResponseBase]:
        if self._is_async:
            return self.__acall__(request)
        token = self._begin(request)
        return self._finish(token, self.get_response(request))

    async def __acall__(self, request: HttpRequest) -> HttpResponseBase:
        token = self._begin(request)
        return self._finish(token, await self.get_response(request))

    def _process_view(self, request: HttpRequest, view: Any, args: Any, kwargs: Any) -> None:
        """Leave views of REST framework and the admin to their own authentication."""
        token = self._token(request)
        if not token.is_missing and _authenticates_itself(request, view):
            token.leave_to_view()
            set_user(request, anonymous_user(), None, token)

    async def _aprocess_view(self, request: HttpRequest, view: Any, args: Any, kwargs: Any) -> None:
        self._process_view(request, view, args, kwargs)

    def process_exception(
        self, request: HttpRequest, exception: Exception
    ) -> HttpResponseBase | None:
        """Return the response for an error of this package that the view raised."""
        if isinstance(exception, _ANSWERED):
            return self._token(request).error_response(exception)
        return None

    def _begin(self, request: _Request) -> RequestToken:
        token = self._new_token(request)
        if token.is_missing:
            request.auth = None
            if not hasattr(request, "user"):
                set_user(request, anonymous_user(), None, token)
            return token
        user = SimpleLazyObject(token.user)
        set_user(request, user, SimpleLazyObject(token.claims), token)
        if not getattr(request, "_dont_enforce_csrf_checks", False):
            # CsrfViewMiddleware reads the attribute just before the view, and not at all for views
            # that are exempt. A page of another origin cannot send the header without CORS. Another
            # middleware may have replaced the user by that of a cookie.
            request._dont_enforce_csrf_checks = SimpleLazyObject(
                lambda: token.is_accepted() and is_same_user(request.user, user)
            )
        return token

    def _token(self, request: HttpRequest) -> RequestToken:
        # Another middleware may have replaced the request by a copy.
        token: RequestToken | None = get_value(request, REQUEST_TOKEN)
        return token or self._new_token(request)

    def _new_token(self, request: HttpRequest) -> RequestToken:
        token = RequestToken(authenticator(self.authentication_class), request)
        set_value(request, REQUEST_TOKEN, token)
        return token

    def _finish(self, token: RequestToken, response: HttpResponseBase) -> HttpResponseBase:
        if token.error is not None and _is_denial(response, token.error):
            response = token.error_response(token.error)
        # Caches know that Authorization protects a response (RFC 9111 section 3.5), but Django's
        # cache does not, and no cache knows another header.
        patch_vary_headers(response, [token.authentication.header])
        return response


def _authenticates_itself(request: HttpRequest, view: Any) -> bool:
    if _is_rest_view(view):
        # SessionAuthentication would take the user of a token for that of a cookie, without the
        # scope of the token.
        return True
    # The admin checks no scope.
    return request.resolver_match is not None and "admin" in request.resolver_match.app_names


def _is_rest_view(view: Any) -> bool:
    """Return whether *view* is a view of REST framework, or a ``partial`` or decorator of one."""
    while view is not None:
        view_class = getattr(view, "cls", None)
        if isinstance(view_class, type) and issubclass(view_class, APIView):
            return True
        view = view.func if isinstance(view, partial) else getattr(view, "__wrapped__", None)
    return False


def _is_denial(response: HttpResponseBase, error: APIException) -> bool:
    """Return whether *response* denies access or, after an outage, is that of an exception."""
    if response.status_code == 302:
        return REDIRECT_FIELD_NAME in parse_qs(urlsplit(response.get("Location", "")).query)
    denied = (403, 500) if isinstance(error, TemporarilyUnavailable) else (403,)
    return response.status_code in denied
