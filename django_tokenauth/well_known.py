"""The well-known routes (RFC 8615). A project includes the routes in its root URLconf under
``.well-known/``."""

from __future__ import annotations

from django.urls import path

from .http import discovery
from .http.endpoints import non_atomic

__all__ = ["app_name", "urlpatterns"]

#: The namespace of the routes, as in ``reverse("tokenauth_well_known:jwks")``.
app_name = "tokenauth_well_known"

_METADATA = "oauth-authorization-server"

_jwks = non_atomic(discovery.jwks)
_metadata = non_atomic(discovery.metadata)

#: The routes ``jwks`` and ``metadata``.
urlpatterns = [
    path("jwks.json", _jwks, name="jwks"),
    path(_METADATA, _metadata, name="metadata"),
    # The metadata of an issuer with a path (RFC 8414 section 3.1).
    path(f"{_METADATA}/<path:issuer_path>", _metadata, name="metadata"),
]
