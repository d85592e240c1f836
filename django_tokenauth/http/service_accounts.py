"""The grant of service accounts (RFC 6749 section 4.4)."""

from __future__ import annotations

from django.views.decorators.debug import sensitive_variables
from rest_framework.request import Request
from rest_framework.response import Response

from .. import services
from ..conf.settings import load
from ..errors import InvalidClient, UnsupportedGrantType
from ..serializers import ClientCredentialsSerializer
from .audiences import take_audience
from .client_authentication import authenticate_client
from .endpoints import validated_data


@sensitive_variables()
def client_credentials_grant(request: Request) -> Response:
    """Return an access token for the authenticated client of *request*.

    Without a service account in ``CLIENTS``, the grant type is not supported.
    """
    clients = load().clients
    if all(client.scopes is None for client in clients.values()):
        raise UnsupportedGrantType
    parameters = validated_data(ClientCredentialsSerializer, request)
    client_id = authenticate_client(
        request, parameters.pop("client_id"), parameters.pop("client_secret")
    )
    # A client_id without an entry in CLIENTS is not verified.
    if client_id not in clients:
        raise InvalidClient
    audience = take_audience(parameters)
    issued = services.issue_client_token(
        client_id, scope=parameters["scope"], audience=audience, request=request
    )
    return Response(issued.to_response())
