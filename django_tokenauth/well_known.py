"""The routes at well-known places (RFC 8615): include them at the root, under ``.well-known/``."""

from __future__ import annotations

from django.urls import path

from . import discovery

app_name = "tokenauth_well_known"

urlpatterns = [path("jwks.json", discovery.jwks, name="jwks")]
