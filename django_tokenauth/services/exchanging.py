"""Make a narrower access token from an access token: in process, or by token exchange (RFC 8693).

The new token never outlives its parent, has no more scopes, and ends with the session of its
parent.
"""

from __future__ import annotations

import logging
import uuid
from collections.abc import Collection, Mapping
from datetime import datetime, timedelta
from typing import Any

from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from django.views.decorators.debug import sensitive_variables

from ..conf.per_request import load_for
from ..conf.settings import Settings
from ..errors import (
    InvalidRequest,
    InvalidScope,
    InvalidTarget,
    InvalidToken,
    TokenErrorCode,
    UnauthorizedClient,
)
from ..models import Session
from ..tokens.claim_values import CLIENT_CREDENTIALS, MAX_ACTING_CLIENTS, TOKEN_EXCHANGE
from ..tokens.claims import REGISTERED, APITokenClaims, Claims
from . import api_tokens
from .arguments import as_strings, current_time, django_request
from .audiences import audiences_of, check_audience, scopes_of
from .issuing import TokenIssuer, check_scope, granted_scope, sign_access_token
from .service_accounts import IssuedToken
from .tenants import decode_access_token
from .verifying import get_session, get_user

logger = logging.getLogger("django_tokenauth")

_INVALID_SUBJECT = _("The subject token is not valid.")


def narrow(
    claims: Claims,
    *,
    scope: Collection[str] | None = None,
    audience: str | None = None,
    lifetime: timedelta | None = None,
    extra: Mapping[str, Any] | None = None,
    request: HttpRequest | None = None,
    now: datetime | None = None,
) -> IssuedToken:
    """Return a narrower access token of the session of *claims*, the claims of an access token.

    *scope*, a collection of scope names, is the scope of the new token; ``None`` keeps the scope of
    *claims*. *audience* is ``AUDIENCE`` or a name in ``AUDIENCES``; ``None`` keeps the audience.
    Only scopes of the audience remain. *lifetime* is at most the rest of the lifetime of *claims*,
    and by default ``ACCESS_TOKEN_LIFETIME``. *extra* contains further claims, such as the name of
    one file. No statement. *request* (of Django or REST framework) is passed to ``ISSUER`` and
    ``AUDIENCE`` if they are functions. *now* defaults to the current time.

    A view that requires no scope accepts each token for its audience. Give the new token an
    audience, or a scope that only the views for such tokens require, and check *extra* there.

    Raises :class:`InvalidScope` if *scope* exceeds the scope of *claims* or the audience,
    :class:`InvalidTarget` for an unknown *audience*, and :class:`InvalidToken` if *claims* have
    expired or are those of an API token. Raises ``ValueError`` without *scope* and *audience*, for
    an empty *scope*, for a *lifetime* below one second, and if *extra* contains a registered claim.
    """
    if scope is None and audience is None:
        raise ValueError("narrow() needs a scope or an audience.")
    if isinstance(claims, APITokenClaims):
        raise InvalidToken(TokenErrorCode.API_TOKEN)
    extra = _checked_extra(extra or {})
    names = claims.scope if scope is None else frozenset(as_strings("scope", scope))
    if scope is not None and not names:
        raise ValueError("scope must contain a name. Views that require no scope accept any token.")
    settings = load_for(request)
    if audience is None:
        [audience, *_rest] = claims.audience
    check_audience(settings, audience)
    if not names <= claims.scope:
        raise InvalidScope
    names = names if not settings.audiences else names & scopes_of(settings, (audience,))
    if scope is not None and not names:
        raise InvalidScope
    child = claims._replace(
        audience=(audience,),
        scope=names,
        extra={**claims.extra, **extra},
        grant=claims.grant or TOKEN_EXCHANGE,
    )
    return _issue(settings, claims, child, lifetime, now)


