"""Convert the arguments that the services accept in more than one form."""

from __future__ import annotations

import uuid

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
