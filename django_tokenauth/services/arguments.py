"""Convert the arguments that the services accept in more than one form."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping
from datetime import datetime

from django.conf import settings as django_settings
from django.http import HttpRequest
from django.utils import timezone

from .._utc import as_utc
from ..sessions.clock import Clock, utc_now


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


def current_time(now: object) -> datetime:
    """Return *now*, or the current time if it is ``None``, in UTC.

    If ``USE_TZ`` is ``False``, a time without ``tzinfo`` is a local time of ``TIME_ZONE``, as
    ``django.utils.timezone.now()`` returns it (:func:`~django_tokenauth._utc.as_utc`). Raises
    ``TypeError`` if *now* is not a ``datetime``, or has no ``tzinfo`` although ``USE_TZ`` is true:
    it may be in any time zone.
    """
    if now is None:
        return utc_now()
    if not isinstance(now, datetime) or (django_settings.USE_TZ and timezone.is_naive(now)):
        raise TypeError("now must be a datetime as django.utils.timezone.now() returns it.")
    return as_utc(now)


def clock_of(now: object) -> Clock:
    """Return the clock of a call: the current time, or always *now* if that is given.

    A function that waits for the database between two steps reads it again for the second one.
    Raises ``TypeError`` as :func:`current_time` does.
    """
    if now is None:
        return utc_now
    fixed = current_time(now)
    return lambda: fixed
