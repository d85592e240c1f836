"""The views with which users manage their API tokens."""

from __future__ import annotations

import uuid
from functools import partial
from typing import Any, cast

from django.utils.translation import gettext_lazy as _
from django.views.decorators.debug import sensitive_variables
from rest_framework import status
from rest_framework.exceptions import APIException, NotFound, PermissionDenied, ValidationError
from rest_framework.permissions import IsAuthenticated
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response

from ..authentication import (
    AccessTokenRejected,
    Claims,
    JWTAuthentication,
    TemporarilyUnavailable,
)
from ..errors import (
    InvalidGrant,
    InvalidScope,
    InvalidTarget,
    InvalidToken,
    ServiceUnavailable,
    TokenErrorCode,
)
from ..http.audiences import take_audience
from ..http.endpoints import AlwaysJSONNegotiation, NoStoreView, validated_data
from ..http.parsers import StrictFormParser, StrictJSONParser, StrictMultiPartParser
from ..permissions import HasFullScope, IsNotImpersonated
from ..sessions.database import database_errors_as_unavailable
from . import services
from .serializers import (
    APITokenNameSerializer,
    APITokenRotationSerializer,
    APITokenSerializer,
    NewAPITokenSerializer,
)
from .services import ConcurrentRotation, InvalidEndDate, IssuedAPIToken

__all__ = ["APITokenListView", "APITokenRotationView", "APITokenView"]


class _Conflict(APIException):
    """409: another request has rotated or revoked the API token at the same time."""

    status_code = status.HTTP_409_CONFLICT
    default_code = "conflict"
    default_detail = _("The API token was changed by another request. Try again.")


class _APITokenEndpoint(NoStoreView):
    """The base class of the views, for access tokens with the full scope.

    An API token, an access token of narrower scope and a member of the staff who acts as the user
    get 403: otherwise, they could create tokens with more rights or a longer life than their own.
    """

    authentication_classes = (JWTAuthentication,)
    permission_classes = (IsAuthenticated, HasFullScope, IsNotImpersonated)
    parser_classes = (StrictJSONParser, StrictFormParser, StrictMultiPartParser)
    renderer_classes = (JSONRenderer,)
    content_negotiation_class = AlwaysJSONNegotiation

    def handle_exception(self, exc: Exception) -> Response:
        if isinstance(exc, ServiceUnavailable):
            exc = TemporarilyUnavailable()
        elif isinstance(exc, InvalidToken) and not isinstance(exc, APIException):
            # The session or the user has changed since the authentication.
            exc = AccessTokenRejected(exc.code)
        elif isinstance(exc, InvalidGrant):
            exc = AccessTokenRejected(TokenErrorCode.USER)
        elif isinstance(exc, InvalidEndDate):
            exc = ValidationError({"expires_at": [_("Must be in the future.")]})
        elif isinstance(exc, InvalidScope):
            exc = ValidationError({"scope": [exc.description]})
        elif isinstance(exc, InvalidTarget):
            exc = ValidationError({"resource": [exc.description]})
        elif isinstance(exc, ConcurrentRotation):
            exc = _Conflict()
        return super().handle_exception(exc)


@sensitive_variables()
def _shown_once(issued: IssuedAPIToken, code: int) -> Response:
    body = {"token": issued.token, **APITokenSerializer(issued.api_token).data}
    return Response(body, status=code)


def _grantable(request: Request, audience: str | None) -> frozenset[str]:
    return services.grantable_scope(cast(Claims, request.auth), audience, request=request)


class APITokenListView(_APITokenEndpoint):
    """``GET api-tokens/``: list the user's active API tokens. ``POST api-tokens/``: create one.

    Only the response of the creation contains the token.
    """

    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        with database_errors_as_unavailable():
            tokens = list(services.list_api_tokens(request.user, request=request))
        return Response(APITokenSerializer(tokens, many=True).data)

    @sensitive_variables()
    def post(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        parameters = validated_data(NewAPITokenSerializer, request)
        audience = take_audience(parameters)
        parameters["scope"] = parameters.get("scope") or ()
        issued = services.create(
            request.user,
            **parameters,
            audience=audience,
            within=_grantable(request, audience),
            request=request,
        )
        return _shown_once(issued, status.HTTP_201_CREATED)


class APITokenView(_APITokenEndpoint):
    """``PATCH api-tokens/ID/``: rename an API token. ``DELETE api-tokens/ID/``: revoke it."""

    def patch(self, request: Request, *args: Any, token_id: uuid.UUID, **kwargs: Any) -> Response:
        name = validated_data(APITokenNameSerializer, request)["name"]
        token = services.rename(request.user, token_id, name, request=request)
        if token is None:
            raise NotFound
        return Response(APITokenSerializer(token).data)

    def delete(self, request: Request, *args: Any, token_id: uuid.UUID, **kwargs: Any) -> Response:
        if not services.revoke(request.user, token_id, request=request):
            raise NotFound
        return Response(status=status.HTTP_204_NO_CONTENT)


class APITokenRotationView(_APITokenEndpoint):
    """``POST api-tokens/ID/rotate/``: replace the secret of an API token.

    The response contains the new token. The old token works for the overlap.
    """

    def handle_exception(self, exc: Exception) -> Response:
        if isinstance(exc, (InvalidScope, InvalidTarget)):
            exc = PermissionDenied(
                _("This access token may not rotate the API token. Revoke it instead.")
            )
        return super().handle_exception(exc)

    @sensitive_variables()
    def post(self, request: Request, *args: Any, token_id: uuid.UUID, **kwargs: Any) -> Response:
        parameters = validated_data(APITokenRotationSerializer, request)
        issued = services.rotate(
            request.user,
            token_id,
            **parameters,
            within=partial(_grantable, request),
            request=request,
        )
        if issued is None:
            raise NotFound
        return _shown_once(issued, status.HTTP_200_OK)
