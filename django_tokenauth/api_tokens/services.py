"""Create, list, rename, rotate and revoke API tokens.

The common arguments have the same form as in :mod:`django_tokenauth.services`: ``now`` is a
``datetime`` and defaults to the current time, and ``request`` is a request of Django or REST
framework. If ``ISSUER`` or ``AUDIENCE`` is a function of the request, an API token belongs to the
issuer and the audience of *request*, and other API tokens are not found.

*within* limits what the caller may grant: the scope of the access token of the request, or ``None``
for code that the project trusts (:func:`grantable_scope`).

Each function raises :class:`~django_tokenauth.errors.ServiceUnavailable` on a database outage, and
``TypeError`` if the primary key of *user* is ``None``.
"""

from __future__ import annotations

import logging
import uuid
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from django.core.exceptions import ImproperlyConfigured
from django.db.models import QuerySet
from django.http import HttpRequest
from django.views.decorators.debug import sensitive_variables

from .._limits import MAX_API_TOKEN_NAME
from .._scope import MAX_SCOPE_LENGTH
from ..conf.per_request import load_for
from ..conf.settings import Settings, load
from ..errors import InvalidGrant, InvalidScope, InvalidTarget, TokenAuthError
from ..services.arguments import (
    as_collection,
    as_uuid,
    check_text,
    current_time,
    django_request,
    stored_user,
)
from ..services.audiences import audiences_of, check_audience
from ..services.issuing import granted_scope
from ..services.verifying import get_session
from ..sessions.database import database_errors_as_unavailable
from ..sessions.store import new_id
from ..sessions.users import auth_hash, auth_hashes, get_key
from ..tokens.claims import Claims
from . import formats, store
from .models import APIToken

_logger = logging.getLogger("django_tokenauth")

