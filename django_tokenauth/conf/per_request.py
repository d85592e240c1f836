"""``ISSUER`` and ``AUDIENCE`` as functions of the request, for projects with several tenants.

A function takes Django's ``HttpRequest``, or ``None`` outside a request, and returns the value of
the setting for this request. :func:`load_for` calls the functions once per request.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields
from functools import _lru_cache_wrapper, lru_cache
from typing import Any, TypeVar

from django.core.exceptions import ImproperlyConfigured
from django.http import HttpRequest

from .._request_values import get_value, set_value
from . import values
from .settings import Settings, UnusableSetting, load

T = TypeVar("T")

#: Maximum number of pairs of issuer and audience for which a process keeps objects. The functions
#: may return a value for each ``Host`` header, which any client can set.
MAX_RESULTS = 256

_WITHOUT_REQUEST = (
    " It was called with None, because there is no request. Pass request= to the function of "
    "django_tokenauth.services, or return a value for None."
)
# The name of the settings among the values of a request.
_SETTINGS = "_django_tokenauth_settings"


def load_for(request: object) -> Settings:
    """Return the settings of this project for *request*, of Django or REST framework, or ``None``.

    Raises :class:`InvalidSettings`, and ``ImproperlyConfigured`` if a function returns an invalid
    value, or fails because *request* is ``None``.
    """
    settings = load()
    return settings_of(settings, request) if settings.by_request else settings


def settings_of(settings: Settings, request: object) -> Settings:
    """Return *settings* with the results of its functions in ``by_request`` for *request*.

    Calls with the same request call the functions once. Equal results give the same object.
    """
    request = getattr(request, "_request", request)
    earlier: Settings | None = get_value(request, _SETTINGS)
    if earlier is not None and earlier.original is settings:
        return earlier
    results = {
        name: _result(name.upper(), function, request)
        for name, function in settings.by_request.items()
    }
    issuer = results.get("issuer") or settings.issuer
    audience = results.get("audience") or _audience(settings, issuer)
    resolved = _resolved(settings, issuer, audience)
    # An object of another type, such as the scope of a WebSocket, may have no attributes.
    if isinstance(request, HttpRequest):
        set_value(request, _SETTINGS, resolved)
    return resolved


def for_audience(settings: Settings, audience: str) -> Settings:
    """Return *settings* with another ``AUDIENCE``, to verify the tokens for *audience*."""
    if audience == settings.audience:
        return settings
    return _resolved(settings.shared, settings.issuer, audience)


def _audience(settings: Settings, issuer: str) -> str:
    try:
        return settings.audience
    except UnusableSetting:
        # AUDIENCE is None, so the audience is the issuer.
        return issuer


def _result(name: str, function: Callable[..., Any], request: object) -> str:
    hint = _WITHOUT_REQUEST if request is None else ""
    try:
        value = function(request)
    except (AttributeError, TypeError) as error:
        if request is not None:
            raise
        raise ImproperlyConfigured(f"The function {name} of TOKENAUTH failed.{hint}") from error
    try:
        return values.string(value)
    except values.InvalidSetting as error:
        got = "another string" if isinstance(value, str) else type(value).__name__
        raise ImproperlyConfigured(
            f"The function {name} of TOKENAUTH must return {error.expected}, not {got}.{hint}"
        ) from None


@lru_cache(maxsize=MAX_RESULTS)
def _resolved(settings: Settings, issuer: str, audience: str) -> Settings:
    if issuer in settings.clients:
        raise ImproperlyConfigured(
            "The function ISSUER of TOKENAUTH returned a client id of CLIENTS. Sign-ins without a "
            "client have the issuer as their client id. Give that client another client id."
        )
    own: dict[str, Any] = {"issuer": issuer, "audience": audience, "original": settings}
    names = {each.name for each in fields(Settings)} - own.keys()
    return Settings(**{name: getattr(settings, name) for name in names}, **own)


def cache_per_settings(build: Callable[[Settings], T]) -> _lru_cache_wrapper[T]:
    """Cache the results of *build* for the settings of this process.

    Keep the results for the last ``MAX_RESULTS`` pairs of issuer and audience. After a change of
    the settings, drop the earlier results, which may contain old keys.
    """
    latest: list[Settings] = []

    @lru_cache(maxsize=MAX_RESULTS)
    def cached(settings: Settings) -> T:
        if latest != [settings.shared]:
            cached.cache_clear()
            latest[:] = [settings.shared]
        return build(settings)

    return cached
