"""The URLs of a machine: tokens, two protected views and a password change."""

from __future__ import annotations

from typing import Any

from django.db import transaction
from django.urls import include, path
from rest_framework import status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView


class PasswordView(APIView):
    """``PUT password/``: change the password, which revokes all sessions of the user."""

    def put(self, request: Request) -> Response:
        body: Any = request.data
        request.user.set_password(body["password"])
        # The transaction revokes the sessions even if the process is killed in between.
        with transaction.atomic():
            request.user.save()
        return Response(status=status.HTTP_204_NO_CONTENT)


urlpatterns = [
    path("", include("tests.support.scenarios.urls")),
    path("password/", PasswordView.as_view()),
]
