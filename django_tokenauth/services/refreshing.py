"""Refresh: exchange a refresh token for a new pair of tokens (RFC 9700 section 4.14.2).

Each rotation increases the generation of the session. If the refresh token is valid and its session
is active, the generation in the token decides the result of the refresh:

* For the current generation, rotate the session.
* For the previous generation within ``REFRESH_GRACE`` of the rotation, return the current refresh
  token again, with a new access token. Two tabs that refresh at the same time get the same refresh
  token.
* For the previous generation after the grace period, rotate again if ``REFRESH_RETRY`` is true: the
  client may never have received the current refresh token. A second retry in a row revokes the
  session, and so does a later request with the refresh token that the retry replaced.
* In all other cases of an earlier generation, revoke the session: the refresh token or its
  successor may have been stolen.
* For a generation up to ``MAX_GENERATIONS_AHEAD`` ahead, rotate: a database failover may have lost
  rotations. Further ahead, reject the token without revoking the session: an attacker who forged
  the token must not sign the user out.

The grace period applies only to the client that rotated: the same user agent in the same network.
"""

from __future__ import annotations

import logging
from collections.abc import Collection
from dataclasses import replace
from datetime import datetime, timedelta

from django.db import Error as DatabaseError
from django.http import HttpRequest
from django.views.decorators.debug import sensitive_variables

from .. import signals
from ..errors import InvalidGrant, ServiceUnavailable, TokenErrorCode
from ..models import RevokedReason, Session
from ..sessions import store
from ..sessions.callers import Caller
from ..sessions.database import database_errors_as_unavailable
from ..sessions.log_ids import log_id
from ..sessions.store import LastSeen, SessionState
from ..sessions.users import (
    get_by_subject,
    renewed_auth_hash,
    why_actor_refused,
    why_refused,
)
from .impersonation_policy import is_permitted
from .issuing import OnIssued, TokenPair, absolute_lifetime
from .narrowing import narrow
from .refresh_requests import (
    SESSION_ENDED,
    STEP_UP_COLUMNS,
    RefreshRequest,
    StepUp,
    check_client,
    read_request,
    reject,
)

logger = logging.getLogger("django_tokenauth")

#: Maximum number of generations that a refresh token may be ahead of its session.
MAX_GENERATIONS_AHEAD = 100

# Maximum number of attempts of a refresh if concurrent requests change the session.
_ATTEMPTS = 3
# If a rotation takes longer than ``_SLOW_ROTATION``, the refresh restarts the grace period.
_SLOW_ROTATION = timedelta(seconds=1)


@sensitive_variables()
def refresh(
    refresh_token: str,
    *,
    scope: Collection[str] | None = None,
    audience: str | None = None,
    client_id: str = "",
    user_agent: str = "",
    ip: str | None = None,
    request: HttpRequest | None = None,
    on_issued: OnIssued = None,
    now: datetime | None = None,
) -> TokenPair:
    """Return an access token and a refresh token for *refresh_token*.

    A rotation takes two statements, and more on a slow database or with concurrent requests.

    *scope*, a collection of scope names, narrows the scope of the access token (RFC 6749 section
    6); ``None`` keeps the scope of the session. *audience* is the audience of the access token, one
    of those of the session (RFC 8707); ``None`` means the audience of the sign-in. *client_id*, if
    given, must be the client of the sign-in. If ``CLIENTS`` lists *client_id*, the caller must have
    authenticated this client. *user_agent* and *ip* describe the device as in
    :func:`~django_tokenauth.services.sign_in`. The grace period applies only if the user agent and
    the network of *ip* are unchanged. *request* (of Django or REST framework) is passed to hooks
    and signals. *on_issued* is called with the pair before the rotation is stored, so
    *refresh_token* stays valid if it raises an error. A slow or repeated rotation calls *on_issued*
    again. *now* defaults to the current time.

    Do not call ``refresh()`` inside ``atomic()``: a reused token revokes the session and raises an
    error, and the rollback would undo the revocation.

    Raises :class:`InvalidGrant`, :class:`InvalidScope`, :class:`InvalidTarget` and
    :class:`ServiceUnavailable`. Raises :class:`InvalidClient` if the client of the session has a
    secret and *client_id* has none. Raises :class:`InvalidClient` also if the client of the session
    is no longer in ``CLIENTS``. Raises ``TypeError`` if *scope* is a single string, and
    ``ValueError`` if *ip* is not an address.
    """
    return continue_session(
        read_request(
            refresh_token,
            scope=scope,
            audience=audience,
            client_id=client_id,
            user_agent=user_agent,
            ip=ip,
            request=request,
            on_issued=on_issued,
            now=now,
        )
    )


@sensitive_variables()
def continue_session(refresh_request: RefreshRequest) -> TokenPair:
    """Return the tokens of a refresh or a step-up. Raises the errors of :func:`refresh`."""
    if refresh_request.settings.stateless_refresh:
        return _refresh_stateless(refresh_request)
    return _refresh_session(refresh_request)


