"""The views: the token endpoints (RFC 6749, RFC 7009, RFC 7662), the route for gateways, and the
sessions of the user.

The views read the request, call :mod:`django_tokenauth.services`, and build the response.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar
from urllib.parse import quote

from django.utils.translation import gettext_lazy as _
from django.views.decorators.debug import sensitive_variables
from rest_framework import status
from rest_framework.exceptions import NotFound, ValidationError
from rest_framework.permissions import IsAuthenticated
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response

from . import _log, services
from ._bearer import bearer_token, challenge
from ._limits import MAX_USER_AGENT
from ._scope import parse_scope
from .authentication import AccessTokenRejected, JWTAuthentication, TemporarilyUnavailable
from .conf.settings import load
from .errors import (
    InvalidClient,
    InvalidRequest,
    InvalidToken,
    ServiceUnavailable,
    UnsupportedGrantType,
)
from .http.attempts import sign_in_attempt
from .http.audiences import take_audience
from .http.authenticators import authenticator
from .http.client_assertions import assertion_in
from .http.client_authentication import BASIC_CHALLENGE, authenticate_client
from .http.client_grants import CLIENT_GRANTS
from .http.endpoints import (
    AlwaysJSONNegotiation,
    NoStoreView,
    TokenEndpoint,
    validated_data,
)
from .http.step_up import step_up_attempt
from .http.throttling import client_address, valid_ip
from .http.token_responses import TokenIssuingEndpoint, issuing_endpoint
from .permissions import HasFullScope, HasScope, InsufficientScope, IsNotImpersonated
from .serializers import (
    IntrospectionRequestSerializer,
    RefreshSerializer,
    RevocationRequestSerializer,
    SessionSerializer,
    SignInSerializer,
    TokenSerializer,
)
from .sessions.database import database_errors_as_unavailable

__all__ = [
    "ForwardAuthView",
    "IntrospectView",
    "RefreshView",
    "RevokeView",
    "SessionListView",
    "SessionView",
    "TokenEndpoint",
    "TokenView",
    "VerifyView",
    "authenticate_client",
    "client_address",
    "sign_in_attempt",
    "take_audience",
    "valid_ip",
    "validated_data",
]


@sensitive_variables()
def _password_grant(request: Request) -> Response:
    """Sign in with a username and a password (RFC 6749 section 4.3).

    With a refresh token, continue its session, for example after a challenge of RFC 9470.
    """
    view = issuing_endpoint(request)
    parameters = validated_data(
        getattr(view, "sign_in_serializer_class", SignInSerializer), request
    )
    client_id = _authenticate_client(request, parameters)
    username, password = parameters.pop("username"), parameters.pop("password")
    scope, device_name = parameters.pop("scope", None), parameters.pop("device_name", "")
    refresh_token = parameters.pop("refresh_token", "")
    audience = take_audience(parameters)
    audiences = None if audience is None else [audience]
    services.check_scope(scope)
    services.check_audiences(audiences, scope=scope, request=request)
    options: dict[str, Any] = {"scope": scope, "client_id": client_id, "amr": ("pwd",)}
    options |= {"user_agent": _user_agent(request), "ip": valid_ip(client_address(request))}
    if refresh_token:
        options["audience"] = audience
        with step_up_attempt(request, username):
            user = services.check_password(request, username, password)
            return view.token_response(services.step_up, user, refresh_token, **options)
    options |= {"audiences": audiences, "device_name": device_name, "fields": parameters}
    with sign_in_attempt(request, username):
        user = services.check_password(request, username, password)
    return view.token_response(services.sign_in, user, **options)


@sensitive_variables()
def _refresh_token_grant(request: Request) -> Response:
    """Refresh the tokens of a session (RFC 6749 section 6)."""
    parameters = validated_data(RefreshSerializer, request)
    client_id = _authenticate_client(request, parameters)
    audience = take_audience(parameters)
    return issuing_endpoint(request).token_response(
        services.refresh,
        **parameters,
        audience=audience,
        client_id=client_id,
        user_agent=_user_agent(request),
        ip=valid_ip(client_address(request)),
    )


@sensitive_variables()
def _authenticate_client(request: Request, parameters: dict[str, Any]) -> str:
    """Remove the client's id and secret from ``parameters``, and return the id as
    :func:`authenticate_client` does."""
    return authenticate_client(
        request, parameters.pop("client_id"), parameters.pop("client_secret")
    )


def _user_agent(request: Request) -> str:
    user_agent = request.META.get("HTTP_USER_AGENT", "")
    return "".join(character for character in user_agent if character.isprintable())[
        :MAX_USER_AGENT
    ]


class TokenView(TokenIssuingEndpoint):
    """``POST token/``: the token endpoint (RFC 6749 section 3.2).

    A request without ``grant_type`` is a sign-in by the password grant.
    """

    tokenauth_endpoint = "token"

    #: The serializer class of a sign-in with a password. The hooks ``LIFETIMES`` and
    #: ``SESSION_DATA`` receive the further fields of a subclass.
    sign_in_serializer_class: ClassVar[type[SignInSerializer]] = SignInSerializer

    #: The function of each ``grant_type``; a subclass may add a grant. A function takes the request
    #: and returns the response, or raises an error of :mod:`django_tokenauth.errors`.
    grants: ClassVar[Mapping[str, Callable[[Request], Response]]] = {
        "password": _password_grant,
        "refresh_token": _refresh_token_grant,
        **CLIENT_GRANTS,
    }

    @sensitive_variables()
    def post(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        body: Any = request.data
        grant_type = body.get("grant_type", "")
        if not isinstance(grant_type, str):
            raise InvalidRequest
        grant = self.grants.get(grant_type or "password")
        if grant is None:
            raise UnsupportedGrantType
        return grant(request)


class RefreshView(TokenIssuingEndpoint):
    """``POST token/refresh/``: the refresh token grant (RFC 6749 section 6), without
    ``grant_type``."""

    tokenauth_endpoint = "refresh"

    def post(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return _refresh_token_grant(request)


class VerifyView(TokenEndpoint):
    """``POST token/verify/``: check an access token, its session and its user.

    With ``AUDIENCES``, ``resource`` is the audience that the token must have, by default
    ``AUDIENCE``. The response is ``{"active": true, "expires_in": SECONDS}``, or 401
    ``invalid_token``, so a caller can rely on the status alone. ``OPTIONS`` gets 405, because some
    gateways send the method of the client and would take a 200 for an accepted token.
    """

    http_method_names = ("post",)

    @sensitive_variables()
    def post(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        parameters = validated_data(TokenSerializer, request)
        token, audience = parameters["token"], take_audience(parameters)
        try:
            claims = services.authenticate_token(token, request=request, audience=audience)
            services.get_user(claims)
        except InvalidToken as error:
            _log.access_token_rejected(error.code)
            raise AccessTokenRejected(error.code) from None
        expires_in = max(0, int(claims.expires_at - time.time()))
        return Response({"active": True, "expires_in": expires_in})


class RevokeView(TokenEndpoint):
    """``POST token/revoke/``: sign out with an access or refresh token (RFC 7009).

    A request with an invalid token gets 200 too, except with ``STATELESS_REFRESH``.
    """

    tokenauth_endpoint = "revocation"

    @sensitive_variables()
    def post(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        parameters = validated_data(RevocationRequestSerializer, request)
        client_id = _authenticate_client(request, parameters)
        services.revoke_token(parameters["token"], client_id=client_id, request=request)
        return Response({})


class IntrospectView(TokenEndpoint):
    """``POST token/introspect/``: the claims of an access token that is valid now (RFC 7662).

    The caller authenticates as a client in ``CLIENTS``, or by an access token with the scope
    ``introspect``. With ``AUDIENCES``, ``resource`` is the audience of the caller, by default
    ``AUDIENCE``. A token for another audience is not active.
    """

    tokenauth_endpoint = "introspection"

    #: RFC 7662 section 2.3 requires 401 for an access token with insufficient privileges.
    error_statuses: ClassVar[Mapping[type[Exception], int]] = {
        **TokenEndpoint.error_statuses,
        InsufficientScope: status.HTTP_401_UNAUTHORIZED,
    }
    client_challenge = f"{BASIC_CHALLENGE}, {challenge(JWTAuthentication.realm)}"

    @sensitive_variables()
    def post(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        parameters = validated_data(IntrospectionRequestSerializer, request)
        self.check_caller(request, parameters["client_id"], parameters["client_secret"])
        token, audience = parameters["token"], take_audience(parameters)
        return Response(services.introspect(token, request=request, audience=audience))

    @sensitive_variables()
    def check_caller(self, request: Request, client_id: str, client_secret: str) -> None:
        """Check that the client may introspect tokens (RFC 7662 section 2.1).

        *client_id* and *client_secret* are the parameters of the body, empty if they are
        missing. Raises :class:`InvalidRequest`, :class:`InvalidClient`, :class:`TooManyRequests`,
        :class:`AccessTokenRejected`, :class:`InsufficientScope` and :class:`ServiceUnavailable`.
        """
        authentication = authenticator(JWTAuthentication)
        has_bearer = bearer_token(request, authentication.header) is not None
        if has_bearer and (client_secret or assertion_in(request)):
            raise InvalidRequest
        if authenticate_client(request, client_id, client_secret) in load().clients:
            return
        authenticated = authentication.authenticate(request)
        if authenticated is None:
            raise InvalidClient
        _user, claims = authenticated
        if services.INTROSPECTION_SCOPE not in claims.scope:
            raise InsufficientScope([services.INTROSPECTION_SCOPE])


def _quoted(subject: str) -> str:
    """Return the subject of a token as the value of a header."""
    return quote(subject, safe="@+:")


class ForwardAuthView(NoStoreView):
    """``token/forward-auth/``: authenticate a request for a gateway.

    The view reads the access token from the header of the project's authentication class, by
    default ``Authorization``. An accepted request of any method gets 204 with the headers
    ``X-Auth-User``, ``X-Auth-Scope``, ``X-Auth-Session`` and ``X-Auth-Actor``. A request that
    :class:`JWTAuthentication` rejects gets 401 or 503. The view does not read the request body.

    The query parameter ``scope`` contains the required scopes, separated by spaces. An access token
    without the required scopes gets 403 ``insufficient_scope``. The query parameter ``status=200``
    replaces 204, because Envoy accepts only 200. Any other query parameter gets 400, because a
    misspelled ``scope`` must not admit every access token.
    """

    authentication_classes = (JWTAuthentication,)
    permission_classes = (HasScope,)
    throttle_classes = ()
    renderer_classes = (JSONRenderer,)
    content_negotiation_class = AlwaysJSONNegotiation
    #: Scopes that every request needs, in addition to the query parameter ``scope``.
    required_scopes: Sequence[str] = ()
    _statuses: ClassVar[Mapping[str, int]] = {
        "200": status.HTTP_200_OK,
        "204": status.HTTP_204_NO_CONTENT,
    }

    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        claims: Any = request.auth
        required, code = self._parameters(request)
        if not claims.scope.issuperset(required):
            raise InsufficientScope(required)
        headers = {
            "X-Auth-User": _quoted(claims.subject),
            "X-Auth-Scope": " ".join(sorted(claims.scope)),
            # Some gateways keep the client's header if the response has none, so send an empty
            # header.
            "X-Auth-Session": claims.session_id or "",
            "X-Auth-Actor": _quoted(claims.actor or ""),
        }
        return Response(status=code, headers=headers)

    # Envoy sends the method of the client, so every method is handled as GET.
    def options(self, request: Any, *args: Any, **kwargs: Any) -> Response:
        return self.get(request)

    def http_method_not_allowed(self, request: Any, *args: Any, **kwargs: Any) -> Response:
        return self.get(request)

    def _parameters(self, request: Request) -> tuple[frozenset[str], int]:
        """Return the required scopes and the status. Repeated ``scope`` parameters are combined."""
        query = request.query_params
        if not {"scope", "status"}.issuperset(query):
            message = _("Only these query parameters are allowed: %(names)s.")
            raise ValidationError({"detail": message % {"names": "scope, status"}})
        scopes = [parse_scope(scope) for scope in query.getlist("scope")]
        if None in scopes:
            raise ValidationError({"scope": [_("Must be scope names separated by single spaces.")]})
        code = self._statuses.get(query.get("status", "204"))
        if code is None:
            raise ValidationError({"status": [_("Must be 200 or 204.")]})
        return frozenset().union(*filter(None, scopes)), code


class _SessionEndpoint(NoStoreView):
    """The base class of the views of the user's sessions, for access tokens with the full scope."""

    authentication_classes = (JWTAuthentication,)
    permission_classes = (IsAuthenticated, HasFullScope)

    def handle_exception(self, exc: Exception) -> Response:
        if isinstance(exc, ServiceUnavailable):
            exc = TemporarilyUnavailable()
        return super().handle_exception(exc)


