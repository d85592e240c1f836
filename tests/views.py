"""Views that are protected by the app, as a project would write them."""

from __future__ import annotations

from typing import ClassVar

from rest_framework.permissions import AllowAny, IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from django_tokenauth.authentication import JWTAuthentication, StatelessJWTAuthentication
from django_tokenauth.permissions import HasScope


class Who(APIView):
    """Says who asks."""

    authentication_classes = (JWTAuthentication,)
    permission_classes = (IsAuthenticated,)

    def get(self, request: Request) -> Response:
        return Response({"user": str(request.user), "sub": request.auth.subject})


class StatelessWho(Who):
    """Says who asks, from the token alone."""

    authentication_classes = (StatelessJWTAuthentication,)


class Open(APIView):
    """Everybody may ask."""

    authentication_classes = (JWTAuthentication,)
    permission_classes = (AllowAny,)

    def get(self, request: Request) -> Response:
        return Response({"user": str(request.user)})


class Notes(APIView):
    """Reading and writing need their own scope."""

    authentication_classes = (StatelessJWTAuthentication,)
    permission_classes = (HasScope,)
    required_scopes: ClassVar[dict[str, list[str]]] = {
        "GET": ["notes:read"],
        "POST": ["notes:read", "notes:write"],
    }

    def get(self, request: Request) -> Response:
        return Response([])

    def post(self, request: Request) -> Response:
        return Response({}, status=201)

    def delete(self, request: Request) -> Response:
        return Response(status=204)
