"""Convert the arguments that the services accept in more than one form."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping

from django.http import HttpRequest


def django_request(request: HttpRequest | None) -> HttpRequest | None:
    """Return Django's request; *request* may also be REST framework's, which wraps it."""
    return getattr(request, "_request", request)


def as_uuid(session_id: uuid.UUID | str | None) -> uuid.UUID | None:
    """Return the id of a session as a UUID, or ``None`` if it is not one."""
    try:
        return uuid.UUID(str(session_id))
    except ValueError:
        return None


def as_strings(name: str, value: object) -> tuple[str, ...]:
    """Return *value*, which the caller passed as *name*, as a tuple of strings.

    Raises ``TypeError`` for a single string, whose characters would become the items.
    """
    if isinstance(value, str):
        raise TypeError(
            f"{name} must be a collection of strings, not one string. Pass [{name}], or "
            f"{name}.split() if it contains several, separated by spaces."
        )
    if isinstance(value, (bytes, Mapping)) or not isinstance(value, Iterable):
        raise TypeError(f"{name} must be a collection of strings, not {type(value).__name__}.")
    items = tuple(value)
    for item in items:
        if not isinstance(item, str):
            raise TypeError(f"{name} must contain only strings, not {type(item).__name__}.")
    return items
