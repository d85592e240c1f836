"""Impersonate: start a short session in which a member of the staff acts as a user."""

from __future__ import annotations

import logging
from collections.abc import Collection
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any, NoReturn

from django.core.exceptions import ImproperlyConfigured
from django.db import Error as DatabaseError
from django.db import IntegrityError
from django.http import HttpRequest

from .. import signals
from .._limits import MAX_CLIENT_ID, MAX_DEVICE_NAME
from ..conf.per_request import load_for
from ..conf.settings import Settings
from ..errors import ImpersonationDenied
from ..models import RevokedReason, Session
from ..sessions import store
from ..sessions.database import database_errors_as_unavailable
from ..sessions.log_ids import log_id
from ..sessions.store import SessionState
from ..sessions.users import (
    auth_hash,
    get_key,
    get_subject,
    refetch,
    why_actor_refused,
    why_refused,
)
from ..tokens.claims import Claims
from .arguments import as_strings, check_ip, check_text, clock_of, django_request, stored_user
from .auditing import audit
from .impersonation_policy import is_permitted
from .issuing import TokenIssuer, TokenPair, granted_scope
from .new_sessions import new_session

logger = logging.getLogger("django_tokenauth")

#: The absolute lifetime of a session with an actor, unless the caller chooses another one.
DEFAULT_LIFETIME = timedelta(hours=1)


def impersonate(
    staff: Any,
    user: Any,
    *,
    request: HttpRequest | None = None,
    scope: Collection[str] | None = None,
    lifetime: timedelta | None = None,
    client_id: str = "",
    device_name: str = "",
    user_agent: str = "",
    ip: str | None = None,
    now: datetime | None = None,
) -> TokenPair:
    """Start a session in which *staff* acts as *user*, and return its tokens.

    The tokens have the subject of *user* and an ``act`` claim, ``{"sub": "SUBJECT OF STAFF"}`` (RFC
    8693 section 4.1), and no ``amr``. Their ``auth_time`` is the current time. A refresh keeps the
    ``act`` claim. The access tokens are for ``AUDIENCE`` only. The session ends after *lifetime*,
    by default an hour and at most ``SESSION_LIFETIME``. The session also ends if the password of
    one of the two users changes, or one of them is deactivated or deleted. Execute two statements,
    plus those of hooks and receivers. If the default manager of the user model changes its query,
    another statement loads the two users, here and in each request and refresh of the session.

    The setting ``IMPERSONATION`` must permit it: a function ``(staff, user, request)`` that returns
    ``True`` or ``False``. The function is also called at each refresh. No setting permits these:

    * *staff* acts as *staff*;
    * one of the two users is inactive;
    * *user* is a superuser, and *staff* is not;
    * *request* has an access token of a session with an actor, of a service account or of an
      exchange.

    *request* (of REST framework) is passed to hooks and signals. Always pass the *request* of
    *staff*: without it, the last rule cannot be checked. *scope*, *client_id*, *device_name*,
    *user_agent*, *ip* and *now* are as in :func:`~django_tokenauth.services.sign_in`, and describe
    the device of *staff*. The signals ``impersonated`` and ``audit_event`` are sent, and a warning
    is logged.

    Raises :class:`ImpersonationDenied`, which becomes a 403 response. Raises :class:`InvalidScope`
    and :class:`ServiceUnavailable`. Raises ``ImproperlyConfigured`` without ``IMPERSONATION`` or
    with ``STATELESS_REFRESH``. Raises ``TypeError`` or ``ValueError`` for invalid arguments, as
    ``sign_in`` does, and ``ValueError`` for an invalid *lifetime*.
    """
    staff, user = stored_user(staff), stored_user(user)
    scope = None if scope is None else as_strings("scope", scope)
    check_text("client_id", client_id, MAX_CLIENT_ID)
    check_text("device_name", device_name, MAX_DEVICE_NAME)
    check_text("user_agent", user_agent)
    check_ip(ip)
    settings, clock = load_for(request), clock_of(now)
    lifetime = _check_lifetime(settings, lifetime)
    _check_settings(settings)
    auth, request = getattr(request, "auth", None), django_request(request)
    # Service accounts and exchanged tokens do not prove that the staff has signed in.
    nested = isinstance(auth, Claims) and (auth.actor is not None or auth.grant is not None)
    if nested or not is_permitted(settings, staff, user, request):
        _deny(staff, user)
    now = clock()
    granted = granted_scope(settings, user, scope, settings.scopes, request)
    issuer = TokenIssuer(settings=settings, request=request, now=now)
    session = new_session(
        issuer,
        user,
        granted,
        requested=scope,
        idle=settings.refresh_token_lifetime,
        absolute=lifetime,
        client_id=client_id or settings.issuer,
        device_name=device_name,
        user_agent=user_agent,
        ip=ip,
        actor=staff,
        actor_auth_hash=auth_hash(staff),
    )
    pair = issuer.issue_for_session(session, SessionState.of(session), granted)
    try:
        with database_errors_as_unavailable():
            if not _store(settings, session):
                _deny(staff, user)
    except BaseException:
        # No client receives the tokens. The first error is the one to report.
        with suppress(DatabaseError):
            store.revoke(session, RevokedReason.USER_CHANGED, now=clock())
        raise
    logger.warning(
        "user %s acts as user %s, session %s", get_key(staff), get_key(user), log_id(session.pk)
    )
    audit("sessions.impersonate", actor=staff, count=1, ids=[log_id(session.pk)], request=request)
    signals.impersonated.send_for(session, user, request, actor=staff)
    return pair


def _check_lifetime(settings: Settings, lifetime: timedelta | None) -> timedelta:
    if lifetime is None:
        return min(DEFAULT_LIFETIME, settings.session_lifetime)
    if not isinstance(lifetime, timedelta):
        raise TypeError(f"lifetime must be a timedelta, not {type(lifetime).__name__}.")
    if not timedelta(seconds=1) <= lifetime <= settings.session_lifetime:
        raise ValueError("lifetime must be from 1 second to SESSION_LIFETIME.")
    return lifetime


def _check_settings(settings: Settings) -> None:
    if settings.impersonation is None:
        raise ImproperlyConfigured(
            "services.impersonate is off. To permit it, set IMPERSONATION in TOKENAUTH to a "
            "function (staff, user, request) that returns True or False."
        )
    if settings.stateless_refresh:
        raise ImproperlyConfigured(
            "services.impersonate needs a stored session. Remove STATELESS_REFRESH from TOKENAUTH."
        )


def _store(settings: Settings, session: Session) -> bool:
    """Store *session*, and return whether its stored users are those that the caller checked.

    A later change of one of the users revokes the session, because the session is already stored.
    """
    try:
        store.add(session)
    except IntegrityError:
        if refetch(session.user) is not None and refetch(session.actor) is not None:
            raise
        return False
    stored, id_field = store.find_with_actor(session.pk), settings.user_id_field
    return (
        stored is not None
        and why_refused(stored, get_subject(session.user, id_field), id_field) is None
        and why_actor_refused(stored, get_subject(session.actor, id_field), id_field) is None
    )


def _deny(staff: Any, user: Any) -> NoReturn:
    logger.warning("user %s may not act as user %s", get_key(staff), get_key(user))
    raise ImpersonationDenied
