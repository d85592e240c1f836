"""Service accounts: access tokens for clients themselves (RFC 6749 section 4.4).

A client in ``CLIENTS`` with ``scopes`` is a service account. Its access token has no session and no
refresh token. The token ends with its lifetime, or as soon as ``CLIENTS`` no longer has the service
account.
"""

from __future__ import annotations

import logging
import uuid
from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.contrib.auth import get_user_model
from django.http import HttpRequest

from ..conf.clients import Client
from ..conf.per_request import load_for
from ..conf.settings import Settings
from ..errors import InvalidTarget, InvalidToken, TokenErrorCode, UnauthorizedClient
from ..sessions.database import database_errors_as_unavailable
from ..sessions.users import get_subject
from ..tokens.claim_values import CLIENT_CREDENTIALS
from ..tokens.claims import Claims
from ..tokens.users import TokenUser
from .arguments import as_strings, current_time, django_request
from .audiences import check_audience
from .issuing import check_scope, granted_scope, sign_access_token
from .tenants import label_for

logger = logging.getLogger("django_tokenauth")


@dataclass(frozen=True, slots=True, kw_only=True)
class IssuedToken:
    """An access token without a refresh token, with the granted scope.

    ``expires_in`` is the lifetime in seconds. ``audience`` is the audience of the access token.
    """

    access_token: str = field(repr=False)
    expires_in: int
    scope: frozenset[str]
    audience: str

    def to_response(self) -> dict[str, str | int]:
        """Return the members of the token response (RFC 6749 section 5.1), ready for JSON."""
        members: dict[str, str | int] = {
            "access_token": self.access_token,
            "token_type": "Bearer",
            "expires_in": self.expires_in,
        }
        if self.scope:
            members["scope"] = " ".join(sorted(self.scope))
        return members


def issue_client_token(
    client_id: str,
    *,
    scope: Collection[str] | None = None,
    audience: str | None = None,
    request: HttpRequest | None = None,
    now: datetime | None = None,
) -> IssuedToken:
    """Return an access token for the service account *client_id*, which is authenticated already.

    *scope*, a collection of scope names, narrows the scopes of its entry in ``CLIENTS``; ``None``
    requests them all. *audience* is one of the audiences of the entry; ``None`` means the first
    one. No statement, and one if the entry names a user. ``SCOPE_POLICY`` applies to this user. The
    hooks ``EXTRA_CLAIMS`` and ``LIFETIMES`` are not called. *request* (of Django or REST framework)
    is passed to ``SCOPE_POLICY``. *now* defaults to the current time.

    Raises :class:`UnauthorizedClient` if ``CLIENTS`` has no service account *client_id*, or if its
    user does not exist or is inactive. Raises :class:`InvalidScope`, :class:`InvalidTarget` and
    :class:`ServiceUnavailable`, and ``TypeError`` if *scope* is a single string.
    """
    scope = None if scope is None else as_strings("scope", scope)
    check_scope(scope)
    settings, issued_at = load_for(request), int(current_time(now).timestamp())
    client = _service_account(settings, client_id)
    if client is None:
        logger.info("service account rejected: CLIENTS gives the client no scopes")
        raise UnauthorizedClient
    audience = _choose_audience(settings, client, audience)
    user = None
    if client.user is not None:
        user = _find_user(client.user)
        if user is None:
            logger.error("service account rejected: its user in CLIENTS cannot sign in")
            raise UnauthorizedClient
    granted = granted_scope(
        settings, user, scope, client.scopes or (), django_request(request), (audience,)
    )
    lifetime = int(settings.access_token_lifetime.total_seconds())
    claims = Claims(
        issuer=settings.issuer,
        audience=(audience,),
        # RFC 9068 section 2.2: without a resource owner, the subject identifies the client.
        subject=client_id if user is None else get_subject(user, settings.user_id_field),
        client_id=client_id,
        issued_at=issued_at,
        expires_at=issued_at + lifetime,
        jwt_id=uuid.uuid4().hex,
        scope=granted,
        tenant=label_for(settings),
        grant=CLIENT_CREDENTIALS,
    )
    access_token = sign_access_token(settings, claims)
    logger.info("service account: an access token was issued to a client of CLIENTS")
    return IssuedToken(
        access_token=access_token, expires_in=lifetime, scope=granted, audience=audience
    )


def get_client_user(settings: Settings, claims: Claims) -> Any:
    """Return the user of *claims*, the claims of a service account's access token.

    The user is a :class:`TokenUser`, or the user that the entry in ``CLIENTS`` names. In the second
    case, this function executes one statement.

    Raises :class:`InvalidToken` with the code ``REVOKED`` if ``CLIENTS`` no longer has the service
    account, and ``USER`` if its user changed. Raises :class:`ServiceUnavailable`.
    """
    client = _service_account(settings, claims.client_id)
    if client is None:
        raise InvalidToken(TokenErrorCode.REVOKED)
    if client.user is None:
        if claims.subject != claims.client_id:
            raise InvalidToken(TokenErrorCode.USER)
        return TokenUser(claims)
    user = _find_user(client.user)
    if user is None or get_subject(user, settings.user_id_field) != claims.subject:
        raise InvalidToken(TokenErrorCode.USER)
    return user


def _service_account(settings: Settings, client_id: str) -> Client | None:
    client = settings.clients.get(client_id)
    if client is None or client.scopes is None:
        return None
    # Without a secret and a key, the client is disabled.
    return client if client.secrets or client.keys else None


def _choose_audience(settings: Settings, client: Client, requested: str | None) -> str:
    permitted = client.audiences or (settings.audience,)
    audience = permitted[0] if requested is None else requested
    if audience not in permitted:
        raise InvalidTarget
    check_audience(settings, audience)
    return audience


def _find_user(username: str) -> Any:
    """Return the active user with exactly this username, or ``None``. One statement."""
    model = get_user_model()
    with database_errors_as_unavailable():
        user = model._default_manager.filter(**{model.USERNAME_FIELD: username}).first()
    # The collation of the database may ignore case.
    found = user is not None and str(user.get_username()) == username and user.is_active
    return user if found else None
