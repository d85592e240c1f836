"""Sign out: revoke sessions by token, by user or by query set, and list active sessions."""

from __future__ import annotations

import logging
import uuid
from collections.abc import Iterable, Sequence
from contextlib import suppress
from datetime import datetime
from itertools import islice
from typing import Any

from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from django.views.decorators.debug import sensitive_variables

from .. import signals
from ..conf.per_request import load_for
from ..conf.settings import Settings, load
from ..errors import InvalidToken, UnsupportedTokenType
from ..models import RevokedReason, Session
from ..sessions import store
from ..sessions.clock import Clock
from ..sessions.database import database_errors_as_unavailable
from ..sessions.log_ids import log_id
from ..sessions.users import get_key
from . import api_tokens
from .arguments import (
    as_uuid,
    check_sessions,
    clock_of,
    current_time,
    django_request,
    stored_user,
    user_keys,
)
from .clients import check_owner
from .tenants import decode_access_token, decode_refresh_token

logger = logging.getLogger("django_tokenauth")


@sensitive_variables()
def revoke_token(
    token: str,
    *,
    client_id: str = "",
    request: HttpRequest | None = None,
    now: datetime | None = None,
) -> None:
    """Revoke the session of a refresh or access token (RFC 7009).

    Execute at most two statements. *client_id* is the client that sends the request. If ``CLIENTS``
    lists *client_id*, the caller must have authenticated this client. *request* (of Django or REST
    framework) is passed to signals. *now* defaults to the current time. With stored sessions, an
    invalid token raises no error and revokes no session.

    The access token may be for any audience of this server. It can revoke its session in two cases:
    ``REVOKE_BY_ACCESS_TOKEN`` lists its client, or its client is in ``CLIENTS`` and is *client_id*.
    An access token of a client that neither ``REVOKE_BY_ACCESS_TOKEN`` nor ``CLIENTS`` lists is
    rejected, because resource servers receive access tokens too.

    Raises :class:`UnsupportedTokenType` for an access token of a client that neither
    ``REVOKE_BY_ACCESS_TOKEN`` nor ``CLIENTS`` lists, for an API token, for an access token of a
    service account or of an exchange, and for every token with ``STATELESS_REFRESH``. Raises
    :class:`InvalidClient` or :class:`InvalidGrant` if the session belongs to another client and one
    of the two clients has a secret. Raises :class:`ServiceUnavailable` on a database outage.
    """
    settings, clock = load_for(request), clock_of(now)
    if settings.stateless_refresh:
        raise UnsupportedTokenType
    if api_tokens.reader_of(token) is not None:
        raise UnsupportedTokenType(_("API tokens are revoked in the list of API tokens."))
    session_id = None
    with suppress(InvalidToken):
        session_id = decode_refresh_token(settings, token, now=clock().timestamp()).session_id
    with suppress(InvalidToken):
        access = decode_access_token(settings, token, now=clock().timestamp())
        if access.grant is not None:
            raise UnsupportedTokenType(_("This access token has no session of its own."))
        _check_access_token(settings, access.client_id)
        session_id = access.session_id
    with database_errors_as_unavailable():
        # The default manager of the user model may hide the user whose session ends.
        session = session_id and store.find_with_any_user(session_id)
        if session and session.revoked_at is None:
            check_owner(settings, session.client_id, client_id)
            revoke_and_signal([[session]], RevokedReason.SIGNED_OUT, request=request, clock=clock)


def _check_access_token(settings: Settings, owner: str) -> None:
    """Check that an access token of the client *owner* may revoke its session.

    A client in ``CLIENTS`` authenticates, and :func:`check_owner` compares this client with
    *owner*. A client without an entry in ``CLIENTS`` cannot prove its identity: a resource server
    that receives the token can send any ``client_id``.

    Raises :class:`UnsupportedTokenType`.
    """
    permitted = (*settings.clients, *settings.revoke_by_access_token)
    if owner not in permitted:
        raise UnsupportedTokenType(
            _("This access token cannot revoke its session. Send the refresh token.")
        )


def list_sessions(user: Any, *, now: datetime | None = None) -> QuerySet[Session]:
    """Return the active sessions of *user*, newest first.

    With ``IMPERSONATION``, the query set also contains the sessions in which *user* acts as another
    user (:func:`~django_tokenauth.services.impersonate`). Reading the query set executes one
    statement. With ``STATELESS_REFRESH``, the query set is empty. *now* defaults to the current
    time. Raises ``TypeError`` if the primary key of *user* is ``None``.
    """
    user = stored_user(user)
    settings = load()
    if settings.stateless_refresh:
        return Session.objects.none()
    rows = _active(settings, user, current_time(now))
    return rows if settings.not_before is None else rows.filter(created_at__gte=settings.not_before)


def _not_revoked(user: Any, now: datetime) -> QuerySet[Session]:
    """Return the sessions of *user* to revoke, including sessions from before ``NOT_BEFORE``.

    Unrevoked sessions from before ``NOT_BEFORE`` would be active again after the setting is
    removed.
    """
    settings = load()
    if settings.stateless_refresh:
        return Session.objects.none()
    return _active(settings, user, now)


def _active(settings: Settings, user: Any, now: datetime) -> QuerySet[Session]:
    find = store.active if settings.impersonation is None else store.active_with_held
    return find(get_key(user), now=now)


