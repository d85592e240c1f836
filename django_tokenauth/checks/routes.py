"""Checks of the routes in the URLconf of the project."""

from __future__ import annotations

from collections.abc import Iterator

from django.apps import apps
from django.core import checks
from django.core.checks import CheckMessage
from rest_framework.settings import api_settings

from ..conf.settings import Settings
from ..http.routes import route_parameters

_HINT = (
    "Include django_tokenauth.urls, or give the subclass of TokenView a route. A decorator of a "
    "view must use functools.wraps(). If the project signs users in elsewhere, silence this check."
)


def route_messages(settings: Settings) -> Iterator[CheckMessage]:
    """Report routes that the metadata and the OpenAPI schema cannot find."""
    token = route_parameters("token")
    metadata = route_parameters("metadata")
    # Without a URL as the issuer, the metadata is not used. A function may return a URL.
    may_be_url = "issuer" in settings.by_request or settings.issuer.startswith(
        ("https://", "http://")
    )
    if metadata and may_be_url:
        if not token:
            yield checks.Warning(
                "The metadata (.well-known/oauth-authorization-server) returns 404, because the "
                "URLconf has no route to TokenView.",
                hint=_HINT,
                id="tokenauth.W026",
            )
        elif not any(needed <= known for needed in token for known in metadata):
            yield checks.Warning(
                "The metadata (.well-known/oauth-authorization-server) returns 404, because each "
                f"route to TokenView has URL parameters ({_list(token)}) that the route of the "
                "metadata lacks.",
                hint="Include django_tokenauth.well_known below the same parameters, or give "
                "TokenView a route without parameters.",
                id="tokenauth.W026",
            )
    version = {api_settings.VERSION_PARAM}
    if apps.is_installed("drf_spectacular") and all(names - version for names in token) and token:
        yield checks.Warning(
            "Swagger UI cannot request tokens, because each route to TokenView has URL parameters "
            f"({_list(token)}).",
            hint="Give TokenView a route without parameters.",
            id="tokenauth.W026",
        )


def _list(routes: list[set[str]]) -> str:
    return ", ".join(sorted(set().union(*routes)))
