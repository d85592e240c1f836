"""The grant of token exchange (RFC 8693)."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext_lazy as _
from django.views.decorators.debug import sensitive_variables
from rest_framework.request import Request
from rest_framework.response import Response

from .. import services
from .._audience import AUDIENCE_PARAMETERS
from ..conf.per_request import load_for
from ..conf.settings import load
from ..errors import InvalidClient, InvalidRequest, InvalidTarget, UnsupportedGrantType
from ..serializers import TokenExchangeSerializer
from .audiences import take_audience
from .client_authentication import authenticate_client
from .endpoints import validated_data

#: The value of ``grant_type`` (RFC 8693 section 2.1).
TOKEN_EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange"  # noqa: S105
#: The types of tokens (RFC 8693 section 3).
ACCESS_TOKEN = "urn:ietf:params:oauth:token-type:access_token"  # noqa: S105
JWT = "urn:ietf:params:oauth:token-type:jwt"


@sensitive_variables()
def token_exchange_grant(request: Request) -> Response:
    """Return an access token for another service, made from the access token of a user.

    The grant type is supported only if ``CLIENTS`` permits an exchange.
    """
    clients = load().clients
    if not any(client.exchange for client in clients.values()):
        raise UnsupportedGrantType
    body: Any = request.data
    if body.get("actor_token") or body.get("actor_token_type"):
        raise InvalidRequest(_("actor_token is not supported. The client is the actor."))
    parameters = validated_data(TokenExchangeSerializer, request)
    client_id = authenticate_client(
        request, parameters.pop("client_id"), parameters.pop("client_secret")
    )
    # A client_id without an entry in CLIENTS is not verified.
    if client_id not in clients:
        raise InvalidClient
    audience = _audience(request, parameters)
    for name in ("subject_token_type", "requested_token_type"):
        if parameters[name] not in (ACCESS_TOKEN, JWT):
            raise InvalidRequest(_("Only access tokens can be exchanged."))
    issued = services.exchange_token(
        parameters["subject_token"],
        client_id=client_id,
        scope=parameters["scope"],
        audience=audience,
        request=request,
    )
    return Response({**issued.to_response(), "issued_token_type": ACCESS_TOKEN})


def _audience(request: Request, parameters: dict[str, Any]) -> str | None:
    """Return the audience of the request. Raises :class:`InvalidTarget`.

    Without ``AUDIENCES``, only ``AUDIENCE`` is permitted.
    """
    settings = load_for(request)
    if settings.audiences:
        return take_audience(parameters)
    body: Any = request.data
    if any(body.get(name) not in (None, "", settings.audience) for name in AUDIENCE_PARAMETERS):
        raise InvalidTarget
    return settings.audience
