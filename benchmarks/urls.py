"""Our own routes, and one view for each authentication class that is measured over HTTP."""

from __future__ import annotations

from collections.abc import Callable

from django.http import HttpResponse
from django.urls import include, path
from rest_framework.permissions import IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from django_tokenauth.authentication import JWTAuthentication, StatelessJWTAuthentication

from .catalog import Run
from .competitors import load


def view_for(
    authentication: type | None, permission: type | None = IsAuthenticated
) -> Callable[..., HttpResponse]:
    """Return a view that is the same for all classes."""

    class View(APIView):
        authentication_classes = (authentication,) if authentication else ()
        permission_classes = (permission,) if permission else ()

        def get(self, request: Request) -> Response:
            return Response({"notes": [{"id": 1, "text": "a note"}]})

    return View.as_view()


urlpatterns = [
    path("", include("django_tokenauth.urls")),
    path("open/", view_for(None, None)),
    path("stateless/", view_for(StatelessJWTAuthentication)),
    path("user/", view_for(JWTAuthentication)),
]
for _name in Run.from_environment().competitors:
    _competitor = load(_name)
    _permission = getattr(_competitor, "Permission", IsAuthenticated)
    urlpatterns.append(path(f"{_name}/user/", view_for(_competitor.Authentication, _permission)))
    if hasattr(_competitor, "StatelessAuthentication"):
        urlpatterns.append(
            path(f"{_name}/stateless/", view_for(_competitor.StatelessAuthentication))
        )
