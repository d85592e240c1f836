"""The routes at well-known places (RFC 8615): include them at the root, under ``.well-known/``."""

from __future__ import annotations

from django.urls import path

from .http import discovery
from .http.endpoints import outside_of_transactions

app_name = "tokenauth_well_known"

_METADATA = "oauth-authorization-server"

_jwks = outside_of_transactions(discovery.jwks)
_metadata = outside_of_transactions(discovery.metadata)

urlpatterns = [
    path("jwks.json", _jwks, name="jwks"),
    path(_METADATA, _metadata, name="metadata"),
    # Of an issuer with a path, which follows here (RFC 8414 section 3.1).
    path(f"{_METADATA}/<path:issuer_path>", _metadata, name="metadata"),
]
