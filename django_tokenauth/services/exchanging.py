"""Make a narrower access token from an access token: in process, or by token exchange (RFC 8693).

The new token never outlives its parent, has only scopes of its parent, and ends with the session of
its parent.
"""

from __future__ import annotations

import logging
import uuid
from collections.abc import Collection, Mapping
from datetime import datetime, timedelta
from typing import Any

from django.core.exceptions import ImproperlyConfigured
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from django.views.decorators.debug import sensitive_variables

from ..conf.per_request import load_for
from ..conf.settings import Settings, UnusableSettings
from ..errors import (
    InvalidRequest,
    InvalidScope,
    InvalidTarget,
    InvalidToken,
    TokenErrorCode,
    UnauthorizedClient,
)
from ..models import Session
from ..sessions.log_ids import log_id
from ..tokens import jws
from ..tokens.access import access_tokens
from ..tokens.claim_values import (
    CLIENT_CREDENTIALS,
    MAX_ACTING_CLIENTS,
    NARROWED,
    TOKEN_EXCHANGE,
)
from ..tokens.claims import REGISTERED, APITokenClaims, Claims
from . import api_tokens
from .arguments import as_strings, current_time, django_request
from .audiences import audiences_of, check_audience, scopes_of
from .clients import may_exchange
from .issuing import TokenIssuer, check_scope, granted_scope, sign_access_token
from .service_accounts import IssuedToken
from .tenants import decode_access_token
from .verifying import get_session

logger = logging.getLogger("django_tokenauth")

_INVALID_SUBJECT = _("The subject token is not valid.")
_MAX_SUBJECT_TOKEN = jws.MAX_LENGTH - 1024


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
    one file. The claims of ``EXTRA_CLAIMS`` remain only if the audience does. No statement.
    *request* (of Django or REST framework) is passed to ``ISSUER`` and ``AUDIENCE`` if they are
    functions. *now* defaults to the current time.

    A view that requires no scope accepts each token for its audience. Give the new token an
    audience, or a scope that only the views for such tokens require, and check *extra* there. A
    token that was narrowed keeps its audience and its *extra* when it is narrowed again, and cannot
    be exchanged.

    Raises :class:`InvalidScope` if *scope* exceeds the scope of *claims* or the audience,
    :class:`InvalidTarget` for an unknown *audience*, and :class:`InvalidToken` if *claims* have
    expired or are those of an API token. Raises ``ValueError`` without *scope* and *audience*, for
    an empty *scope*, and for a *lifetime* below one second. Raises ``ValueError`` if *extra* has a
    registered claim, changes a value of an earlier *extra*, or has a value that no token can
    contain.
    """
    if scope is None and audience is None:
        raise ValueError("narrow() needs a scope or an audience.")
    if isinstance(claims, APITokenClaims):
        raise InvalidToken(TokenErrorCode.API_TOKEN)
    names = claims.scope if scope is None else frozenset(as_strings("scope", scope))
    if scope is not None and not names:
        raise ValueError("scope must contain a name. Views that require no scope accept any token.")
    settings = load_for(request)
    [own, *_others] = claims.audience
    audience = own if audience is None else audience
    check_audience(settings, audience)
    if claims.grant == NARROWED and audience != own:
        raise InvalidTarget
    if not names <= claims.scope:
        raise InvalidScope
    names = names if not settings.audiences else names & scopes_of(settings, (audience,))
    if scope is not None and not names:
        raise InvalidScope
    child = claims._replace(
        audience=(audience,),
        scope=names,
        extra=_with_extra(claims, extra or {}, keep=audience == own),
        grant=CLIENT_CREDENTIALS if claims.grant == CLIENT_CREDENTIALS else NARROWED,
    )
    child = _with_times(settings, claims, child, lifetime, now)
    try:
        token = access_tokens(settings).encode(child)
    except UnusableSettings:
        raise
    except ImproperlyConfigured:
        raise ValueError(
            "extra has values that JSON cannot represent, or makes the token too long."
        ) from None
    return _issued(token, child)


def _with_extra(claims: Claims, extra: Mapping[str, Any], *, keep: bool) -> dict[str, Any]:
    """Return the claims of *claims* that remain, with *extra*. Raises ``ValueError``."""
    if reserved := REGISTERED.intersection(extra):
        raise ValueError(f"extra must not set the reserved claims {', '.join(sorted(reserved))}.")
    kept = dict(claims.extra) if keep else {}
    if claims.grant == NARROWED and any(
        kept.get(name, extra[name]) != extra[name] for name in extra
    ):
        raise ValueError("extra must not change the claims of a token that was narrowed before.")
    return {**kept, **extra}


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

    *subject_token* is an access token of this server for the service of *client_id*. The caller has
    already authenticated this client. The token needs a stored session, so exchanges are not
    available with ``STATELESS_REFRESH``. ``CLIENTS`` must permit the exchange for *audience*;
    ``None`` means the only permitted audience. *scope*, a collection of scope names, narrows the
    scope; ``None`` requests the scopes of *subject_token* that the audience has. The claim ``act``
    names the client. One statement, and those of the hooks ``SCOPE_POLICY`` and ``EXTRA_CLAIMS``,
    which are called with the new audience. *request* (of Django or REST framework) is that of the
    client, and is passed to hooks. *now* defaults to the current time.

    Raises :class:`UnauthorizedClient` if ``CLIENTS`` permits the client no exchange,
    :class:`InvalidRequest` for an invalid *subject_token*, :class:`InvalidTarget`,
    :class:`InvalidScope` and :class:`ServiceUnavailable`, and ``TypeError`` if *scope* is a single
    string. Raises ``ImproperlyConfigured`` for invalid results of the hooks.
    """
    requested = None if scope is None else as_strings("scope", scope)
    check_scope(requested)
    settings, moment = load_for(request), current_time(now)
    if not may_exchange(settings, client_id):
        logger.info("exchange rejected: CLIENTS permits the client no exchange")
        raise UnauthorizedClient
    try:
        claims = _subject(settings, subject_token, moment)
        session = get_session(claims)
    except InvalidToken as error:
        logger.info("exchange rejected: %s", error.code)
        raise InvalidRequest(_INVALID_SUBJECT) from None
    permitted = settings.clients[client_id].exchange
    audience = _choose_audience(settings, permitted, claims, session, audience)
    plain = django_request(request)
    granted = granted_scope(settings, session.user, requested, claims.scope, plain, (audience,))
    issuer = TokenIssuer(settings=settings, request=plain, now=moment)
    child = claims._replace(
        audience=(audience,),
        client_id=client_id,
        scope=granted,
        extra=issuer.extra_claims(session.user, session, data=session.data, audience=audience),
        grant=TOKEN_EXCHANGE,
        acting_clients=(client_id, *claims.acting_clients),
    )
    child = _with_times(settings, claims, child, None, moment)
    token = sign_access_token(settings, child)
    logger.info("a client exchanged a token of session %s", log_id(session.pk))
    return _issued(token, child)


