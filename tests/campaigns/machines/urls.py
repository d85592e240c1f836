"""The routes of a machine: the tokens, two protected views, and a change of the password."""

from __future__ import annotations

from typing import Any

from django.db import transaction
from django.urls import include, path
from rest_framework import status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView


class Password(APIView):
    """``PUT password/``: changes the password of who asks, which ends their sessions."""

    def put(self, request: Request) -> Response:
        body: Any = request.data
        request.user.set_password(body["password"])
        # The password and the end of the sessions together: a process can die in between.
        with transaction.atomic():
            request.user.save()
        return Response(status=status.HTTP_204_NO_CONTENT)


urlpatterns = [
    path("", include("tests.support.scenarios.urls")),
    path("password/", Password.as_view()),
]
