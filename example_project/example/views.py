"""A view that needs only the public key. The notes, which need a database, are in their app."""

from __future__ import annotations

from typing import Any, cast

from django_tokenauth.authentication import Claims, StatelessJWTAuthentication
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView


class Bearer(serializers.Serializer[Any]):
    """The user and the scope of a token."""

    subject = serializers.CharField()
    preferred_username = serializers.CharField()
    scope = serializers.CharField()


class WhoAmI(APIView):
    """Return the user and the scope of the token. Makes no query."""

    authentication_classes = [StatelessJWTAuthentication]

    @extend_schema(responses=Bearer)
    def get(self, request: Request) -> Response:
        claims = cast(Claims, request.auth)
        return Response(
            {
                "subject": claims.subject,
                # EXTRA_CLAIMS adds it to the tokens of users, not to those of service accounts.
                "preferred_username": claims.extra.get("preferred_username", ""),
                "scope": " ".join(sorted(claims.scope)),
            }
        )