@sensitive_variables()
def exchange_token(
    subject_token: str,
    *,
    client_id: str,
    scope: Collection[str] | None = None,
    audience: str | None = None,
    request: HttpRequest | None = None,
    now: datetime | None = None,
) -> IssuedToken:
    """Return an access token with which the client *client_id* calls another service for the user.

    *subject_token* is an access token of this server for the service of *client_id*, which is
    authenticated already. ``CLIENTS`` permits the client the exchange for *audience*; ``None``
    means the only permitted audience. *scope*, a collection of scope names, narrows the scope;
    ``None`` requests the scopes of *subject_token* that the audience has. The claim ``act`` names
    the client. One statement, and those of the hooks ``SCOPE_POLICY`` and ``EXTRA_CLAIMS``.
    *request* (of Django or REST framework) is passed to hooks. *now* defaults to the current time.

    Raises :class:`UnauthorizedClient` if ``CLIENTS`` permits the client no exchange,
    :class:`InvalidRequest` for an invalid *subject_token*, :class:`InvalidTarget`,
    :class:`InvalidScope` and :class:`ServiceUnavailable`, and ``TypeError`` if *scope* is a single
    string.
    """
    requested = None if scope is None else as_strings("scope", scope)
    check_scope(requested)
    settings, moment = load_for(request), current_time(now)
    client = settings.clients.get(client_id)
    if client is None or not client.exchange:
        logger.info("exchange rejected: CLIENTS permits the client no exchange")
        raise UnauthorizedClient
    try:
        claims = _subject(settings, subject_token, moment)
        session = None if claims.session_id is None else get_session(claims)
        user = get_user(claims) if session is None else session.user
    except InvalidToken as error:
        logger.info("exchange rejected: %s", error.code)
        raise InvalidRequest(_INVALID_SUBJECT) from None
    audience = _choose_audience(settings, client.exchange, claims, session, audience)
    granted = granted_scope(
        settings, user, requested, claims.scope, django_request(request), (audience,)
    )
    issuer = TokenIssuer(settings=settings, request=django_request(request), now=moment)
    data = None if session is None else session.data
    child = claims._replace(
        audience=(audience,),
        client_id=client_id,
        scope=granted,
        extra=issuer.extra_claims(user, session, data=data, audience=audience),
        grant=TOKEN_EXCHANGE,
        acting_clients=(client_id, *claims.acting_clients),
    )
    return _issue(settings, claims, child, None, moment)


@sensitive_variables()
def _subject(settings: Settings, token: str, now: datetime) -> Claims:
    if api_tokens.reader_of(token) is not None:
        raise InvalidToken(TokenErrorCode.API_TOKEN)
    claims = decode_access_token(settings, token, now=now.timestamp())
    # A service account gets its own token for another audience.
    if claims.grant == CLIENT_CREDENTIALS:
        raise InvalidToken(TokenErrorCode.USER)
    if len(claims.acting_clients) >= MAX_ACTING_CLIENTS:
        raise InvalidToken(TokenErrorCode.CLAIMS)
    return claims


def _choose_audience(
    settings: Settings,
    exchange: Mapping[str, tuple[str, ...]],
    claims: Claims,
    session: Session | None,
    requested: str | None,
) -> str:
    """Return the audience of the new token. Raises :class:`InvalidTarget`."""
    [source, *others] = claims.audience
    permitted = exchange.get(source, ())
    audience = permitted[0] if requested is None and len(permitted) == 1 else requested
    if others or audience is None or audience not in permitted:
        raise InvalidTarget
    check_audience(settings, audience)
    # The sign-in may have narrowed the audiences of the session.
    if session is not None and audience not in audiences_of(settings, session.audiences.split()):
        raise InvalidTarget
    return audience


def _issue(
    settings: Settings,
    parent: Claims,
    child: Claims,
    lifetime: timedelta | None,
    now: datetime | None,
) -> IssuedToken:
    issued_at = int(current_time(now).timestamp())
    seconds = int((lifetime or settings.access_token_lifetime).total_seconds())
    if seconds < 1:
        raise ValueError("lifetime must be at least one second.")
    expires_at = min(issued_at + seconds, parent.expires_at)
    if expires_at <= issued_at:
        raise InvalidToken(TokenErrorCode.EXPIRED)
    child = child._replace(
        issued_at=issued_at, expires_at=expires_at, not_before=None, jwt_id=uuid.uuid4().hex
    )
    return IssuedToken(
        access_token=sign_access_token(settings, child),
        expires_in=expires_at - issued_at,
        scope=child.scope,
        audience=child.audience[0],
    )


def _checked_extra(extra: Mapping[str, Any]) -> Mapping[str, Any]:
    if reserved := REGISTERED.intersection(extra):
        raise ValueError(f"extra must not set the reserved claims {', '.join(sorted(reserved))}.")
    return extra
