"""HTTP: the token endpoint and its companions, and the sessions of the user.

The views translate and nothing else: bodies into arguments of :mod:`django_tokenauth.services`, and
its errors into answers, in one place for each of the two styles (RFC 6749 section 5.2 for the token
endpoints, in :mod:`django_tokenauth.http.endpoints`; RFC 6750 section 3 for the API).
"""

from __future__ import annotations

import logging
import time
import uuid
from collections.abc import Callable
from typing import Any

from django.db import Error as DatabaseFault
from django.utils.translation import gettext_lazy as _
from django.views.decorators.debug import sensitive_variables
from rest_framework import status
from rest_framework.exceptions import NotFound, ValidationError
from rest_framework.permissions import IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response

from . import services
from .authentication import JWTAuthentication, TokenRefused, Unavailable, bearer_token, challenge
from .conf.settings import load
from .errors import (
    InvalidClient,
    InvalidGrant,
    InvalidRequest,
    InvalidToken,
    ServiceUnavailable,
    UnsupportedGrantType,
)
from .http.client_authentication import BASIC_CHALLENGE, authenticate_client
from .http.endpoints import NoStoreView, TokenEndpoint, error_response, validated_data
from .http.throttling import SignInThrottle, client_address, valid_ip
from .permissions import HasFullScope, InsufficientScope
from .serializers import (
    RefreshSerializer,
    RevocationRequestSerializer,
    SessionSerializer,
    SignInSerializer,
    TokenSerializer,
)
from .sessions.users import get_stored_username

logger = logging.getLogger("django_tokenauth")


class TokenView(TokenEndpoint):
    """``POST token/``: signs in, or whatever the ``grant_type`` says (RFC 6749 section 3.2)."""

    @sensitive_variables()
    def post(self, request: Request) -> Response:
        grants: dict[object, Callable[[Request], Response]] = {
            "": _password_grant,
            "password": _password_grant,
            "refresh_token": _refresh_token_grant,
        }
        body: Any = request.data
        grant_type = body.get("grant_type", "")
        if not isinstance(grant_type, str):
            raise InvalidRequest
        if grant_type not in grants:
            raise UnsupportedGrantType
        return grants[grant_type](request)


class RefreshView(TokenEndpoint):
    """``POST token/refresh/``: the refresh token grant at an address of its own."""

    def post(self, request: Request) -> Response:
        return _refresh_token_grant(request)


@sensitive_variables()
def _password_grant(request: Request) -> Response:
    """The password grant (RFC 6749 section 4.3)."""
    asked = validated_data(SignInSerializer, request)
    client_id = authenticate_client(request, asked.pop("client_id"), asked.pop("client_secret"))
    username, password = asked.pop("username"), asked.pop("password")
    address = client_address(request._request)
    throttle = SignInThrottle(load(), address=address, username=get_stored_username(username))
    with throttle.counting(InvalidGrant):
        user = services.check_password(request, username, password)
    pair = services.sign_in(
        user,
        request=request,
        client_id=client_id,
        user_agent=_user_agent(request),
        ip=valid_ip(address),
        amr=("pwd",),
        **asked,
    )
    return Response(pair.to_response())


@sensitive_variables()
def _refresh_token_grant(request: Request) -> Response:
    """The refresh token grant (RFC 6749 section 6)."""
    asked = validated_data(RefreshSerializer, request)
    client_id = authenticate_client(request, asked.pop("client_id"), asked.pop("client_secret"))
    pair = services.refresh(**asked, client_id=client_id, request=request)
    return Response(pair.to_response())


def _user_agent(request: Request) -> str:
    text = request.META.get("HTTP_USER_AGENT", "")
    return "".join(character for character in text if character.isprintable())[:255]


class VerifyView(TokenEndpoint):
    """``POST token/verify/``: whether an access token is good here and now, revocation included."""

    @sensitive_variables()
    def post(self, request: Request) -> Response:
        token = validated_data(TokenSerializer, request)["token"]
        try:
            claims = services.authenticate_access_token(token)
            services.get_user(claims)
        except InvalidToken as error:
            logger.info("access token refused: %s", error.code)
            return Response({"active": False})
        return Response(
            {"active": True, "expires_in": max(0, int(claims.expires_at - time.time()))}
        )


