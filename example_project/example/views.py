"""A view for any process that has the key; the notes, which need a database, are in their app."""

from __future__ import annotations

from typing import Any, cast

from django_tokenauth.authentication import Claims, StatelessJWTAuthentication
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView


class Bearer(serializers.Serializer[Any]):
    """Who a token is about."""

    subject = serializers.CharField()
    preferred_username = serializers.CharField()
    scope = serializers.CharField()


class WhoAmI(APIView):
    """Says what the token says. No query is made: the signature vouches for the claims."""

    authentication_classes = [StatelessJWTAuthentication]

    @extend_schema(responses=Bearer)
    def get(self, request: Request) -> Response:
        claims = cast(Claims, request.auth)
        return Response(
            {
                "subject": claims.subject,
                "preferred_username": claims.extra["preferred_username"],
                "scope": " ".join(sorted(claims.scope)),
            }
        )
