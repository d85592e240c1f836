"""The bodies and responses of ``token/`` for the grants of clients in ``CLIENTS``.

They are in the OpenAPI schema only if a client may use the grant.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from drf_spectacular.serializers import PolymorphicProxySerializerExtension
from drf_spectacular.utils import PolymorphicProxySerializer
from rest_framework import serializers

from django_tokenauth.conf.settings import load
from django_tokenauth.http.client_assertions import JWT_BEARER
from django_tokenauth.http.token_exchange import TOKEN_EXCHANGE
from django_tokenauth.serializers import ClientCredentialsSerializer, TokenExchangeSerializer


class _AssertionSerializer(serializers.Serializer[Any]):
    """The authentication of a client by ``private_key_jwt`` (RFC 7523 section 2.2)."""

    client_assertion = serializers.CharField(
        required=False, write_only=True, help_text="A signed JWT, in place of client_secret."
    )
    client_assertion_type = serializers.CharField(required=False, help_text=f'"{JWT_BEARER}"')


class ClientGrantSerializer(_AssertionSerializer, ClientCredentialsSerializer):
    """The grant of service accounts (RFC 6749 section 4.4.2)."""

    grant_type = serializers.CharField(help_text='"client_credentials"')

    class Meta:
        ref_name = "TokenAuthClientGrant"


class ExchangeGrantSerializer(_AssertionSerializer, TokenExchangeSerializer):
    """The grant of token exchange (RFC 8693 section 2.1)."""

    grant_type = serializers.CharField(help_text=f'"{TOKEN_EXCHANGE}"')

    class Meta:
        ref_name = "TokenAuthExchangeGrant"


class ClientTokenSerializer(serializers.Serializer[Any]):
    """The access token of a service account (RFC 6749 section 4.4.3)."""

    access_token = serializers.CharField()
    token_type = serializers.CharField()
    expires_in = serializers.IntegerField()
    scope = serializers.CharField(required=False)

    class Meta:
        ref_name = "TokenAuthClientToken"


class ExchangedTokenSerializer(ClientTokenSerializer):
    """The access token of an exchange (RFC 8693 section 2.2.1)."""

    issued_token_type = serializers.CharField()

    class Meta:
        ref_name = "TokenAuthExchangedToken"


def with_client_grants(view: Any, request: Any, response: Any) -> tuple[Any, Any]:
    """Add the bodies and responses of the grants that clients may use at *view*."""
    found = [*_client_grants(view)]
    if not found:
        return request, response
    own = [(request, response)] if "password" in view.grants else []
    requests, responses = zip(*own, *found, strict=True)
    return _one_or_any_of(requests), _one_or_any_of(responses)


def _one_or_any_of(alternatives: Sequence[Any]) -> Any:
    return AnyOf(alternatives) if len(alternatives) > 1 else alternatives[0]


class AnyOf(PolymorphicProxySerializer):
    """One or more of several serializers."""

    def __init__(self, alternatives: Sequence[Any]) -> None:
        # Two views with other alternatives need two components.
        names = (each.Meta.ref_name.removeprefix("TokenAuth") for each in alternatives)
        super().__init__(f"TokenAuth{'Or'.join(names)}", alternatives, None)


class AnyOfSerializer(PolymorphicProxySerializerExtension):  # type: ignore[no-untyped-call]
    """The schema of :class:`AnyOf`. A body may match several: the token pair is a client's too."""

    target_class = f"{AnyOf.__module__}.{AnyOf.__name__}"

    def map_serializer(self, auto_schema: Any, direction: Any) -> Any:
        schema = super().map_serializer(auto_schema, direction)  # type: ignore[no-untyped-call]
        return {"anyOf": schema["oneOf"]}


def _client_grants(view: Any) -> Iterator[tuple[Any, Any]]:
    settings = load()
    clients = settings.clients.values()
    if "client_credentials" in view.grants and any(each.scopes is not None for each in clients):
        yield ClientGrantSerializer, ClientTokenSerializer
    # An exchange needs a stored session.
    permitted = not settings.stateless_refresh and any(each.exchange for each in clients)
    if TOKEN_EXCHANGE in view.grants and permitted:
        yield ExchangeGrantSerializer, ExchangedTokenSerializer
