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
from ..sessions import pruning
from ..sessions import store as sessions
from ..sessions.users import auth_hash, can_be_named, rehashing
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
    with sessions.answering(), rehashing():
        try:
            user = authenticate(request, username=username, password=password)
        except (ValueError, ValidationError):
            # Django's own backend asks the database for a name whatever it is.
            if can_be_named(username):
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
    name: str = "",
    user_agent: str = "",
    ip: str | None = None,
    amr: Collection[str] = (),
    now: datetime | None = None,
) -> TokenPair:
    """Start a session for ``user``, whose identity the caller has checked.

    At most 3 statements, besides those of the receivers of ``user_logged_in``: Django's own writes
    ``last_login``.

    ``scope`` are the names asked for (``None``: all that the user may have); ``name``,
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
            session_id=str(sessions.new_id(now)),
            generation=1,
            sign_in=SignIn(
                auth_time=int(now.timestamp()), client_id=client_id, scope=given, amr=tuple(amr)
            ),
            scope=given,
            request=request,
            now=now,
        )
    else:
        ends_at = now + settings.session_lifetime
        session = Session(
            id=sessions.new_id(now),
            user=user,
            created_at=now,
            rotated_at=now,
            expires_at=min(now + settings.refresh_token_lifetime, ends_at),
            ends_at=ends_at,
            auth_hash=auth_hash(user),
            scope=" ".join(sorted(given)),
            limited=scope is not None and given != _granted(settings, user, None, request),
            client_id=client_id,
            name=name,
            user_agent=user_agent,
            ip=ip,
            amr=" ".join(amr),
        )
        with sessions.answering():
            pair = issue_for_session(
                settings,
                session,
                generation=session.generation,
                rotated_at=now,
                expires_at=session.expires_at,
                scope=given,
                request=request,
                now=now,
            )
            sessions.add(session)
            _make_room(settings, session, request, now)
    logger.info("user %s signed in, session %s", user.pk, pair.session and pair.session.pk)
    with sessions.answering():
        user_logged_in.send(sender=type(user), request=request, user=user)
    signals.announce(signals.signed_in, pair.session, user, request)
    return pair


def _granted(
    settings: Settings, user: Any, scope: Collection[str] | None, request: HttpRequest | None
) -> frozenset[str]:
    return granted_scope(settings, user, scope, settings.scopes, request)


def _make_room(
    settings: Settings, new: Session, request: HttpRequest | None, now: datetime
) -> None:
    """End what the user has too many of, or else delete a few rows that ended long ago."""
    if settings.max_sessions_per_user is not None:
        surplus = sessions.surplus(new, settings.max_sessions_per_user - 1, now=now)
        if surplus:
            end(surplus, RevokedReason.EVICTED, request, now, new.user)
            return
    # Not inside of a transaction, where its locks would stay and its failure would be ours.
    if not connections[router.db_for_write(Session)].in_atomic_block:
        try:
            pruning.prune(now - settings.kept_after_end, PRUNED_PER_SIGN_IN)
        except DatabaseFault as fault:
            logger.warning("ended sessions were not pruned (%s)", type(fault).__name__)
