"""The routes at well-known places (RFC 8615): include them at the root, under ``.well-known/``."""

from __future__ import annotations

from django.urls import path

from . import discovery

app_name = "tokenauth_well_known"

_METADATA = "oauth-authorization-server"

urlpatterns = [
    path("jwks.json", discovery.jwks, name="jwks"),
    path(_METADATA, discovery.metadata, name="metadata"),
    # Of an issuer with a path, which follows here (RFC 8414 section 3.1).
    path(f"{_METADATA}/<path:issuer_path>", discovery.metadata, name="metadata"),
]