def _refresh_session(refresh_request: RefreshRequest) -> TokenPair:
    previous_generation = None
    for _attempt in range(_ATTEMPTS):
        session = _find_session(refresh_request)
        # If another request rotated the session while this request waited, accept the previous
        # refresh token even after the grace period.
        overtaken = previous_generation not in (None, session.generation)
        previous_generation = session.generation
        pair = _try_refresh(refresh_request, session, overtaken=overtaken)
        if pair is not None:
            return pair
    raise ServiceUnavailable


def _find_session(refresh_request: RefreshRequest) -> Session:
    """Return the session of the token, or reject the token. One statement."""
    claims, settings = refresh_request.claims, refresh_request.settings
    find = store.find if claims.actor is None else store.find_with_actor
    with database_errors_as_unavailable():
        session = find(claims.session_id)
    if session is None or session.revoked_at is not None:
        reject(TokenErrorCode.REVOKED)
    if refresh_request.step_up is not None:
        refresh_request.step_up.check(session.user, session.actor)
    if settings.is_revoked_by_not_before(session.created_at.timestamp()):
        reject(TokenErrorCode.REVOKED)
    # Token times are whole seconds: a token issued in the last second of its session would expire
    # immediately.
    if int(session.idle_expires_at.timestamp()) <= int(refresh_request.now.timestamp()):
        reject(TokenErrorCode.EXPIRED)
    check_client(refresh_request, session.client_id, authenticated=session.client_authenticated)
    reason = why_refused(session, claims.subject, settings.user_id_field) or why_actor_refused(
        session, claims.actor, settings.user_id_field
    )
    if reason is not None:
        reject(reason)
    return session


def _try_refresh(
    refresh_request: RefreshRequest, session: Session, *, overtaken: bool
) -> TokenPair | None:
    """Refresh *session* once.

    Return ``None`` if a concurrent request changed *session* during this refresh.
    """
    settings, presented = refresh_request.settings, refresh_request.claims.generation
    # A refresh token is newer than its session if a database failover lost the last rotation. The
    # next rotation starts from the generation of the refresh token.
    ahead = presented - session.generation
    if ahead > MAX_GENERATIONS_AHEAD:
        logger.warning(
            "refresh token is %d generations ahead of session %s of user %s: an attacker knows its "
            "key, or an old database was restored",
            ahead,
            log_id(session.pk),
            session.user_id,
        )
        reject(TokenErrorCode.GENERATION)
    if ahead >= 0:
        return _rotate(refresh_request, session, presented + 1)
    # After a retry, the previous refresh token is two generations back: the client never received
    # the refresh token in between.
    if presented == session.generation - (2 if session.retried else 1):
        # Add the leeway, because another server with a different clock may have set refreshed_at.
        age = refresh_request.now - session.refreshed_at
        in_time = overtaken or age <= settings.refresh_grace + settings.leeway
        # An attacker with a stolen token rarely has the same network and the same user agent.
        if in_time and refresh_request.caller.resembles(Caller.last_of(session)):
            if refresh_request.step_up is not None:
                return _step_up_without_rotation(refresh_request, session, refresh_request.step_up)
            return _issue(refresh_request, session, SessionState.of(session))
        # With two retries in a row, an attacker and the user could refresh alternately without
        # being detected.
        if settings.refresh_retry and not session.retried:
            return _rotate(refresh_request, session, session.generation + 1, retried=True)
    _revoke_reused(refresh_request, session)
    raise InvalidGrant(SESSION_ENDED)


def _rotate(
    refresh_request: RefreshRequest, session: Session, generation: int, *, retried: bool = False
) -> TokenPair | None:
    # The grace period starts when the session is written, even after a slow read.
    now = refresh_request.clock()
    if int(session.idle_expires_at.timestamp()) <= int(now.timestamp()):
        reject(TokenErrorCode.EXPIRED)
    refresh_request = replace(refresh_request, now=now)
    lifetime = session.idle_lifetime or refresh_request.settings.refresh_token_lifetime
    idle_expires_at = now + lifetime
    state = SessionState(
        generation=generation,
        refreshed_at=now,
        idle_expires_at=min(idle_expires_at, session.absolute_expires_at),
    )
    changed: tuple[str, ...] = ()
    if refresh_request.step_up is not None:
        refresh_request.step_up.apply(session, now)
        changed = STEP_UP_COLUMNS
    # Tokens are signed before the rotation: if signing fails, the old token stays valid.
    pair = _issue(refresh_request, session, state)
    # Write the auth hash with the current SECRET_KEY, so that the session survives the removal of
    # an old key from SECRET_KEY_FALLBACKS.
    caller, before = refresh_request.caller, Caller.last_of(session)
    with database_errors_as_unavailable():
        rotated = store.rotate(
            session,
            state,
            seen=LastSeen(
                last_ip=caller.ip,
                last_user_agent=caller.user_agent,
                client_authenticated=session.client_authenticated
                or session.client_id in refresh_request.settings.clients,
            ),
            auth_hash=renewed_auth_hash(session.user, session.auth_hash),
            retried=retried,
            changed=changed,
        )
    if not rotated:
        return None
    pair = _restart_grace(refresh_request, session) or pair
    if retried:
        logger.info(
            "session %s: the previous refresh token was accepted after the grace period",
            log_id(session.pk),
        )
    signals.refreshed.send_for(session, session.user, refresh_request.request)
    if caller.has_changed_network(before):
        signals.network_changed.send_for(
            session, session.user, refresh_request.request, previous_ip=before.ip
        )
    return pair


