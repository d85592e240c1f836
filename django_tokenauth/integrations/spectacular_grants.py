"""The bodies and responses of ``token/`` for the grants of clients in ``CLIENTS``.

They are in the OpenAPI schema only if a client may use the grant.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

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
    requests, responses = zip((request, response), *found, strict=True)
    return _any_of(requests), _any_of(responses)


def _any_of(alternatives: Sequence[Any]) -> PolymorphicProxySerializer:
    # Two views with other serializers for the sign-in need two components.
    name = alternatives[0].Meta.ref_name.removeprefix("TokenAuth")
    return PolymorphicProxySerializer(f"TokenAuthAny{name}", alternatives, None)


def _client_grants(view: Any) -> Iterator[tuple[Any, Any]]:
    clients = load().clients.values()
    if "client_credentials" in view.grants and any(each.scopes is not None for each in clients):
        yield ClientGrantSerializer, ClientTokenSerializer
    if TOKEN_EXCHANGE in view.grants and any(each.exchange for each in clients):
        yield ExchangeGrantSerializer, ExchangedTokenSerializer
