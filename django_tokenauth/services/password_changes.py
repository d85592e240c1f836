"""Continue the session of users who change their own password."""

from __future__ import annotations

import logging
import uuid
from collections.abc import Collection
from datetime import datetime
from typing import Any

from django.http import HttpRequest

from ..conf.settings import Settings, load
from ..models import RevokedReason, Session
from ..sessions import store
from ..sessions.changed_users import forget_changed_user
from ..sessions.database import database_errors_as_unavailable, primary_sessions
from ..sessions.log_ids import log_id
from ..sessions.users import auth_hash, auth_hashes, get_key, take_revoked_at
from ..tokens.claims import Claims
from .arguments import as_uuid, clock_of, stored_user

logger = logging.getLogger("django_tokenauth")


def update_session_auth_hash(
    request: HttpRequest, user: Any, *, now: datetime | None = None
) -> bool:
    """Continue the session of *request* after *user* has changed their own password.

    Call this function after ``user.save()``, with the same object, in the same transaction. The
    session of the access token in *request* (of REST framework) keeps its id, device name, client
    and scope. The tokens of the client therefore stay valid. Sessions of *user* with an old
    password are revoked. Execute at most three statements. *now* defaults to the current time.

    Returns whether the session continues. Returns ``False`` if *request* has no access token of
    *user*, or if *user* is inactive. Returns ``False`` also for the access token of a member of the
    staff who acts as *user*, and if the session has expired or was revoked for another reason.
    With ``STATELESS_REFRESH``, changes nothing and returns ``False``. For sessions of Django, call
    Django's function of the same name.

    Raises :class:`ServiceUnavailable`, and ``TypeError`` if the primary key of *user* is ``None``.
    """
    user = stored_user(user)
    settings, clock = load(), clock_of(now)
    if settings.stateless_refresh:
        return False
    auth = getattr(request, "auth", None)
    current = None
    if isinstance(auth, Claims) and auth.actor is None and auth.grant is None:
        current = as_uuid(auth.session_id)
    with database_errors_as_unavailable():
        kept = current is not None and user.is_active and _keep(settings, current, user, clock())
        store.revoke_of_user(
            get_key(user), RevokedReason.USER_CHANGED, now=clock(), keep=auth_hashes(user)
        )
    return kept


def _keep(settings: Settings, session_id: uuid.UUID, user: Any, now: datetime) -> bool:
    """Give the session of *user* the new auth hash and return whether the session continues."""
    revoked_at = take_revoked_at(user)
    forget_changed_user(user)
    session = primary_sessions().filter(pk=session_id, user_id=get_key(user)).first()
    if session is None or not _may_continue(session, revoked_at, now):
        return False
    values: dict[str, Any] = {"auth_hash": auth_hash(user)}
    if session.revoked_at is not None:
        # Saving the user has revoked the session, which changed its idle expiry.
        lifetime = session.idle_lifetime or settings.refresh_token_lifetime
        idle_expires_at = session.refreshed_at + lifetime
        values["idle_expires_at"] = min(idle_expires_at, session.absolute_expires_at)
        values |= {"revoked_at": None, "revoked_reason": ""}
    # The condition excludes a session that another process revokes now.
    rows = primary_sessions().filter(pk=session_id, revoked_at=session.revoked_at)
    if not rows.update(**values):
        return False
    logger.info(
        "session %s of user %s continues after a change of the password",
        log_id(session_id),
        get_key(user),
    )
    return True


def _may_continue(session: Session, revoked_at: Collection[datetime], now: datetime) -> bool:
    """Return whether *session* is active, or was revoked by saving its user, at *revoked_at*."""
    if session.revoked_at is None:
        return bool(session.idle_expires_at > now)
    return bool(
        session.revoked_reason == RevokedReason.USER_CHANGED
        and session.revoked_at in revoked_at
        and session.absolute_expires_at > now
    )