@sensitive_variables()
def _subject(settings: Settings, token: str, now: datetime) -> Claims:
    if api_tokens.reader_of(token) is not None:
        raise InvalidToken(TokenErrorCode.API_TOKEN)
    # The new token has a longer act claim.
    if len(token) > _MAX_SUBJECT_TOKEN:
        raise InvalidToken(TokenErrorCode.MALFORMED)
    claims = decode_access_token(settings, token, now=now.timestamp())
    # A service account gets its own token for another audience. A narrowed token, for example for
    # one file, would lose its restriction.
    if claims.grant in (CLIENT_CREDENTIALS, NARROWED):
        raise InvalidToken(TokenErrorCode.USER)
    if claims.session_id is None or len(claims.acting_clients) >= MAX_ACTING_CLIENTS:
        raise InvalidToken(TokenErrorCode.CLAIMS)
    # LEEWAY accepts the token longer, but the new token would have no time left.
    if claims.expires_at <= int(now.timestamp()):
        raise InvalidToken(TokenErrorCode.EXPIRED)
    return claims


def _choose_audience(
    settings: Settings,
    exchange: Mapping[str, tuple[str, ...]],
    claims: Claims,
    session: Session,
    requested: str | None,
) -> str:
    """Return the audience of the new token.

    Raises :class:`InvalidRequest` if *claims* are for another service than that of the client, and
    :class:`InvalidTarget`.
    """
    [source, *others] = claims.audience
    permitted = exchange.get(source)
    if others or permitted is None:
        # RFC 8693 section 2.2.2: the subject token is unacceptable.
        raise InvalidRequest(_("The subject token is for another service."))
    audience = permitted[0] if requested is None and len(permitted) == 1 else requested
    if audience is None or audience not in permitted:
        raise InvalidTarget
    check_audience(settings, audience)
    # The sign-in may have narrowed the audiences of the session.
    if audience not in audiences_of(settings, session.audiences.split()):
        raise InvalidTarget
    return audience


def _with_times(
    settings: Settings,
    parent: Claims,
    child: Claims,
    lifetime: timedelta | None,
    now: datetime | None,
) -> Claims:
    """Return *child* with a new id and times, of which none is after the expiry of *parent*."""
    issued_at = int(current_time(now).timestamp())
    lifetime = settings.access_token_lifetime if lifetime is None else lifetime
    if not isinstance(lifetime, timedelta):
        raise TypeError(f"lifetime must be a timedelta, not {type(lifetime).__name__}.")
    if lifetime < timedelta(seconds=1):
        raise ValueError("lifetime must be at least one second.")
    expires_at = min(issued_at + int(lifetime.total_seconds()), parent.expires_at)
    if expires_at <= issued_at:
        raise InvalidToken(TokenErrorCode.EXPIRED)
    return child._replace(
        issued_at=issued_at, expires_at=expires_at, not_before=None, jwt_id=uuid.uuid4().hex
    )


def _issued(token: str, claims: Claims) -> IssuedToken:
    return IssuedToken(
        access_token=token,
        expires_in=claims.expires_at - claims.issued_at,
        scope=claims.scope,
        audience=claims.audience[0],
    )