def _check_not_impersonated(view: _SessionEndpoint, request: Request) -> None:
    """Deny a member of the staff who acts as the user: the staff must not sign the user out."""
    if not IsNotImpersonated().has_permission(request, view):
        view.permission_denied(request, str(IsNotImpersonated.message))


class SessionListView(_SessionEndpoint):
    """``GET sessions/``: list the sessions of the user. ``DELETE sessions/``: revoke all sessions
    of the user, or all but the current one with ``?keep=current``.

    ``DELETE`` with the access token of a member of the staff who acts as the user gets 403.
    """

    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        with database_errors_as_unavailable():
            sessions = list(services.list_sessions(request.user))
        return Response(SessionSerializer(sessions, many=True, context={"request": request}).data)

    def delete(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        auth: Any = request.auth
        _check_not_impersonated(self, request)
        keep = request.query_params.get("keep")
        if keep not in (None, "current"):
            raise ValidationError({"keep": [_('Must be "current" or omitted.')]})
        services.sign_out_everywhere(
            request.user,
            keep=auth.session_id if keep else None,
            request=request,
        )
        return Response(status=status.HTTP_204_NO_CONTENT)


class SessionView(_SessionEndpoint):
    """``DELETE sessions/ID/``: revoke one session of the user.

    A member of the staff who acts as the user can revoke only the session of the access token.
    """

    def delete(
        self, request: Request, *args: Any, session_id: uuid.UUID, **kwargs: Any
    ) -> Response:
        auth: Any = request.auth
        if auth.session_id != str(session_id):
            _check_not_impersonated(self, request)
        if not services.sign_out(request.user, session_id, request=request):
            raise NotFound
        return Response(status=status.HTTP_204_NO_CONTENT)
