"""One view for each way to know who sends a request, and one that does not ask."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module

from django.apps import apps
from django.http import HttpResponse
from django.urls import path
from rest_framework.authentication import TokenAuthentication
from rest_framework.permissions import IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from django_tokenauth.authentication import JWTAuthentication, StatelessJWTAuthentication


def view_for(authentication: type | None) -> Callable[..., HttpResponse]:
    """The view that is the same for all; without ``authentication`` it lets everybody in."""

    class View(APIView):
        authentication_classes = (authentication,) if authentication else ()
        permission_classes = (IsAuthenticated,) if authentication else ()

        def get(self, request: Request) -> Response:
            return Response({"notes": [{"id": 1, "text": "a note"}]})

    return View.as_view()


urlpatterns = [
    path("open/", view_for(None)),
    path("stateless/", view_for(StatelessJWTAuthentication)),
    path("user/", view_for(JWTAuthentication)),
    path("token/", view_for(TokenAuthentication)),
]
if apps.is_installed("rest_framework_simplejwt.token_blacklist"):
    _simplejwt = import_module("rest_framework_simplejwt.authentication")
    urlpatterns += [
        path("simplejwt-stateless/", view_for(_simplejwt.JWTStatelessUserAuthentication)),
        path("simplejwt-user/", view_for(_simplejwt.JWTAuthentication)),
    ]
