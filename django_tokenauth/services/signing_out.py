"""Sign out: revoke sessions by a token, by user or by query set, and list the active ones."""

from __future__ import annotations

import logging
import uuid
from collections.abc import Collection
from datetime import datetime
from typing import Any

from django.db.models import QuerySet
from django.http import HttpRequest
from django.views.decorators.debug import sensitive_variables

from .. import signals
from ..conf.settings import load
from ..errors import InvalidToken, UnsupportedTokenType
from ..models import RevokedReason, Session
from ..sessions import store
from ..sessions.database import database_errors_as_unavailable
from ..sessions.log_ids import log_id
from ..sessions.users import get_key
from ..tokens.access import access_tokens
from ..tokens.refresh import refresh_tokens
from .arguments import as_uuid, current_time, django_request
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
    """Revoke the session of a refresh or access token (RFC 7009). At most two statements.

    *client_id* is the client that sends the request. If ``CLIENTS`` lists it, the caller must have
    authenticated it. *request* is Django's or REST framework's and is passed to signals. *now*
    defaults to the current time. An invalid token is accepted and nothing is revoked.

    Raises :class:`UnsupportedTokenType` with ``STATELESS_REFRESH``; :class:`InvalidClient` or
    :class:`InvalidGrant` if the session belongs to another client; :class:`ServiceUnavailable`.
    """
    settings, now = load(), current_time(now)
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
            revoke_and_signal([session], RevokedReason.SIGNED_OUT, request=request, now=now)


def list_sessions(user: Any, *, now: datetime | None = None) -> QuerySet[Session]:
    """Return the sessions of *user* that are neither expired nor revoked, newest first.

    One statement when the query set is read. It is empty with ``STATELESS_REFRESH``. *now*
    defaults to the current time.
    """
    if load().stateless_refresh:
        return Session.objects.none()
    return store.active(get_key(user), now=current_time(now))


def sign_out(
    user: Any,
    session_id: uuid.UUID | str,
    *,
    request: HttpRequest | None = None,
    reason: RevokedReason = RevokedReason.SIGNED_OUT,
    now: datetime | None = None,
) -> bool:
    """Revoke one session of *user*. At most two statements.

    Returns ``False`` if *session_id* is not the id of an active session of *user*. *request* is
    Django's or REST framework's and is passed to signals. *now* defaults to the current time.

    Raises :class:`ServiceUnavailable`.
    """
    now, key = current_time(now), as_uuid(session_id)
    if key is None:
        return False
    with database_errors_as_unavailable():
        sessions = list(list_sessions(user, now=now).filter(pk=key))
        revoke_and_signal(sessions, reason, request=request, now=now, user=user)
    return bool(sessions)


def sign_out_everywhere(
    user: Any,
    *,
    keep: uuid.UUID | str | None = None,
    request: HttpRequest | None = None,
    reason: RevokedReason = RevokedReason.SIGNED_OUT,
    now: datetime | None = None,
) -> int:
    """Revoke all sessions of *user* except the one with the id *keep*. At most two statements.

    Returns the number of revoked sessions. *request* is Django's or REST framework's and is passed
    to signals. *now* defaults to the current time.

    Raises :class:`ServiceUnavailable`; ``ValueError`` if *keep* is not one id, because the session
    to keep would be revoked too.
    """
    now, kept = current_time(now), as_uuid(keep)
    if keep is not None and kept is None:
        raise ValueError("keep must be the id of one session, a UUID or its string.")
    with database_errors_as_unavailable():
        sessions = [session for session in list_sessions(user, now=now) if session.pk != kept]
        revoke_and_signal(sessions, reason, request=request, now=now, user=user)
    return len(sessions)


def revoke_sessions(
    queryset: QuerySet[Session],
    reason: RevokedReason,
    *,
    request: HttpRequest | None = None,
    now: datetime | None = None,
) -> int:
    """Revoke the active sessions of *queryset*, of any user. At most two statements.

    Returns the number of revoked sessions. *request* is Django's or REST framework's and is passed
    to signals. *now* defaults to the current time.

    Raises :class:`ServiceUnavailable`.
    """
    now = current_time(now)
    rows = queryset.filter(revoked_at__isnull=True, idle_expires_at__gt=now)
    with database_errors_as_unavailable():
        sessions = list(rows.select_related("user"))
        revoke_and_signal(sessions, reason, request=request, now=now)
    return len(sessions)


def revoke_and_signal(
    sessions: Collection[Session],
    reason: RevokedReason,
    *,
    request: HttpRequest | None,
    now: datetime,
    user: Any = None,
) -> None:
    """Revoke *sessions* and send ``session_revoked`` for each. At most one statement.

    All sessions belong to *user*, or each has its user loaded.
    """
    store.revoke_all(sessions, reason, now=now)
    request = django_request(request)
    for session in sessions:
        logger.info(
            "session %s of user %s revoked: %s", log_id(session.pk), session.user_id, reason
        )
        signals.session_revoked.send_for(session, user or session.user, request)
