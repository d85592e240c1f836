"""Protected views of a project."""

from __future__ import annotations

from typing import ClassVar

from rest_framework.permissions import AllowAny, IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from django_tokenauth.authentication import JWTAuthentication, StatelessJWTAuthentication
from django_tokenauth.permissions import HasScope


class Who(APIView):
    """Return the username and the subject of the token."""

    authentication_classes = (JWTAuthentication,)
    permission_classes = (IsAuthenticated,)

    def get(self, request: Request) -> Response:
        return Response({"user": str(request.user), "sub": request.auth.subject})


class StatelessWho(Who):
    """Return the same without loading the user."""

    authentication_classes = (StatelessJWTAuthentication,)


class Open(APIView):
    """Allow requests without a token."""

    authentication_classes = (JWTAuthentication,)
    permission_classes = (AllowAny,)

    def get(self, request: Request) -> Response:
        return Response({"user": str(request.user)})


class Notes(APIView):
    """Require one scope to read and another to write."""

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
