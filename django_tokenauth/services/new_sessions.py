"""The row of a new session, from a sign-in or an impersonation."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import timedelta
from typing import Any

from ..models import Session
from ..sessions import store
from ..sessions.callers import Caller
from ..sessions.users import auth_hash
from .audiences import audiences_of
from .issuing import TokenIssuer, granted_scope


def new_session(
    issuer: TokenIssuer,
    user: Any,
    granted: Collection[str],
    *,
    requested: Collection[str] | None,
    audiences: Sequence[str] = (),
    idle: timedelta,
    absolute: timedelta,
    client_id: str,
    device_name: str,
    user_agent: str,
    ip: str | None,
    **columns: Any,
) -> Session:
    """Return a session of *user* that starts at the time of *issuer*, and store nothing.

    *granted* are the scopes of the session. *requested* are those of the request, or ``None`` for
    every scope that the user may have. *audiences* has the form of ``Session.audiences``. *idle*
    and *absolute* are the lifetimes. *columns* are further columns. Call ``SCOPE_POLICY`` if
    *requested* is not ``None``.
    """
    settings, now = issuer.settings, issuer.now
    full = granted
    if requested is not None:
        names = audiences_of(settings, audiences)
        full = granted_scope(settings, user, None, settings.scopes, issuer.request, names)
    caller, absolute_expires_at = Caller.of(ip, user_agent), now + absolute
    return Session(
        id=store.new_id(now),
        user=user,
        created_at=now,
        refreshed_at=now,
        idle_expires_at=min(now + idle, absolute_expires_at),
        absolute_expires_at=absolute_expires_at,
        auth_hash=auth_hash(user),
        scope=" ".join(sorted(granted)),
        scope_limited=granted != full,
        audiences=" ".join(audiences),
        client_id=client_id,
        client_authenticated=client_id in settings.clients,
        device_name=device_name,
        user_agent=caller.user_agent,
        ip=caller.ip,
        last_user_agent=caller.user_agent,
        last_ip=caller.ip,
        **columns,
    )
