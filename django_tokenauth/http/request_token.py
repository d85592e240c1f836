"""The access token of a request to a view of Django, and the error responses (RFC 6750)."""

from __future__ import annotations

from typing import Any

from asgiref.sync import sync_to_async
from django.http import HttpRequest, JsonResponse
from django.views.decorators.debug import sensitive_variables
from rest_framework.exceptions import APIException, AuthenticationFailed, NotAuthenticated
from rest_framework.settings import api_settings

from .._bearer import bearer_token
from .._request_values import TOKEN_USER
from ..authentication import JWTAuthentication, TemporarilyUnavailable
from ..permissions import InsufficientScope, InsufficientUserAuthentication
from ..sessions.tenants import Tenant, current_tenant
from ..tokens.claims import Claims


class RequestToken:
    """The access token of a request of Django. It is authenticated when it is first used.

    ``error`` is the error of this authentication, or ``None`` before it and if the token is valid.
    """

    def __init__(self, authentication: JWTAuthentication, request: HttpRequest) -> None:
        self.authentication = authentication
        self.error: APIException | None = None
        #: The results of authentication classes, which share this object.
        self.results: dict[tuple[Any, str, Tenant], Any] = {}
        self._request = request
        self._source = self._current_source()
        #: The request has no token.
        self.is_missing = self._source[0] is None
        self._found: tuple[Any, Claims | None] | None = None
        self._is_unused = False

    def is_current(self) -> bool:
        """Return whether the request still has the same token and tenant."""
        return self._source == self._current_source()

    @sensitive_variables()
    def authenticate(self) -> tuple[Any, Claims | None]:
        """Return the user and the claims of the token. At most one statement per request.

        The claims are ``None`` if the token is missing, or if a class of the project did not
        authenticate it. Raises the errors of the authentication class.
        """
        if self.error is not None:
            raise self.error
        if self._found is None:
            request: Any = self._request
            try:
                found = None if self.is_missing else self.authentication.authenticate(request)
            except APIException as error:
                self.error = error
                raise
            self._found = found or (anonymous_user(), None)
        return self._found

    def user(self) -> Any:
        """Return the user. It is anonymous if the token is rejected.

        Raises :class:`TemporarilyUnavailable`.
        """
        if self._is_unused:
            return anonymous_user()
        try:
            return self.authenticate()[0]
        except AuthenticationFailed:
            return anonymous_user()

    async def auser(self) -> Any:
        """Return the user, in asynchronous code."""
        return await sync_to_async(self.user)()

    def claims(self) -> Claims | None:
        """Return the claims. Raises the errors of the authentication class."""
        return self.authenticate()[1]

    def is_accepted(self) -> bool:
        """Return whether the token is valid."""
        try:
            return self.claims() is not None
        except APIException:
            return False

    def leave_to_view(self) -> None:
        """Make the user anonymous, because the view authenticates the request itself."""
        self._is_unused = True
        self.error = None

    def _current_source(self) -> tuple[str | None, Tenant]:
        return bearer_token(self._request, self.authentication.header), current_tenant()

    def error_response(self, error: APIException) -> JsonResponse:
        """Return the response for *error*.

        The body is ``{"error": CODE, "error_description": TEXT}``, without a code if the request
        has no token (RFC 6750 section 3.1).
        """
        body: dict[str, Any] = {"error_description": error.detail}
        if not isinstance(error, NotAuthenticated):
            code = getattr(error, "error", None)
            body = {"error": code or "invalid_token", **body}
        response = JsonResponse(body, status=error.status_code)
        response["Cache-Control"] = "no-store"
        if isinstance(error, TemporarilyUnavailable):
            response["Retry-After"] = str(error.wait)
        else:
            request: Any = self._request
            response["WWW-Authenticate"] = (
                error.auth_header
                if isinstance(error, (InsufficientScope, InsufficientUserAuthentication))
                else self.authentication.authenticate_header(request)
            )
        return response


def set_user(request: Any, user: Any, auth: Any, token: RequestToken) -> None:
    """Set the user and the claims of *token*, which permissions recognize as those of a token."""
    request.user, request.auth, request.auser = user, auth, token.auser
    setattr(request, TOKEN_USER, (user, auth))


def anonymous_user() -> Any:
    """Return the user of a request without credentials, as in REST framework's views."""
    # A project with its own user model may not install django.contrib.auth, and then cannot import
    # AnonymousUser.
    user_class: Any = api_settings.UNAUTHENTICATED_USER
    return user_class and user_class()
