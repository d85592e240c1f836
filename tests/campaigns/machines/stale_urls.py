"""The routes of a machine that is broken on purpose: whoever asks is taken for who they were."""

from __future__ import annotations

from django.urls import path
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from django_tokenauth.authentication import StatelessJWTAuthentication
from tests.campaigns.machines import urls


class StaleWho(APIView):
    """Goes by the list of revoked sessions where the database should be asked."""

    authentication_classes = (StatelessJWTAuthentication,)

    def get(self, request: Request) -> Response:
        return Response({"user": str(request.user)})


urlpatterns = [path("who/", StaleWho.as_view()), *urls.urlpatterns]
