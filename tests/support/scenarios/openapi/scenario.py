"""Schemas of ``manage.py spectacular`` for projects that include different routes."""

from __future__ import annotations

import json
from contextlib import redirect_stderr
from io import StringIO
from typing import Any

from django.conf import settings
from django.contrib.auth import get_user_model
from django.core.management import call_command
from django.test import override_settings
from django.urls import include, path

from django_tokenauth.views import TokenView
from tests.support.scenarios.openapi.urls import (
    CodeSerializer,
    Computed,
    ErrorSerializer,
    ExtendedRefreshView,
    ExtendedTokenView,
    Forgotten,
    Gateway,
    GatewayAuthentication,
    GrantSerializer,
    LocatedSessionSerializer,
    NamedTokenSerializer,
    RefreshSerializer,
    SessionSerializer,
    TokenSerializer,
    Versioned,
    verifying,
    view_of,
)

SAME_NAMES = (
    *(SessionSerializer, TokenSerializer, ErrorSerializer, GrantSerializer, RefreshSerializer),
)
GATEWAY = f"{GatewayAuthentication.__module__}.{GatewayAuthentication.__name__}"


class VerifyingRoutes:
    """The routes of a service that only verifies tokens."""

    urlpatterns = verifying


class OneRoute:
    """The routes of a project that includes only the token view, under its own path."""

    urlpatterns = [*verifying, path("sign-in/", TokenView.as_view(), name="token")]


def below(prefix: str) -> Any:
    """Return a URLconf with routes below a prefix with a URL parameter, in another namespace."""
    routes = [
        path("auth/", include("django_tokenauth.urls", namespace="other")),
        path("versioned/", Versioned.as_view()),
    ]
    return type("Below", (), {"urlpatterns": [path(prefix, include(routes))]})


class TwoVersions:
    """The routes of a project that serves two versions of its API."""

    urlpatterns = [
        path(f"{version}/auth/", include("django_tokenauth.urls", namespace=version))
        for version in ("v1", "v2")
    ]


class SameNames:
    """The routes of a project whose serializers share their names with this package's."""

    urlpatterns = [
        path("auth/", include("django_tokenauth.urls")),
        *(
            path(f"{kind.__name__.removesuffix('Serializer').lower()}/", view_of(kind))
            for kind in SAME_NAMES
        ),
    ]


SUBCLASSES = (LocatedSessionSerializer, CodeSerializer, NamedTokenSerializer)


class Subclasses:
    """The routes of a project that subclasses serializers of the package."""

    urlpatterns = [
        path("auth/", include("django_tokenauth.urls")),
        *(path(f"{kind.__name__}/", view_of(kind)) for kind in SUBCLASSES),
    ]


class ExtendedViews:
    """The routes of a project that extends the responses, beside this package's own routes."""

    urlpatterns = [
        path("auth/", include("django_tokenauth.urls")),
        path("extended/token/", ExtendedTokenView.as_view()),
        path("extended/refresh/", ExtendedRefreshView.as_view()),
    ]


class OtherHeader:
    """The routes of a project with a header for tokens, and of one view without it."""

    urlpatterns = [
        *verifying,
        path("gateway/", Gateway.as_view()),
        path("auth/", include("django_tokenauth.urls")),
    ]


class UnknownScopes:
    """Routes of views whose scopes depend on the request or are missing."""

    urlpatterns = [
        *verifying,
        path("computed/<str:name>/", Computed.as_view()),
        path("forgotten/", Forgotten.as_view()),
    ]


def schema(*, fail_on_warn: bool = True, **options: str) -> Any:
    """Return the generated schema; raise if OpenAPI does not allow it, or on any warning."""
    output = StringIO()
    call_command(
        "spectacular",
        format="openapi-json",
        validate=True,
        fail_on_warn=fail_on_warn,
        stdout=output,
        **options,
    )
    return json.loads(output.getvalue())


def scenario() -> dict[str, Any]:
    all_routes = schema()
    audiences = {**settings.TOKENAUTH, "AUDIENCES": {"https://notes.example.com": []}}
    with override_settings(TOKENAUTH=audiences):
        with_audiences = schema()
    clients = {**settings.TOKENAUTH, "CLIENTS": {"statistics": {"scopes": []}}}
    with override_settings(TOKENAUTH=clients):
        service_accounts = schema()
    exchanging = {"scopes": [], "exchange": {"django-tokenauth": ["django-tokenauth"]}}
    clients = {**settings.TOKENAUTH, "CLIENTS": {"reports": exchanging}}
    with override_settings(TOKENAUTH=clients):
        exchanges = schema()
    with override_settings(ROOT_URLCONF=VerifyingRoutes):
        verifies = schema()
    with override_settings(ROOT_URLCONF=OneRoute):
        named = schema()
    with override_settings(ROOT_URLCONF=TwoVersions):
        two_versions = schema()
    with override_settings(ROOT_URLCONF=Subclasses):
        subclasses = schema()
    with override_settings(ROOT_URLCONF=SameNames):
        same_names = schema()
    with override_settings(ROOT_URLCONF=ExtendedViews):
        extended = schema()
    with override_settings(ROOT_URLCONF=below("api/<str:version>/")):
        versioned = schema(api_version="v1")
    with override_settings(ROOT_URLCONF=below("api/<slug:tenant>/")):
        tenants = schema(api_version="v1")
    user_model: Any = get_user_model()
    user_model.USERNAME_FIELD = "email"
    by_email = schema()
    user_model.USERNAME_FIELD = "username"
    gateway = {**settings.REST_FRAMEWORK, "DEFAULT_AUTHENTICATION_CLASSES": [GATEWAY]}
    with override_settings(ROOT_URLCONF=OtherHeader, REST_FRAMEWORK=gateway):
        other_header = schema()
    with override_settings(ROOT_URLCONF=UnknownScopes), redirect_stderr(StringIO()) as warnings:
        unknown_scopes = schema(fail_on_warn=False)
    call_command("check", deploy=True, tag=["compatibility"])
    return {
        "all": all_routes,
        "audiences": with_audiences,
        "service_accounts": service_accounts,
        "exchanges": exchanges,
        "verifies": verifies,
        "named": named,
        "versioned": versioned,
        "tenants": tenants,
        "by_email": by_email,
        "same_names": same_names,
        "two_versions": two_versions,
        "subclasses": subclasses,
        "extended": extended,
        "other_header": other_header,
        "unknown_scopes": unknown_scopes,
        "warnings": warnings.getvalue(),
    }