__all__ = [
    "ConcurrentRotation",
    "InvalidEndDate",
    "IssuedAPIToken",
    "create",
    "grantable_scope",
    "latest_expiry",
    "list_api_tokens",
    "pattern",
    "rename",
    "revoke",
    "rotate",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class IssuedAPIToken:
    """A new API token, which cannot be read again, and its row."""

    token: str = field(repr=False)
    api_token: APIToken


class InvalidEndDate(ValueError):
    """``expires_at`` is not in the future, or after :func:`latest_expiry`."""

    def __init__(self) -> None:
        super().__init__(
            "expires_at must be in the future, and at most MAX_API_TOKEN_LIFETIME from now."
        )


class ConcurrentRotation(TokenAuthError):
    """Another request has rotated or revoked the API token at the same time."""


def pattern() -> str:
    """Return the regular expression with which a secret scanner finds all API tokens."""
    return formats.pattern(load().api_token_prefix)


def latest_expiry(now: datetime | None = None) -> datetime:
    """Return the latest end date of an API token that is created or rotated at *now*."""
    return current_time(now) + load().max_api_token_lifetime


@sensitive_variables()
def create(
    user: Any,
    *,
    name: str,
    scope: Collection[str] = (),
    audience: str | None = None,
    expires_at: datetime | None = None,
    ends_with_password: bool | None = None,
    within: Collection[str] | None = None,
    request: HttpRequest | None = None,
    now: datetime | None = None,
) -> IssuedAPIToken:
    """Create an API token of *user*. Two statements.

    *scope* contains scope names; an empty scope permits only views that need no scope. *audience*
    is the service that the token is for (RFC 8707): a name in ``AUDIENCES``, or by default
    ``AUDIENCE``.
    *expires_at* defaults to ``API_TOKEN_LIFETIME`` from now. With *ends_with_password*, a new
    password of the user ends the token; the default is ``API_TOKENS_END_WITH_PASSWORD``. *request*
    is passed to ``SCOPE_POLICY``, which may grant a narrower scope.

    Also deletes the user's API tokens that ended more than ``SESSION_RETENTION`` ago.

    Raises :class:`InvalidScope` if *scope* contains unknown names or exceeds *within*, or if the
    user may have none of the names at *audience*. Raises :class:`InvalidTarget` for an unknown
    *audience*. Raises :class:`InvalidGrant` if the user is inactive. Raises
    ``ValueError`` for an empty or too long *name*, and :class:`InvalidEndDate` (a ``ValueError``)
    for an *expires_at* that is not in the future or after :func:`latest_expiry`. Raises
    ``ImproperlyConfigured`` if the token should end with the password, but the user model has no
    ``get_session_auth_hash()``.
    """
    user, now, settings = stored_user(user), current_time(now), load_for(request)
    _check_name(name)
    if audience is None:
        audience = settings.audience
    check_audience(settings, audience)
    requested = as_collection("scope", scope)
    if within is not None and not set(requested).issubset(as_collection("within", within)):
        raise InvalidScope
    expires_at = _end_date(settings, expires_at or now + settings.api_token_lifetime, now)
    if not user.is_active:
        raise InvalidGrant
    if ends_with_password is None:
        ends_with_password = settings.api_tokens_end_with_password
    hash_ = auth_hash(user) if ends_with_password else ""
    if ends_with_password and not hash_:
        raise ImproperlyConfigured(
            "An API token cannot end with the password: the user model has no "
            "get_session_auth_hash(). Inherit from AbstractBaseUser, or pass "
            "ends_with_password=False."
        )
    token = formats.generate(settings.api_token_prefix)
    parties = _parties(request)
    with database_errors_as_unavailable():
        granted = granted_scope(
            settings,
            user,
            requested,
            settings.scopes,
            django_request(request),
            (audience,),
        )
        if len(joined := " ".join(sorted(granted))) > MAX_SCOPE_LENGTH:
            raise InvalidScope
        row = APIToken(
            id=new_id(now),
            user=user,
            name=name,
            scope=joined,
            resource="" if audience == settings.audience else audience,
            digest=formats.digest(token),
            last_four=token[-formats.SHOWN :],
            created_at=now,
            expires_at=expires_at,
            auth_hash=hash_,
            **parties,
        )
        store.add(row)
        store.prune(get_key(user), now - settings.session_retention)
    _logger.info("API token %s of user %s created", row.pk, get_key(user))
    return IssuedAPIToken(token=token, api_token=row)


def grantable_scope(
    claims: Claims, audience: str | None, *, request: HttpRequest | None = None
) -> frozenset[str]:
    """Return the scope that a caller with *claims* may grant to an API token for *audience*.

    ``None`` means ``AUDIENCE``. For an audience of *claims*, this is their scope, without a
    statement. For another audience, it is the scope that the session may have there. One statement.

    Call this function only after ``HasFullScope`` has allowed the request, as the routes of this
    app do.

    Raises :class:`InvalidTarget` for another audience if the session may not be used for it, or is
    not stored (``STATELESS_REFRESH``), and if *claims* are those of an API token, a service
    account, or a token that was exchanged or narrowed. Raises :class:`InvalidToken` if the session
    has ended, and :class:`ServiceUnavailable`.
    """
    settings = load_for(request)
    audience = settings.audience if audience is None else audience
    if audience in claims.audience:
        return claims.scope
    check_audience(settings, audience)
    if settings.stateless_refresh or claims.session_id is None or claims.grant is not None:
        raise InvalidTarget
    session = get_session(claims)
    if audience not in audiences_of(settings, session.audiences.split()):
        raise InvalidTarget
    return granted_scope(
        settings, session.user, None, session.scopes, django_request(request), (audience,)
    )


def list_api_tokens(
    user: Any, *, request: HttpRequest | None = None, now: datetime | None = None
) -> QuerySet[APIToken]:
    """Return the user's API tokens that are active, newest first.

    A token is active until it expires, is revoked, or ends with an old password.

    Reading the query set executes one statement.
    """
    user = stored_user(user)
    rows = store.primary().filter(user_id=get_key(user), **_parties(request))
    # A new password has ended the API tokens with another hash.
    rows = rows.filter(auth_hash__in=["", *auth_hashes(user)])
    if (not_before := load().not_before) is not None:
        rows = rows.filter(created_at__gte=not_before)
    return store.active(rows, now=current_time(now))


def rename(
    user: Any,
    token_id: uuid.UUID | str,
    name: str,
    *,
    request: HttpRequest | None = None,
    now: datetime | None = None,
) -> APIToken | None:
    """Rename an API token of *user* and return it, or ``None`` if it is not found. Two statements.

    Raises ``ValueError`` for an empty or too long *name*.
    """
    _check_name(name)
    with database_errors_as_unavailable():
        token = _get(user, token_id, request, current_time(now))
        if token is not None:
            token.name = name
            store.primary().filter(pk=token.pk).update(name=name)
    return token


@sensitive_variables()
def rotate(
    user: Any,
    token_id: uuid.UUID | str,
    *,
    overlap: timedelta | None = None,
    expires_at: datetime | None = None,
    within: Collection[str] | Callable[[str | None], Collection[str]] | None = None,
    request: HttpRequest | None = None,
    now: datetime | None = None,
) -> IssuedAPIToken | None:
    """Replace the secret of an API token of *user*. Two statements.

    The old token works for *overlap*, by default ``API_TOKEN_OVERLAP``, but not after its end date.
    With an *overlap* of zero, it ends at once. A token that an earlier rotation has replaced always
    ends at once. The id, the name, the scope and the audience do not change. Without *expires_at*,
    the end date does not change either.

    *within* may also be a function. It is called with the audience of the token, or ``None`` for
    ``AUDIENCE``, and returns what the caller may grant.

    Returns ``None`` if *user* has no active API token *token_id*. Raises :class:`InvalidScope` if
    the scope that the token has now exceeds *within*, and :class:`ConcurrentRotation`. Raises
    :class:`InvalidEndDate` as :func:`create` does, and ``ValueError`` for an *overlap* that is
    negative or longer than ``API_TOKEN_OVERLAP``.
    """
    settings, now = load(), current_time(now)
    longest = settings.api_token_overlap
    overlap = longest if overlap is None else overlap
    if not isinstance(overlap, timedelta):
        raise TypeError(f"overlap must be a timedelta, not {type(overlap).__name__}.")
    if not timedelta(0) <= overlap <= longest:
        raise ValueError("overlap must be from zero to API_TOKEN_OVERLAP.")
    secret = formats.generate(settings.api_token_prefix)
    with database_errors_as_unavailable():
        token = _get(user, token_id, request, now)
        if token is None:
            return None
        limit = within(token.resource or None) if callable(within) else within
        if limit is not None and not _scope_now(user, token, request).issubset(
            as_collection("within", limit)
        ):
            raise InvalidScope
        end = token.expires_at if expires_at is None else _end_date(settings, expires_at, now)
        values = {
            "digest": formats.digest(secret),
            "last_four": secret[-formats.SHOWN :],
            "previous_digest": token.digest if overlap else None,
            # A new end date is that of the new token.
            "previous_expires_at": min(now + overlap, token.expires_at) if overlap else None,
            "rotated_at": now,
            "expires_at": end,
        }
        if not store.rotate(token, values):
            raise ConcurrentRotation
    _logger.info("API token %s of user %s rotated", token.pk, get_key(user))
    return IssuedAPIToken(token=secret, api_token=token)


def revoke(
    user: Any,
    token_id: uuid.UUID | str,
    *,
    request: HttpRequest | None = None,
    now: datetime | None = None,
) -> bool:
    """Revoke an API token of *user*, and its old token after a rotation. One statement.

    Returns ``False`` if *user* has no active API token *token_id*.
    """
    user, now = stored_user(user), current_time(now)
    key: Any = as_uuid(token_id)
    with database_errors_as_unavailable():
        rows = store.primary().filter(pk=key, user_id=get_key(user), **_parties(request))
        revoked = bool(store.revoke(rows.filter(expires_at__gt=now), now=now))
    if revoked:
        _logger.info("API token %s of user %s revoked", key, get_key(user))
    return revoked


def _get(
    user: Any, token_id: uuid.UUID | str, request: HttpRequest | None, now: datetime
) -> APIToken | None:
    key: Any = as_uuid(token_id)
    return list_api_tokens(user, request=request, now=now).filter(pk=key).first()


def _scope_now(user: Any, token: APIToken, request: HttpRequest | None) -> frozenset[str]:
    """Return the scope that *token* of *user* has now. ``SCOPES`` may lack a name of its row."""
    settings = load_for(request)
    audience = token.resource or settings.audience
    return granted_scope(settings, user, None, token.scopes, django_request(request), (audience,))


def _parties(request: HttpRequest | None) -> dict[str, str]:
    """Return the columns of the tenant, if ``ISSUER`` or ``AUDIENCE`` is a function."""
    settings = load_for(request)
    if not settings.by_request:
        return {}
    return {"issuer": settings.issuer, "audience": settings.audience}


def _check_name(name: object) -> None:
    check_text("name", name, MAX_API_TOKEN_NAME)
    if not str(name).strip():
        raise ValueError("name must not be empty.")


def _end_date(settings: Settings, expires_at: datetime, now: datetime) -> datetime:
    # current_time() reports the argument now.
    if not isinstance(expires_at, datetime):
        raise TypeError(f"expires_at must be a datetime, not {type(expires_at).__name__}.")
    end = current_time(expires_at)
    if not now < end <= now + settings.max_api_token_lifetime:
        raise InvalidEndDate
    return end