def _step_up_without_rotation(
    refresh_request: RefreshRequest, session: Session, step_up: StepUp
) -> TokenPair:
    """Store *step_up* and return the current refresh token again, as a refresh within the grace
    period does: other tabs of the client have the current refresh token.

    Raises :class:`ServiceUnavailable` if a concurrent request changed *session*. Another attempt
    with the same token would count as reuse.
    """
    now, state = refresh_request.clock(), SessionState.of(session)
    step_up.apply(session, now)
    pair = _issue(replace(refresh_request, now=now), session, state)
    with database_errors_as_unavailable():
        stored = store.rotate(
            session,
            state,
            auth_hash=session.auth_hash,
            retried=session.retried,
            changed=STEP_UP_COLUMNS,
        )
    if not stored:
        raise ServiceUnavailable
    return pair


def _restart_grace(refresh_request: RefreshRequest, session: Session) -> TokenPair | None:
    """Restart the grace period if the rotation waited for the database, and return new tokens.

    Without the restart, the grace period could be over before the client receives the response.
    After a fast rotation, return ``None`` without a statement.
    """
    now = refresh_request.clock()
    if now - session.refreshed_at <= _SLOW_ROTATION:
        return None
    state = SessionState.of(session)._replace(refreshed_at=now)
    try:
        if store.rotate(session, state, auth_hash=session.auth_hash, retried=session.retried):
            return _issue(replace(refresh_request, now=now), session, state)
    except DatabaseError as error:
        # The rotation is stored, so the tokens of the rotation are valid.
        logger.warning(
            "the grace period of a slow refresh was not extended (%s)",
            type(error).__name__,
            exc_info=error,
        )
    except Exception as error:
        # A hook of the project failed for the new tokens, although the hook succeeded for the
        # tokens of the rotation.
        logger.exception("new tokens of a slow refresh were not issued (%s)", type(error).__name__)
    return None


def _issue(refresh_request: RefreshRequest, session: Session, state: SessionState) -> TokenPair:
    settings, request, actor = refresh_request.settings, refresh_request.request, session.actor
    if actor is not None and not is_permitted(settings, actor, session.user, request):
        reject(TokenErrorCode.USER)
    scope, audience = narrow(
        settings,
        refresh_request.requested,
        session,
        session.user,
        session.scopes,
        session.audiences.split(),
        request,
    )
    return refresh_request.issuer.issue_for_session(session, state, scope, audience)


def _revoke_reused(refresh_request: RefreshRequest, session: Session) -> None:
    """Revoke *session* because of a reused refresh token, before the caller raises an error."""
    with database_errors_as_unavailable():
        revoked = store.revoke(session, RevokedReason.REUSED, now=refresh_request.clock())
    if revoked:
        logger.warning(
            "refresh token of session %s of user %s reused: session revoked",
            log_id(session.pk),
            session.user_id,
        )
        for signal in (signals.refresh_token_reused, signals.session_revoked):
            signal.send_for(session, session.user, refresh_request.request)


def _refresh_stateless(refresh_request: RefreshRequest) -> TokenPair:
    claims, settings = refresh_request.claims, refresh_request.settings
    sign_in = claims.sign_in
    if sign_in is None:
        reject(TokenErrorCode.CLAIMS)
    if settings.is_revoked_by_not_before(sign_in.auth_time):
        reject(TokenErrorCode.REVOKED)
    check_client(refresh_request, sign_in.client_id, authenticated=sign_in.client_authenticated)
    if sign_in.client_id in settings.clients:
        sign_in = replace(sign_in, client_authenticated=True)
    absolute_expiry = sign_in.auth_time + absolute_lifetime(settings, sign_in)
    if absolute_expiry <= int(refresh_request.now.timestamp()):
        reject(TokenErrorCode.EXPIRED)
    with database_errors_as_unavailable():
        user = get_by_subject(claims.subject, settings.user_id_field)
    if user is None or not user.is_active:
        reject(TokenErrorCode.USER)
    if refresh_request.step_up is not None:
        refresh_request.step_up.check(user, claims.actor)
        now = int(refresh_request.now.timestamp())
        # The absolute expiry does not change.
        sign_in = replace(
            sign_in,
            auth_time=now,
            amr=refresh_request.step_up.amr,
            absolute_lifetime=absolute_expiry - now,
        )
    scope, audience = narrow(
        settings,
        refresh_request.requested,
        None,
        user,
        sign_in.scope,
        sign_in.audiences,
        refresh_request.request,
    )
    pair = refresh_request.issuer.issue_stateless(
        user,
        sign_in,
        scope,
        audience,
        session_id=claims.session_id,
        generation=claims.generation + 1,
    )
    signals.refreshed.send_for(None, user, refresh_request.request)
    return pair