class RevokeView(TokenEndpoint):
    """``POST token/revoke/``: signs out (RFC 7009). Also a token that is not good answers 200."""

    @sensitive_variables()
    def post(self, request: Request) -> Response:
        asked = validated_data(RevocationRequestSerializer, request)
        client_id = authenticate_client(request, asked.pop("client_id"), asked.pop("client_secret"))
        services.revoke_token(asked["token"], client_id=client_id, request=request)
        return Response({})


class IntrospectView(TokenEndpoint):
    """``POST token/introspect/``: what an access token says, if it is good here and now (RFC 7662).

    For clients with a secret, and for access tokens with the scope ``introspect``.
    """

    client_challenge = f"{BASIC_CHALLENGE}, {challenge(JWTAuthentication.realm)}"

    @sensitive_variables()
    def post(self, request: Request) -> Response:
        asked = validated_data(RevocationRequestSerializer, request)
        self.check_caller(request, asked["client_id"], asked["client_secret"])
        return Response(services.introspect(asked["token"]))

    @sensitive_variables()
    def check_caller(self, request: Request, client_id: str, client_secret: str) -> None:
        """Whether who asks may know (RFC 7662 section 2.1). Raises :class:`InvalidClient`,
        :class:`InvalidToken`, :class:`InsufficientScope`, and what the services raise."""
        bearer = bearer_token(request)
        if bearer is not None and client_secret:
            raise InvalidRequest
        if authenticate_client(request, client_id, client_secret) in load().clients:
            return
        if bearer is None:
            raise InvalidClient
        claims = services.authenticate_access_token(bearer)
        services.get_user(claims)
        if services.INTROSPECTION_SCOPE not in claims.scope:
            raise InsufficientScope([services.INTROSPECTION_SCOPE])

    def handle_exception(self, exc: Exception) -> Response:
        # RFC 6750 section 3, in the words of the token endpoints.
        if isinstance(exc, InvalidToken):
            logger.info("access token refused: %s", exc.code)
            refused = challenge(
                JWTAuthentication.realm, "invalid_token", "The access token is not valid."
            )
            return error_response(
                status.HTTP_401_UNAUTHORIZED,
                TokenRefused.default_code,
                TokenRefused.default_detail,
                {"WWW-Authenticate": refused},
            )
        if isinstance(exc, InsufficientScope):
            # Not 403: RFC 7662 section 2.3 is of this endpoint alone.
            return error_response(
                status.HTTP_401_UNAUTHORIZED,
                exc.default_code,
                exc.default_detail,
                {"WWW-Authenticate": exc.auth_header},
            )
        return super().handle_exception(exc)


class SessionEndpoint(NoStoreView):
    """What the views of the user's sessions share: a token with all rights of the user."""

    authentication_classes = (JWTAuthentication,)
    permission_classes = (IsAuthenticated, HasFullScope)

    def handle_exception(self, exc: Exception) -> Response:
        if isinstance(exc, (ServiceUnavailable, DatabaseFault)):
            exc = Unavailable()
        return super().handle_exception(exc)


class SessionListView(SessionEndpoint):
    """``GET sessions/``: the user's sessions. ``DELETE sessions/``: signs out all of them, or with
    ``?keep=current`` all others."""

    def get(self, request: Request) -> Response:
        found = services.list_sessions(request.user)
        return Response(SessionSerializer(found, many=True, context={"request": request}).data)

    def delete(self, request: Request) -> Response:
        auth: Any = request.auth
        keep = request.query_params.get("keep")
        if keep not in (None, "current"):
            raise ValidationError({"keep": [_("Give current, or leave it out.")]})
        services.sign_out_everywhere(
            request.user,
            keep=auth.session_id if keep else None,
            request=request,
        )
        return Response(status=status.HTTP_204_NO_CONTENT)


class SessionView(SessionEndpoint):
    """``DELETE sessions/ID/``: signs one session of the user out."""

    def delete(self, request: Request, session_id: uuid.UUID) -> Response:
        if not services.sign_out(request.user, session_id, request=request):
            raise NotFound
        return Response(status=status.HTTP_204_NO_CONTENT)
