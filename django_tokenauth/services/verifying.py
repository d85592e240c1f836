"""Verify: check an access token, and find its user, session and scope."""

from __future__ import annotations

import time
from datetime import datetime
from typing import Any, TypeVar

from django.http import HttpRequest
from django.views.decorators.debug import sensitive_variables

from .. import _log
from ..conf.per_request import for_audience, settings_of
from ..conf.settings import Settings, load
from ..errors import InvalidToken, TokenErrorCode
from ..models import Session
from ..sessions import store
from ..sessions.database import database_errors_as_unavailable
from ..sessions.revocations import revoked_sessions
from ..sessions.users import get_by_subject, why_actor_refused, why_refused
from ..tokens.access import access_tokens
from ..tokens.claim_values import CLIENT_CREDENTIALS
from ..tokens.claims import APITokenClaims, Claims
from ..tokens.users import TokenUser
from . import api_tokens
from .arguments import current_time, django_request
from .audiences import check_audience, scopes_of
from .clients import may_exchange
from .issuing import granted_scope
from .service_accounts import get_client_user
from .tenants import check_tenant

_S = TypeVar("_S", Session, store.SessionStatus)

#: The scope that an access token needs to call the introspection endpoint.
INTROSPECTION_SCOPE = "introspect"


@sensitive_variables()
def authenticate_access_token(
    token: object,
    *,
    request: HttpRequest | None = None,
    audience: str | None = None,
    now: datetime | None = None,
) -> Claims:
    """Return the claims of *token*, an access token in compact form. No statement.

    *audience* is the audience that the token must have: ``AUDIENCE`` (by default) or a name in
    ``AUDIENCES``. *request* (of Django or REST framework) is passed to ``ISSUER`` and ``AUDIENCE``
    if they are functions. *now* defaults to the current time. This function does not check whether
    the session was revoked: call :func:`get_user` or :func:`is_revoked` for that check.

    Raises :class:`InvalidToken`, and :class:`InvalidTarget` for an unknown *audience*.
    """
    settings = load()
    if settings.by_request:
        settings = settings_of(settings, request)
    if audience is not None:
        check_audience(settings, audience)
        settings = for_audience(settings, audience)
    claims = access_tokens(settings).decode(token, now=_timestamp(now))
    if claims.tenant is not None:
        check_tenant(settings, claims.tenant)
    return claims


@sensitive_variables()
def authenticate_token(
    token: object,
    *,
    request: HttpRequest | None = None,
    audience: str | None = None,
    now: datetime | None = None,
) -> Claims:
    """Return the claims of *token*, an access token or an API token.

    For an access token, this function is :func:`authenticate_access_token`. For an API token
    (``django_tokenauth.api_tokens``), it executes one statement, and none if the token has a typing
    error. Without the app, API tokens are rejected.

    Raises :class:`InvalidToken`, :class:`InvalidTarget` for an unknown *audience*, and
    :class:`ServiceUnavailable` for an API token.
    """
    reader = api_tokens.reader_of(token)
    if reader is None:
        return authenticate_access_token(token, request=request, audience=audience, now=now)
    if audience is not None:
        check_audience(settings_of(load(), request), audience)
    return reader.authenticate(str(token), request=request, audience=audience, now=now)


def get_user(claims: Claims) -> Any:
    """Return the user of *claims*, if the session of *claims* was not revoked. One statement.

    For the claims of an API token, the first call executes no statement: the query for the token
    has read the user. For those of a service account, the user is a
    :class:`~django_tokenauth.authentication.TokenUser`, and only an entry in ``CLIENTS`` that names
    a user requires a statement.

    Raises :class:`InvalidToken` with the code ``REVOKED`` or ``USER``, and
    :class:`ServiceUnavailable` on a database outage.
    """
    if isinstance(claims, APITokenClaims):
        return api_tokens.reader().get_user(claims)
    settings = load()
    if claims.grant == CLIENT_CREDENTIALS:
        return get_client_user(settings, claims)
    if claims.acting_clients:
        _check_acting_clients(settings, claims)
    with database_errors_as_unavailable():
        if settings.stateless_refresh:
            user = get_by_subject(claims.subject, settings.user_id_field)
            if user is None or not user.is_active:
                raise InvalidToken(TokenErrorCode.USER)
            return user
        find = store.find_status if claims.actor is None else _find_with_actor
        session: Any = claims.session_id and find(claims.session_id)
    return _checked(session or None, claims, settings.user_id_field).user


def _check_acting_clients(settings: Settings, claims: Claims) -> None:
    """Reject an exchanged token if one of its clients may no longer exchange tokens."""
    if not all(may_exchange(settings, client_id) for client_id in claims.acting_clients):
        raise InvalidToken(TokenErrorCode.REVOKED)


def get_session(claims: Claims) -> Session:
    """Return the session of *claims* with its user and its actor. One statement.

    *claims* have a session id. Raises the errors of :func:`get_user`.
    """
    settings, session_id = load(), claims.session_id or ""
    _check_acting_clients(settings, claims)
    find = store.find if claims.actor is None else store.find_with_actor
    with database_errors_as_unavailable():
        session = find(session_id)
    return _checked(session, claims, settings.user_id_field)


