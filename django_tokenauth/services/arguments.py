"""Check and convert the arguments of the services."""

from __future__ import annotations

import ipaddress
import uuid
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from django.conf import settings as django_settings
from django.contrib.auth import get_user_model
from django.core.exceptions import ValidationError
from django.db.models import Model, QuerySet
from django.http import HttpRequest
from django.utils import timezone

from .._limits import MAX_AMR
from .._scope import is_scope_name
from .._utc import as_utc
from ..models import Session
from ..sessions.clock import Clock, utc_now
from ..sessions.users import get_key, unwrapped
from ..tokens.claim_values import CLIENT_CREDENTIALS
from ..tokens.users import TokenUser

_MISSING = object()


def django_request(request: HttpRequest | None) -> HttpRequest | None:
    """Return the Django request in *request*, which may be a request of REST framework."""
    return getattr(request, "_request", request)


@contextmanager
def request_user(request: HttpRequest | None, user: Any) -> Iterator[None]:
    """Set ``request.user`` to *user* in the ``with`` block, as Django's ``login()`` does.

    Afterwards, ``request.user`` is the former user again: a member of the staff may sign in another
    user.
    """
    if request is None:
        yield
        return
    former = vars(request).get("user", _MISSING)
    request.user = user
    try:
        yield
    finally:
        if former is _MISSING:
            # A receiver may have deleted the attribute.
            vars(request).pop("user", None)
        else:
            request.user = former


def as_uuid(session_id: uuid.UUID | str | None) -> uuid.UUID | None:
    """Return *session_id* as a UUID, or ``None`` if *session_id* is not a valid UUID."""
    try:
        return uuid.UUID(str(session_id))
    except ValueError:
        return None


def as_strings(name: str, value: object) -> tuple[str, ...]:
    """Return *value*, the argument *name* of a service, as a tuple of strings.

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


def as_collection(name: str, value: object) -> tuple[str, ...]:
    """Return *value* as :func:`as_strings` does, if *value* can be read again.

    Raises ``TypeError`` for an iterator too: the next reader would find no items.
    """
    if isinstance(value, Iterator):
        raise TypeError(
            f"{name} must be a collection of strings, not {type(value).__name__}, which can be "
            "read only once."
        )
    return as_strings(name, value)


def check_text(name: str, value: object, max_length: int | None = None) -> None:
    """Raise an error unless a column of *max_length* characters can store *value*.

    Raises ``TypeError`` if *value* is not a string, and ``ValueError`` if *value* is too long or
    contains NUL or a surrogate, which PostgreSQL cannot store.
    """
    if not isinstance(value, str):
        raise TypeError(f"{name} must be a string, not {type(value).__name__}.")
    if max_length is not None and len(value) > max_length:
        raise ValueError(
            f"{name} must have at most {max_length} characters, not {len(value)}. Shorten it first."
        )
    if "\0" in value or any("\ud800" <= character <= "\udfff" for character in value):
        raise ValueError(f"{name} must not contain the character NUL or a surrogate.")


def as_methods(amr: object) -> tuple[str, ...]:
    """Return *amr*, a collection of authentication methods (RFC 8176), as a tuple.

    Raises ``TypeError`` for a single string, and ``ValueError`` for a method that is empty or
    contains a space, or for methods that are too long together.
    """
    methods = as_strings("amr", amr)
    if not all(map(is_scope_name, methods)):
        raise ValueError('amr must contain names without spaces (RFC 8176), for example "pwd".')
    check_text("amr", " ".join(methods), MAX_AMR)
    return methods


def check_ip(ip: object) -> None:
    """Raise an error unless *ip* is ``None``, an empty string or a string with an IP address.

    ``None`` and the empty string mean an unknown address. Raises ``TypeError`` for an object of
    another type, and ``ValueError`` for a string that is not an IP address.
    """
    if not ip and (ip is None or isinstance(ip, str)):
        return
    check_text("ip", ip)
    try:
        # An IPv6 zone (%eth0) is valid on one host only, and PostgreSQL rejects it.
        ipaddress.ip_address(str(ip).replace("%", " "))
    except ValueError:
        raise ValueError(
            "ip must be an IPv4 or IPv6 address without a zone or port. Pass None if it is unknown."
        ) from None


def stored_user(user: Any) -> Any:
    """Return *user* itself, which may be a lazy object such as ``request.user``.

    Raises ``TypeError`` unless *user* has a primary key. The primary key of ``AnonymousUser`` and
    of most unsaved users is ``None``. A query for the user key ``None`` would find the sessions of
    deleted users. The user of a service account is not stored, and its key may be that of a user.
    """
    user = unwrapped(user)
    is_client = isinstance(user, TokenUser) and user.claims.grant == CLIENT_CREDENTIALS
    if is_client or getattr(user, "pk", None) is None:
        raise TypeError(f"user must be a user that is stored, not {_name_of(user)}.")
    return user


def user_keys(users: object) -> set[Any]:
    """Return the primary keys of *users*: users, or primary keys.

    One statement if *users* is a query set. Raises ``TypeError`` if *users* is not a collection, or
    contains an object that is neither a stored user nor a primary key.
    """
    if isinstance(users, (str, bytes, Mapping)) or not isinstance(users, Iterable):
        raise TypeError(
            f"users must be a query set or a collection of users, not {_name_of(users)}. Pass "
            "[user] for one user."
        )
    return {_user_key(user) for user in users}


def _user_key(user: Any) -> Any:
    user_model = get_user_model()
    if isinstance(user, Model) and not isinstance(user, user_model):
        raise TypeError(f"users must contain only users, not {_name_of(user)}.")
    if hasattr(user, "pk"):
        return get_key(stored_user(user))
    try:
        key = user_model._meta.pk.to_python(user)
    except ValidationError:
        key = None
    if key is None:
        raise TypeError(f"users must contain only users or primary keys, not {_name_of(user)}.")
    return key


def check_sessions(queryset: object) -> None:
    """Raise ``TypeError`` unless *queryset* is a query set of sessions."""
    if not isinstance(queryset, QuerySet) or not issubclass(queryset.model, Session):
        raise TypeError(
            "queryset must be a query set of sessions, for example Session.objects.filter(...), "
            f"not {_name_of(queryset)}."
        )


def _name_of(value: object) -> str:
    return "None" if value is None else f"an object of {type(value).__name__}"


def current_time(now: object) -> datetime:
    """Return *now* in UTC, or the current time in UTC if *now* is ``None``.

    If ``USE_TZ`` is ``False``, a naive ``datetime`` is a local time in ``TIME_ZONE``, as
    ``django.utils.timezone.now()`` returns it (:func:`~django_tokenauth._utc.as_utc`). Raises
    ``TypeError`` if *now* is not a ``datetime``, or is naive although ``USE_TZ`` is true: the time
    zone of *now* is unknown.
    """
    if now is None:
        return utc_now()
    if not isinstance(now, datetime) or (django_settings.USE_TZ and timezone.is_naive(now)):
        raise TypeError("now must be a datetime as django.utils.timezone.now() returns it.")
    return as_utc(now)


def clock_of(now: object) -> Clock:
    """Return a function that returns the current time, or always *now* if *now* is given.

    A service reads the clock before it rotates or revokes a session, because earlier statements may
    have waited for the database. Raises ``TypeError`` for the same values of *now* as
    :func:`current_time`.
    """
    if now is None:
        return utc_now
    fixed = current_time(now)
    return lambda: fixed
