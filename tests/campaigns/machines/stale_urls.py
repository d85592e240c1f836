"""The URLs of a machine with an injected defect: it does not check the user in the database."""

from __future__ import annotations

from django.urls import path
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from django_tokenauth.authentication import StatelessJWTAuthentication
from tests.campaigns.machines import urls


class StaleUserView(APIView):
    """Use the list of revoked sessions instead of the database."""

    authentication_classes = (StatelessJWTAuthentication,)

    def get(self, request: Request) -> Response:
        return Response({"user": str(request.user)})


urlpatterns = [path("who/", StaleUserView.as_view()), *urls.urlpatterns]
