"""What ``manage.py spectacular`` writes, of a project that signs in and of one that verifies."""

from __future__ import annotations

import json
from contextlib import redirect_stderr
from io import StringIO
from typing import Any

from django.core.management import call_command
from django.test import override_settings
from django.urls import include, path

from django_tokenauth.views import TokenView
from tests.support.scenarios.openapi.urls import (
    Computed,
    ErrorSerializer,
    Forgotten,
    GrantSerializer,
    SessionSerializer,
    TokenSerializer,
    verifying,
    view_of,
)


class OnlyVerifies:
    """The routes of a service that has no sign-in."""

    urlpatterns = verifying


class HasOneRoute:
    """The routes of a project that names them itself."""

    urlpatterns = [*verifying, path("sign-in/", TokenView.as_view(), name="token")]


class HasTheSameNames:
    """A project whose serializers have the names of ours."""

    urlpatterns = [
        path("auth/", include("django_tokenauth.urls")),
        *(
            path(f"{kind.__name__.removesuffix('Serializer').lower()}/", view_of(kind))
            for kind in (SessionSerializer, TokenSerializer, ErrorSerializer, GrantSerializer)
        ),
    ]


class CannotTell:
    """Views whose scopes nobody can tell without a request."""

    urlpatterns = [
        *verifying,
        path("computed/<str:name>/", Computed.as_view()),
        path("forgotten/", Forgotten.as_view()),
    ]


def schema(*, fail_on_warn: bool = True) -> Any:
    """What OpenAPI does not allow fails, and so does any warning."""
    written = StringIO()
    call_command(
        "spectacular",
        format="openapi-json",
        validate=True,
        fail_on_warn=fail_on_warn,
        stdout=written,
    )
    return json.loads(written.getvalue())


def scenario() -> dict[str, Any]:
    everything = schema()
    with override_settings(ROOT_URLCONF=OnlyVerifies):
        verifies = schema()
    with override_settings(ROOT_URLCONF=HasOneRoute):
        named = schema()
    with override_settings(ROOT_URLCONF=HasTheSameNames):
        same_names = schema()
    with override_settings(ROOT_URLCONF=CannotTell), redirect_stderr(StringIO()) as warned:
        untold = schema(fail_on_warn=False)
    call_command("check", deploy=True, tag=["compatibility"])
    return {
        "all": everything,
        "verifies": verifies,
        "named": named,
        "same_names": same_names,
        "untold": untold,
        "warned": warned.getvalue(),
    }