def _checked(session: _S | None, claims: Claims, id_field: str) -> _S:
    """Return *session*, or reject *claims* if it was revoked or its user has changed."""
    if session is None or session.revoked_at is not None:
        raise InvalidToken(TokenErrorCode.REVOKED)
    reason = why_refused(session, claims.subject, id_field)
    if isinstance(session, Session):
        reason = reason or why_actor_refused(session, claims.actor, id_field)
    if reason is not None:
        raise InvalidToken(reason)
    return session


def _find_with_actor(session_id: str) -> Session | None:
    return store.find_with_actor(session_id, from_primary=False)


def is_revoked(claims: Claims, *, now: datetime | None = None) -> bool:
    """Return whether the session of *claims* is in this process's snapshot of revoked sessions.

    A snapshot older than ``REVOCATION_POLL_INTERVAL`` is read again, with one statement. *now*
    defaults to the current time. Raises :class:`InvalidToken` with the code ``API_TOKEN`` for the
    claims of an API token, which has no session.
    """
    snapshot = revoked_sessions(load())
    if claims.session_id is None:
        _reject_api_token(claims)
    if snapshot is None or claims.session_id is None:
        return False
    # Requests of other tenants may drop the snapshot of this tenant between the two calls.
    snapshot = snapshot.current()
    snapshot.refresh(_timestamp(now))
    return claims.session_id in snapshot


def full_scope(claims: Claims, *, request: HttpRequest | None = None) -> frozenset[str]:
    """Return the scope that a token of the session of *claims* needs for full rights.

    One statement.

    * For a session with the full scope of its user, return the part of the session's scope that
      ``SCOPE_POLICY`` still grants.
    * For a session with a narrower scope, return every scope that ``SCOPE_POLICY`` grants the user.
    * With ``STATELESS_REFRESH``, return every scope that ``SCOPE_POLICY`` grants the user.
    * For other *claims* without a session, return an empty scope.
    * For a session that is not found, return all of ``SCOPES``.

    If ``AUDIENCES`` contains the audience of *claims*, return only scopes of this audience.

    *request* (of Django or REST framework) is passed to ``SCOPE_POLICY``.

    Raises :class:`ServiceUnavailable`. Raises :class:`InvalidToken` with the code ``API_TOKEN`` for
    the claims of an API token, and ``USER`` for those of a service account or an exchanged token:
    they never have full rights.
    """
    _reject_api_token(claims)
    if claims.grant is not None:
        raise InvalidToken(TokenErrorCode.USER)
    settings = load()
    if settings.stateless_refresh:
        # The token does not tell whether its sign-in requested a narrower scope.
        user = None if settings.scope_policy is None else get_user(claims)
        return granted_scope(
            settings, user, None, settings.scopes, django_request(request), claims.audience
        )
    if claims.session_id is None:
        return frozenset()
    with database_errors_as_unavailable():
        session = store.find(claims.session_id, from_primary=False)
    if session is None:
        # A replica may not have the session yet, so require every scope.
        return scopes_of(settings, claims.audience)
    allowed = settings.scopes if session.scope_limited else session.scopes
    return granted_scope(
        settings, session.user, None, allowed, django_request(request), claims.audience
    )


def _reject_api_token(claims: Claims) -> None:
    if isinstance(claims, APITokenClaims):
        raise InvalidToken(TokenErrorCode.API_TOKEN)


@sensitive_variables()
def introspect(
    token: object,
    *,
    request: HttpRequest | None = None,
    audience: str | None = None,
    now: datetime | None = None,
) -> dict[str, Any]:
    """Return the members of the introspection response for *token* (RFC 7662 section 2.2).

    Execute at most one statement, and none for a token with an invalid signature or invalid claims.
    For an invalid token, the response is ``{"active": False}`` without a reason. For a refresh
    token, the response is ``{"active": False}`` too, because clients must not send refresh tokens
    to resource servers. *audience* is the audience of the resource server: ``AUDIENCE`` (by
    default) or a name in ``AUDIENCES``. A token for another audience is not active. *request* (of
    Django or REST framework) is passed to ``ISSUER`` and ``AUDIENCE`` if they are functions. *now*
    defaults to the current time.

    Raises :class:`ServiceUnavailable`, and :class:`InvalidTarget` for an unknown *audience*.
    """
    try:
        claims = authenticate_token(token, request=request, audience=audience, now=now)
        user = get_user(claims)
    except InvalidToken as error:
        _log.access_token_rejected(error.code)
        return {"active": False}
    own = {"active": True, "token_type": "Bearer"}
    # A service account may have no resource owner, whose name the username is.
    if not isinstance(user, TokenUser):
        # The username field may hold a number, for example. RFC 7662 section 2.2 shows a string.
        own["username"] = str(user.get_username())
    # The first copy of ``own`` puts its members before the claims. The last copy prevents claims
    # from replacing the members of ``own``.
    return {**own, **claims.to_payload(), **own}


def _timestamp(now: datetime | None) -> float:
    return time.time() if now is None else current_time(now).timestamp()
