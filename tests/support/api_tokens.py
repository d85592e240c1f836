"""API tokens of the tests, and the responses to them."""

from __future__ import annotations

import json
from typing import Any

from django.test import Client

from django_tokenauth.api_tokens import formats, services
from tests.support.client import JSON, ClientResponse

LIST = "/auth/api-tokens/"
#: A token of the right format, with a right checksum, that no server has issued.
UNKNOWN = "tokenauth_00000000000000000000000000000000" + formats._checksum(
    "tokenauth_00000000000000000000000000000000"
)
SCOPES = {"SCOPES": ["notes:read", "notes:write"]}
NOT_ACCEPTED = (
    'Bearer realm="api", error="invalid_token", '
    'error_description="API tokens are not accepted here."'
)


def issue(user: Any, **arguments: Any) -> services.IssuedAPIToken:
    """Create an API token of *user*."""
    return services.create(user, **{"name": "nightly", **arguments})


def send(method: str, path: str, token: str, body: object = None) -> ClientResponse:
    """Send *body* as JSON to a route, with *token* in the header."""
    client = Client(raise_request_exception=False)
    headers = {"Authorization": f"Bearer {token}"}
    text = "" if body is None else json.dumps(body)
    return client.generic(method, path, text, content_type=JSON, headers=headers)
