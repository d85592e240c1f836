"""drf-spectacular: describe the routes of API tokens in the OpenAPI schema.

The app imports this module if ``drf_spectacular`` is in ``INSTALLED_APPS``.
"""

from __future__ import annotations

from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework import serializers

from ..integrations.spectacular import DESCRIPTIONS, ProblemSerializer
from . import views
from .serializers import (
    APITokenNameSerializer,
    APITokenRotationSerializer,
    APITokenSerializer,
    NewAPITokenSerializer,
)


class IssuedAPITokenSerializer(APITokenSerializer):
    """A new API token. ``token`` cannot be read again."""

    token = serializers.CharField(read_only=True)

    class Meta:
        ref_name = "TokenAuthIssuedAPIToken"


# The body of a response to invalid parameters has a list of messages for each parameter.
_INVALID = {400: OpenApiTypes.OBJECT}
_NOT_FOUND = {404: ProblemSerializer}


def _describe(summary: str, responses: dict[int, Any], request: Any = None) -> Any:
    errors = {401: ProblemSerializer, 403: ProblemSerializer}
    return extend_schema(summary=summary, request=request, responses={**responses, **errors})


DESCRIPTIONS |= {
    views.APITokenListView: {
        "get": _describe("List the API tokens", {200: APITokenSerializer(many=True)}),
        "post": _describe(
            "Create an API token",
            {201: IssuedAPITokenSerializer, **_INVALID},
            NewAPITokenSerializer,
        ),
    },
    views.APITokenView: {
        "patch": _describe(
            "Rename an API token",
            {200: APITokenSerializer, **_INVALID, **_NOT_FOUND},
            APITokenNameSerializer,
        ),
        "delete": _describe("Revoke an API token", {204: None, **_NOT_FOUND}),
    },
    views.APITokenRotationView: {
        "post": _describe(
            "Rotate an API token",
            {200: IssuedAPITokenSerializer, **_INVALID, **_NOT_FOUND, 409: ProblemSerializer},
            APITokenRotationSerializer,
        ),
    },
}
