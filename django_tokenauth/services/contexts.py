"""The authentication context of a sign-in (``acr``), which the hook ``ACR`` returns."""

from __future__ import annotations

from collections.abc import Collection

from django.core.exceptions import ImproperlyConfigured

from .._scope import is_scope_name
from ..conf.settings import Settings


def context_of(settings: Settings, methods: Collection[str]) -> str | None:
    """Return the ``acr`` of a sign-in by *methods*, or ``None``. Statements of the hook only.

    Without known *methods*, such as in an impersonation, return ``None`` without calling the hook.
    Raises ``ImproperlyConfigured`` if the hook returns neither ``None`` nor a name without spaces.
    """
    if settings.acr is None or not methods:
        return None
    acr: object = settings.acr(frozenset(methods))
    if acr is None or (isinstance(acr, str) and is_scope_name(acr)):
        return acr
    raise ImproperlyConfigured(
        "ACR must return None or a string of printable ASCII without spaces, quotes and "
        f"backslashes. It returned an invalid value of type {type(acr).__name__}."
    )
