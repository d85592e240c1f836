"""Verify access tokens: who a token stands for, and whether its session is alive."""

from __future__ import annotations

import logging
from typing import Any

from django.http import HttpRequest
from django.views.decorators.debug import sensitive_variables

from ..conf.settings import load
from ..errors import InvalidToken, TokenErrorCode
from ..sessions import store
from ..sessions.database import database_errors_as_unavailable
from ..sessions.revocations import revoked_sessions
from ..sessions.users import get_by_subject, why_refused
from ..tokens.access import access_tokens
from ..tokens.claims import Claims
from .issuing import granted_scope


@sensitive_variables()
def authenticate_access_token(token: object, *, now: float) -> Claims:
    """The claims of an access token that is good at ``now`` (seconds since the epoch).

    No statement; whether the session was revoked meanwhile is what :func:`get_user` and
    :func:`is_revoked` answer. Raises :class:`InvalidToken`.
    """
    return access_tokens(load()).decode(token, now=now)


def get_user(claims: Claims) -> Any:
    """The user that ``claims`` stand for, if their session is alive. One statement.

    Raises :class:`InvalidToken` (revoked, user), :class:`ServiceUnavailable`.
    """
    settings = load()
    with database_errors_as_unavailable():
        if settings.stateless_refresh:
            user = get_by_subject(claims.subject, settings.user_id_field)
            if user is None or not user.is_active:
                raise InvalidToken(TokenErrorCode.USER)
            return user
        session = claims.session_id and store.find_status(claims.session_id)
    if not session or session.revoked_at is not None:
        raise InvalidToken(TokenErrorCode.REVOKED)
    fault = why_refused(session, claims.subject, settings.user_id_field)
    if fault is not None:
        raise InvalidToken(fault)
    return session.user


def full_scope(claims: Claims, *, request: HttpRequest | None = None) -> frozenset[str]:
    """What a token has that was not handed out with less than its user may have. One statement.

    That is all of the scope of the session of ``claims``, as far as the policy goes today; for a
    session that was limited from the start, all that the user may have. Empty where no session is
    kept; all of ``SCOPES`` where it is not found. Raises :class:`ServiceUnavailable`.
    """
    settings = load()
    if settings.stateless_refresh or claims.session_id is None:
        return frozenset()
    with database_errors_as_unavailable():
        session = store.find(claims.session_id, from_primary=False)
    if session is None:
        # A replica may not have it yet, and then nobody knows how limited it is.
        return frozenset(settings.scopes)
    limit = settings.scopes if session.scope_limited else session.scopes
    return granted_scope(settings, session.user, None, limit, request)


def is_revoked(claims: Claims, *, now: float) -> bool:
    """Whether the snapshot of this process has the session of ``claims`` as revoked.

    A statement at most every ``REVOCATION_POLL_INTERVAL``; ``now`` is in seconds since the epoch.
    """
    snapshot = revoked_sessions(load())
    if snapshot is None or claims.session_id is None:
        return False
    snapshot.renew(now)
    return claims.session_id in snapshot


logger = logging.getLogger("django_tokenauth")

#: The scope of an access token that lets its bearer ask.
INTROSPECTION_SCOPE = "introspect"


@sensitive_variables()
def introspect(token: object, *, now: float) -> dict[str, Any]:
    """The members of the answer about ``token`` at ``now`` (seconds since the epoch).

    One statement for an access token that is good so far, none otherwise. A token that is not good
    here and now is not active, and nothing is said beyond that (RFC 7662 section 2.2); so is a
    refresh token, which no resource server may be shown. Raises :class:`ServiceUnavailable`.
    """
    try:
        claims = authenticate_access_token(token, now=now)
        user = get_user(claims)
    except InvalidToken as error:
        logger.info("access token refused: %s", error.code)
        return {"active": False}
    # The name of a user may be a number in the database, and is a text here.
    username = str(user.get_username())
    own = {"active": True, "token_type": "Bearer", "username": username}
    # First for who reads it, and again over the claims, some of which are the project's.
    return {**own, **claims.to_payload(), **own}
