"""The state machine of a refresh (RFC 9700 section 4.14.2).

A session has a generation, a refresh token names one. The current generation rotates; the one
before it, for ``REFRESH_GRACE`` after the rotation, gets the current one again, so that two tabs or
a repeated request end up with the same token; anything older is a stolen token or its owner's copy,
nobody can tell which, and ends the session.

With ``REFRESH_RETRY`` the one before it is also taken after the grace, once, for a client that lost
the answer. It gets the generation after the current one; the current one, which nobody presented,
is dead from then on: whoever presents it holds a copy.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection
from dataclasses import dataclass, replace
from datetime import datetime
from typing import NoReturn

from django.http import HttpRequest
from django.utils import timezone
from django.views.decorators.debug import sensitive_variables

from .. import signals
from ..conf.settings import Settings, load
from ..errors import InvalidGrant, InvalidToken, ServiceUnavailable, TokenErrorCode
from ..models import RevokedReason, Session
from ..sessions import store
from ..sessions.database import database_errors_as_unavailable
from ..sessions.users import auth_hash, get_by_subject, why_refused
from ..tokens.claims import RefreshClaims
from ..tokens.refresh import refresh_tokens
from .clients import check_owner
from .issuing import TokenPair, granted_scope, issue_for_session, issue_stateless

logger = logging.getLogger("django_tokenauth")

# How often a refresh starts over because others are faster; the second look finds their rotation.
_ATTEMPTS = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class _RefreshRequest:
    scope: Collection[str] | None
    client_id: str
    request: HttpRequest | None
    now: datetime
    #: What the time is later on: a database may keep a request waiting.
    clock: Callable[[], datetime]


@sensitive_variables()
def refresh(
    refresh_token: str,
    *,
    scope: Collection[str] | None = None,
    client_id: str = "",
    request: HttpRequest | None = None,
    now: datetime | None = None,
) -> TokenPair:
    """Give a new pair of tokens for a refresh token. Two statements.

    ``scope`` may narrow the access token (RFC 6749 section 6); ``client_id``, if given, must be
    that of the sign-in, and the caller has authenticated it if ``CLIENTS`` has it. Call it outside
    of ``atomic()``: the revocation that follows a reuse has to outlive the error that it ends with.
    Raises :class:`InvalidClient` for a session of a client with a secret, :class:`InvalidGrant`,
    :class:`InvalidScope`, :class:`ServiceUnavailable`.
    """
    settings = load()
    clock = timezone.now if now is None else lambda: now
    asked = _RefreshRequest(
        scope=scope, client_id=client_id, request=request, now=clock(), clock=clock
    )
    try:
        claims = refresh_tokens(settings).decode(refresh_token, now=asked.now.timestamp())
    except InvalidToken as error:
        _refuse(error.code)
    with database_errors_as_unavailable():
        if settings.stateless_refresh:
            return _refresh_stateless(settings, claims, asked)
        found = None
        for _ in range(_ATTEMPTS):
            session = _session_of(settings, claims, asked)
            # Whoever was overtaken while it waited is not late, however long that was.
            overtaken = found not in (None, session.generation)
            found = session.generation
            pair = _refresh_session(settings, session, claims, asked, overtaken=overtaken)
            if pair is not None:
                return pair
    raise ServiceUnavailable


def _refresh_session(
    settings: Settings,
    session: Session,
    claims: RefreshClaims,
    asked: _RefreshRequest,
    *,
    overtaken: bool,
) -> TokenPair | None:
    """One attempt; ``None`` if somebody else rotated or revoked the session meanwhile."""
    # A row can be behind a token that we signed: a database that failed over may have lost the last
    # rotation. The token goes on from where it is and the row follows.
    if claims.generation >= session.generation:
        return _rotate(settings, session, claims.generation + 1, asked)
    # After a retry the generation in between is the one that was lost.
    if claims.generation == session.generation - (2 if session.retried else 1):
        # The other machine's clock wrote the one, ours says the other.
        age = asked.now - session.refreshed_at
        if overtaken or age <= settings.refresh_grace + settings.leeway:
            return _issue(
                settings,
                session,
                session.generation,
                session.refreshed_at,
                session.idle_expires_at,
                asked,
            )
        # Twice in a row would let a thief and the owner take turns.
        if settings.refresh_retry and not session.retried:
            return _rotate(settings, session, session.generation + 1, asked, retried=True)
    _end_reused(session, asked)
    raise InvalidGrant


def _rotate(
    settings: Settings,
    session: Session,
    generation: int,
    asked: _RefreshRequest,
    *,
    retried: bool = False,
) -> TokenPair | None:
    # The grace begins now, also for a request that the database kept waiting for the session.
    asked = replace(asked, now=asked.clock())
    idle_expires_at = min(asked.now + settings.refresh_token_lifetime, session.absolute_expires_at)
    # Signed before the rotation: whatever fails here, the client still holds a good token.
    pair = _issue(settings, session, generation, asked.now, idle_expires_at, asked)
    # Written anew, so that a session outlives the removal of an old key from SECRET_KEY_FALLBACKS.
    known = auth_hash(session.user)
    if not store.rotate(
        session,
        generation,
        idle_expires_at=idle_expires_at,
        auth_hash=known,
        now=asked.now,
        retried=retried,
    ):
        return None
    if retried:
        logger.info("session %s: the last refresh was taken again after the grace", session.pk)
    signals.announce(signals.refreshed, session, session.user, asked.request)
    return pair


def _issue(
    settings: Settings,
    session: Session,
    generation: int,
    refreshed_at: datetime,
    idle_expires_at: datetime,
    asked: _RefreshRequest,
) -> TokenPair:
    scope = granted_scope(settings, session.user, asked.scope, session.scopes, asked.request)
    return issue_for_session(
        settings,
        session,
        generation=generation,
        refreshed_at=refreshed_at,
        idle_expires_at=idle_expires_at,
        scope=scope,
        request=asked.request,
        now=asked.now,
    )


def _session_of(settings: Settings, claims: RefreshClaims, asked: _RefreshRequest) -> Session:
    session = store.find(claims.session_id)
    if session is None or session.revoked_at is not None:
        _refuse(TokenErrorCode.REVOKED)
    # In whole seconds, as the tokens count: the last one would be too short for a token.
    if int(session.idle_expires_at.timestamp()) <= int(asked.now.timestamp()):
        _refuse(TokenErrorCode.EXPIRED)
    _check_client(settings, session.client_id, asked)
    if (fault := why_refused(session, claims.subject, settings.user_id_field)) is not None:
        _refuse(fault)
    return session


def _check_client(settings: Settings, owner: str, asked: _RefreshRequest) -> None:
    check_owner(settings, owner, asked.client_id)
    if asked.client_id and asked.client_id != owner:
        _refuse(TokenErrorCode.CLAIMS)


def _end_reused(session: Session, asked: _RefreshRequest) -> None:
    """Committed here, before the error leaves."""
    if store.revoke(session, RevokedReason.REUSED, now=asked.now):
        logger.warning(
            "refresh token of session %s of user %s reused: session revoked",
            session.pk,
            session.user_id,
        )
        signals.announce(signals.refresh_token_reused, session, session.user, asked.request)
        signals.announce(signals.session_revoked, session, session.user, asked.request)


def _refresh_stateless(
    settings: Settings, claims: RefreshClaims, asked: _RefreshRequest
) -> TokenPair:
    start = claims.sign_in
    if start is None:
        _refuse(TokenErrorCode.CLAIMS)
    _check_client(settings, start.client_id, asked)
    end = start.auth_time + int(settings.session_lifetime.total_seconds())
    if end <= int(asked.now.timestamp()):
        _refuse(TokenErrorCode.EXPIRED)
    user = get_by_subject(claims.subject, settings.user_id_field)
    if user is None or not user.is_active:
        _refuse(TokenErrorCode.USER)
    pair = issue_stateless(
        settings,
        user,
        session_id=claims.session_id,
        generation=claims.generation + 1,
        sign_in=start,
        scope=granted_scope(settings, user, asked.scope, start.scope, asked.request),
        request=asked.request,
        now=asked.now,
    )
    signals.announce(signals.refreshed, None, user, asked.request)
    return pair


def _refuse(code: TokenErrorCode) -> NoReturn:
    logger.info("refresh refused: %s", code)
    raise InvalidGrant from None
