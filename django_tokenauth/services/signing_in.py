"""What the app does: sign in, refresh, sign out, and who a token stands for.

Here tokens and rows meet. The functions raise the errors of :mod:`django_tokenauth.errors` and know
nothing of REST framework, so that other ways to sign in (a social login, a passkey) call them too.
"""

from __future__ import annotations

import logging
from collections.abc import Collection
from datetime import datetime
from typing import Any

from django.contrib.auth import authenticate
from django.contrib.auth.signals import user_logged_in
from django.core.exceptions import ValidationError
from django.db import Error as DatabaseFault
from django.db import connections, router
from django.http import HttpRequest
from django.utils import timezone
from django.views.decorators.debug import sensitive_variables

from .. import signals
from ..conf.settings import Settings, load
from ..errors import InvalidGrant
from ..models import RevokedReason, Session
from ..sessions import pruning, store
from ..sessions.database import database_errors_as_unavailable
from ..sessions.users import auth_hash, is_valid_username, rehashing
from ..tokens.claims import SignIn
from .issuing import TokenPair, granted_scope, issue_for_session, issue_stateless
from .signing_out import end

logger = logging.getLogger("django_tokenauth")

#: How many ended rows a sign-in deletes at most, so that nobody needs cron. More than one, so that
#: it catches up with a past in which nobody signed in.
PRUNED_PER_SIGN_IN = 20


@sensitive_variables()
def check_password(request: HttpRequest | None, username: str, password: str) -> Any:
    """The user with this name and password, by Django's authentication backends.

    Raises :class:`InvalidGrant`, the same for an unknown name, a wrong password and an inactive
    user; :class:`ServiceUnavailable`.
    """
    with database_errors_as_unavailable(), rehashing():
        try:
            user = authenticate(request, username=username, password=password)
        except (ValueError, ValidationError):
            # Django's own backend asks the database for a name whatever it is.
            if is_valid_username(username):
                raise
            user = None
    if user is None or not user.is_active:
        logger.info("sign-in refused")
        raise InvalidGrant
    return user


def sign_in(
    user: Any,
    *,
    request: HttpRequest | None = None,
    scope: Collection[str] | None = None,
    client_id: str = "",
    device_name: str = "",
    user_agent: str = "",
    ip: str | None = None,
    amr: Collection[str] = (),
    now: datetime | None = None,
) -> TokenPair:
    """Start a session for ``user``, whose identity the caller has checked.

    At most 3 statements, besides those of the receivers of ``user_logged_in``: Django's own writes
    ``last_login``.

    ``scope`` are the names asked for (``None``: all that the user may have); ``device_name``,
    ``user_agent`` and ``ip`` describe the device in the list of sessions; ``amr`` says how the user
    proved who they are (RFC 8176). Raises :class:`InvalidScope`, :class:`ServiceUnavailable`.
    """
    settings, now = load(), now or timezone.now()
    given = _granted(settings, user, scope, request)
    client_id = client_id or settings.issuer
    if settings.stateless_refresh:
        pair = issue_stateless(
            settings,
            user,
            session_id=str(store.new_id(now)),
            generation=1,
            sign_in=SignIn(
                auth_time=int(now.timestamp()), client_id=client_id, scope=given, amr=tuple(amr)
            ),
            scope=given,
            request=request,
            now=now,
        )
    else:
        absolute_expires_at = now + settings.session_lifetime
        session = Session(
            id=store.new_id(now),
            user=user,
            created_at=now,
            refreshed_at=now,
            idle_expires_at=min(now + settings.refresh_token_lifetime, absolute_expires_at),
            absolute_expires_at=absolute_expires_at,
            auth_hash=auth_hash(user),
            scope=" ".join(sorted(given)),
            scope_limited=scope is not None and given != _granted(settings, user, None, request),
            client_id=client_id,
            device_name=device_name,
            user_agent=user_agent,
            ip=ip,
            amr=" ".join(amr),
        )
        with database_errors_as_unavailable():
            pair = issue_for_session(
                settings,
                session,
                generation=session.generation,
                refreshed_at=now,
                idle_expires_at=session.idle_expires_at,
                scope=given,
                request=request,
                now=now,
            )
            store.add(session)
            _enforce_session_limit(settings, session, request, now)
    logger.info("user %s signed in, session %s", user.pk, pair.session and pair.session.pk)
    with database_errors_as_unavailable():
        user_logged_in.send(sender=type(user), request=request, user=user)
    signals.announce(signals.signed_in, pair.session, user, request)
    return pair


def _granted(
    settings: Settings, user: Any, scope: Collection[str] | None, request: HttpRequest | None
) -> frozenset[str]:
    return granted_scope(settings, user, scope, settings.scopes, request)


def _enforce_session_limit(
    settings: Settings, new: Session, request: HttpRequest | None, now: datetime
) -> None:
    """End what the user has too many of, or else delete a few rows that ended long ago."""
    if settings.max_sessions_per_user is not None:
        over_limit = store.over_limit(new, settings.max_sessions_per_user - 1, now=now)
        if over_limit:
            end(over_limit, RevokedReason.EVICTED, request, now, new.user)
            return
    # Not inside of a transaction, where its locks would stay and its failure would be ours.
    if not connections[router.db_for_write(Session)].in_atomic_block:
        try:
            pruning.prune(now - settings.prune_after, PRUNED_PER_SIGN_IN)
        except DatabaseFault as fault:
            logger.warning("ended sessions were not pruned (%s)", type(fault).__name__)