def sign_out(
    user: Any,
    session_id: uuid.UUID | str,
    *,
    request: HttpRequest | None = None,
    reason: RevokedReason = RevokedReason.SIGNED_OUT,
    now: datetime | None = None,
) -> bool:
    """Revoke one session of *user*, with at most two statements.

    Returns ``False`` if *user* has no session *session_id*, or if this session has expired or was
    revoked. *request* (of Django or REST framework) is passed to signals. *now* defaults to the
    current time.

    Raises :class:`ServiceUnavailable`, and ``TypeError`` if the primary key of *user* is ``None``.
    """
    user = stored_user(user)
    clock, key = clock_of(now), as_uuid(session_id)
    if key is None:
        return False
    with database_errors_as_unavailable():
        rows = _not_revoked(user, clock()).filter(pk=key)
        sessions = next(store.batches(rows, with_users=load().impersonation is not None), [])
        revoke_and_signal([sessions], reason, request=request, clock=clock, user=user)
    return bool(sessions)


def sign_out_everywhere(
    user: Any,
    *,
    keep: uuid.UUID | str | None = None,
    request: HttpRequest | None = None,
    reason: RevokedReason = RevokedReason.SIGNED_OUT,
    now: datetime | None = None,
) -> int:
    """Revoke all active sessions of *user* except the one with the id *keep*.

    Execute two statements for each 500 sessions. After an interrupted call, another call revokes
    the remaining sessions. Returns the number of revoked sessions. *request* (of Django or REST
    framework) is passed to signals. *now* defaults to the current time.

    Raises :class:`ServiceUnavailable`, and ``ValueError`` if *keep* is not a UUID, because the
    session to keep would be revoked too.
    """
    user = stored_user(user)
    clock, kept = clock_of(now), as_uuid(keep)
    if keep is not None and kept is None:
        raise ValueError("keep must be the id of one session, a UUID or its string.")
    with database_errors_as_unavailable():
        rows = _not_revoked(user, clock())
        rows = rows if kept is None else rows.exclude(pk=kept)
        # The sessions in which the user acts as another user have another user.
        batches = store.batches(rows, with_users=load().impersonation is not None)
        return revoke_and_signal(batches, reason, request=request, clock=clock, user=user)


def sign_out_users(
    users: Iterable[Any],
    *,
    request: HttpRequest | None = None,
    reason: RevokedReason = RevokedReason.SIGNED_OUT,
    now: datetime | None = None,
) -> int:
    """Revoke all active sessions of *users*: a query set of users, users, or primary keys.

    Call this function after a change of users that sends no signal, such as ``QuerySet.update()``
    or ``bulk_update()``. Read *users* once, then execute one statement for each 500 users and two
    for each 500 sessions. With ``IMPERSONATION``, do so again for the sessions in which *users* act
    as other users. After an interrupted call, another call revokes the remaining sessions. Returns
    the number of revoked sessions. *request* (of Django or REST framework) is passed to signals.
    *now* defaults to the current time.

    Raises :class:`ServiceUnavailable`. Raises ``TypeError`` if *users* is not a collection, or
    contains an object that is neither a stored user nor a primary key.
    """
    clock, revoked = clock_of(now), 0
    roles = ("user",) if load().impersonation is None else ("user", "actor")
    with database_errors_as_unavailable():
        keys = iter(() if load().stateless_refresh else user_keys(users))
        while batch := list(islice(keys, store.BATCH_SIZE)):
            for role in roles:
                rows = store.active_of_users(role, "pk", batch, now=clock())
                batches = store.batches(rows, with_users=True)
                revoked += revoke_and_signal(batches, reason, request=request, clock=clock)
    return revoked


def revoke_sessions(
    queryset: QuerySet[Session],
    reason: RevokedReason,
    *,
    request: HttpRequest | None = None,
    now: datetime | None = None,
) -> int:
    """Revoke the active sessions in *queryset*, which may belong to several users.

    Execute two statements for each 500 sessions. After an interrupted call, another call revokes
    the remaining sessions. Returns the number of revoked sessions. *request* (of Django or REST
    framework) is passed to signals. *now* defaults to the current time.

    Raises :class:`ServiceUnavailable`, and ``TypeError`` if *queryset* is not a query set of
    sessions.
    """
    check_sessions(queryset)
    clock = clock_of(now)
    rows = queryset.filter(revoked_at__isnull=True, idle_expires_at__gt=clock())
    with database_errors_as_unavailable():
        batches = store.batches(rows, with_users=True)
        return revoke_and_signal(batches, reason, request=request, clock=clock)


def revoke_and_signal(
    batches: Iterable[Sequence[Session]],
    reason: RevokedReason,
    *,
    request: HttpRequest | None,
    clock: Clock,
    user: Any = None,
) -> int:
    """Revoke the sessions of *batches* and send ``session_revoked`` for each.

    Execute at most one statement for each batch. *user* is the user of the sessions that have the
    key of *user*. The user of each other session must be loaded. Returns the number of revoked
    sessions.
    """
    key = None if user is None else get_key(user)
    request, revoked = django_request(request), 0
    for batch in batches:
        # Read the clock for each UPDATE, because earlier statements may have waited for the
        # database.
        revoked += store.revoke_all(batch, reason, now=clock())
        for session in batch:
            logger.info(
                "session %s of user %s revoked: %s", log_id(session.pk), session.user_id, reason
            )
            owner = user if key is not None and session.user_id == key else session.user
            signals.session_revoked.send_for(session, owner, request)
    return revoked
