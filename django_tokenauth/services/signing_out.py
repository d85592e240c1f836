"""Ending sessions, by their token or by their user, and telling those who listen."""

from __future__ import annotations

import logging
import uuid
from collections.abc import Collection
from datetime import datetime
from typing import Any

from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.views.decorators.debug import sensitive_variables

from .. import signals
from ..conf.settings import load
from ..errors import InvalidToken, UnsupportedTokenType
from ..models import RevokedReason, Session
from ..sessions import store
from ..sessions.database import database_errors_as_unavailable
from ..tokens.access import access_tokens
from ..tokens.refresh import refresh_tokens
from .clients import check_owner

logger = logging.getLogger("django_tokenauth")


@sensitive_variables()
def revoke_token(
    token: str,
    *,
    client_id: str = "",
    request: HttpRequest | None = None,
    now: datetime | None = None,
) -> None:
    """Sign out with a refresh or access token (RFC 7009). At most 2 statements.

    ``client_id`` is the client that asks, which the caller has authenticated if ``CLIENTS`` has it.
    A token that is not good is as good as revoked. Raises :class:`UnsupportedTokenType` where no
    sessions are kept; :class:`InvalidClient`, :class:`InvalidGrant` for a session of another
    client; :class:`ServiceUnavailable`.
    """
    settings, now = load(), now or timezone.now()
    if settings.stateless_refresh:
        raise UnsupportedTokenType
    session_id = None
    for kind in (refresh_tokens(settings), access_tokens(settings)):
        try:
            session_id = kind.decode(token, now=now.timestamp()).session_id
        except InvalidToken:
            continue
    with database_errors_as_unavailable():
        session = session_id and store.find(session_id)
        if session and session.revoked_at is None:
            check_owner(settings, session.client_id, client_id)
            end([session], RevokedReason.SIGNED_OUT, request, now)


def list_sessions(user: Any, *, now: datetime | None = None) -> QuerySet[Session]:
    """The sessions of the user that have not ended, newest first. One statement when it is read."""
    if load().stateless_refresh:
        return Session.objects.none()
    return store.alive(user.pk, now=now or timezone.now())


def sign_out(
    user: Any,
    session_id: str,
    *,
    request: HttpRequest | None = None,
    reason: RevokedReason = RevokedReason.SIGNED_OUT,
    now: datetime | None = None,
) -> bool:
    """End one session of the user; False if none of that id is alive. At most 2 statements.

    Raises :class:`ServiceUnavailable`.
    """
    now = now or timezone.now()
    try:
        key = uuid.UUID(session_id)
    except ValueError:
        return False
    with database_errors_as_unavailable():
        found = list(list_sessions(user, now=now).filter(pk=key))
        end(found, reason, request, now, user)
    return bool(found)


def sign_out_everywhere(
    user: Any,
    *,
    keep: str | None = None,
    request: HttpRequest | None = None,
    reason: RevokedReason = RevokedReason.SIGNED_OUT,
    now: datetime | None = None,
) -> int:
    """End all sessions of the user but ``keep`` and tell how many. At most 2 statements.

    Raises :class:`ServiceUnavailable`.
    """
    now = now or timezone.now()
    with database_errors_as_unavailable():
        found = [session for session in list_sessions(user, now=now) if str(session.pk) != keep]
        end(found, reason, request, now, user)
    return len(found)


def revoke_sessions(
    queryset: QuerySet[Session],
    reason: RevokedReason,
    *,
    request: HttpRequest | None = None,
    now: datetime | None = None,
) -> int:
    """End the sessions of ``queryset`` that are alive, whoever's they are, and tell how many."""
    now = now or timezone.now()
    alive = queryset.filter(revoked_at__isnull=True, idle_expires_at__gt=now).select_related("user")
    with database_errors_as_unavailable():
        found = list(alive)
        end(found, reason, request, now)
    return len(found)


def end(
    ended: Collection[Session],
    reason: RevokedReason,
    request: HttpRequest | None,
    now: datetime,
    user: Any = None,
) -> None:
    """End sessions, all of ``user`` or else each with its user at hand."""
    store.revoke_all(ended, reason, now=now)
    for session in ended:
        logger.info("session %s of user %s ended: %s", session.pk, session.user_id, reason)
        signals.announce(signals.session_revoked, session, user or session.user, request)
