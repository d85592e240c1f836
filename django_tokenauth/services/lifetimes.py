"""The lifetimes of one session, chosen at sign-in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import timedelta
from typing import Any

from django.core.exceptions import ImproperlyConfigured
from django.http import HttpRequest

from ..conf.settings import Settings
from .hooks import call_hook

_SECOND = timedelta(seconds=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Lifetimes:
    """The lifetimes of a session and its tokens. ``None`` means the lifetime of the settings.

    Each lifetime is a ``timedelta`` of whole seconds, at least one second:

    * ``access``: the lifetime of an access token, instead of ``ACCESS_TOKEN_LIFETIME``. It is at
      most ``MAX_ACCESS_TOKEN_LIFETIME``, and less than the other two lifetimes.
    * ``idle``: the time until an unused refresh token expires, instead of
      ``REFRESH_TOKEN_LIFETIME``. Each refresh extends the session by ``idle``. It is at most the
      absolute lifetime.
    * ``absolute``: the time until the user must sign in again, instead of ``SESSION_LIFETIME``. It
      is at most ``MAX_SESSION_LIFETIME``.

    Raises ``TypeError`` for a value of another type, and ``ValueError`` for a ``timedelta`` that is
    not positive or has a fraction of a second.
    """

    access: timedelta | None = None
    idle: timedelta | None = None
    absolute: timedelta | None = None

    def __post_init__(self) -> None:
        for item in fields(self):
            value = getattr(self, item.name)
            if value is None:
                continue
            if not isinstance(value, timedelta):
                raise TypeError(
                    f"{item.name} must be a timedelta or None, not {type(value).__name__}."
                )
            if value < _SECOND or value % _SECOND:
                raise ValueError(
                    f"{item.name} must be a positive timedelta of whole seconds, not {value!r}."
                )


def choose_lifetimes(
    settings: Settings,
    given: Lifetimes | None,
    user: Any,
    client_id: str,
    request: HttpRequest | None,
    fields: Mapping[str, Any],
) -> Lifetimes:
    """Return *given*, the argument of ``services.sign_in``, or else the result of ``LIFETIMES``.

    Raises ``TypeError`` or ``ValueError`` for an invalid argument, and ``ImproperlyConfigured`` for
    an invalid result of the hook.
    """
    if given is not None:
        if not isinstance(given, Lifetimes):
            raise TypeError(f"lifetimes must be a Lifetimes object, not {type(given).__name__}.")
        if error := _error_of(settings, given):
            raise ValueError(f"lifetimes: {error}")
        return given
    if settings.lifetimes is None:
        return Lifetimes()
    returned = call_hook(settings, "lifetimes", user, client_id, request, fields=fields)
    if returned is None:
        return Lifetimes()
    if not isinstance(returned, Lifetimes):
        raise ImproperlyConfigured(
            "LIFETIMES must return an object of django_tokenauth.services.Lifetimes or None, not "
            f"{type(returned).__name__}."
        )
    if error := _error_of(settings, returned):
        raise ImproperlyConfigured(f"LIFETIMES returned lifetimes that are not permitted: {error}")
    return returned


def _error_of(settings: Settings, lifetimes: Lifetimes) -> str:
    """Return why *settings* do not permit *lifetimes*, or an empty string."""
    longest_access, longest = settings.max_access_token_lifetime, settings.max_session_lifetime
    absolute = lifetimes.absolute or settings.session_lifetime
    idle = min(lifetimes.idle or settings.refresh_token_lifetime, absolute)
    if absolute > longest:
        return f"absolute is {absolute}, and MAX_SESSION_LIFETIME is {longest}."
    if lifetimes.idle is not None and lifetimes.idle > absolute:
        return f"idle is {lifetimes.idle}, and must be at most the absolute lifetime, {absolute}."
    if lifetimes.access is None:
        # An access token expires no later than its session.
        return ""
    if lifetimes.access > longest_access:
        return f"access is {lifetimes.access}, and MAX_ACCESS_TOKEN_LIFETIME is {longest_access}."
    if lifetimes.access >= idle:
        return f"access is {lifetimes.access}, and must be less than idle and absolute, {idle}."
    return ""
