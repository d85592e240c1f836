"""One refresh or step-up: the arguments of the caller, and the new sign-in of a step-up."""

from __future__ import annotations

import logging
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NoReturn

from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from django.views.decorators.debug import sensitive_variables

from ..conf.per_request import load_for
from ..conf.settings import Settings
from ..errors import InvalidGrant, InvalidToken, TokenErrorCode
from ..models import Session
from ..sessions.callers import Caller
from ..sessions.clock import Clock
from ..sessions.users import auth_hash, get_key, has_auth_hash
from ..tokens.claims import RefreshClaims
from .arguments import as_strings, check_ip, check_text, clock_of, django_request
from .audiences import check_audiences
from .clients import check_listed, check_owner
from .issuing import OnIssued, TokenIssuer, check_scope
from .narrowing import Requested
from .tenants import decode_refresh_token

logger = logging.getLogger("django_tokenauth")

#: The description of ``invalid_grant`` for a refresh and a step-up.
SESSION_ENDED = _("The session has ended. Sign in again.")
#: The columns that a step-up changes, in addition to those of a refresh.
STEP_UP_COLUMNS = ("amr", "authenticated_at")


@dataclass(frozen=True, slots=True)
class StepUp:
    """A new sign-in of ``user`` by the methods ``amr``, which continues an existing session."""

    user: Any
    amr: tuple[str, ...]

    def check(self, owner: Any, actor: Any) -> None:
        """Reject the refresh token unless its session belongs to the user of this sign-in.

        *owner* is the stored user of the session, or ``None``. *actor* is not ``None`` for a
        session in which a member of the staff acts as the owner: the owner did not start it.
        """
        if owner is None or actor is not None or get_key(owner) != get_key(self.user):
            reject(TokenErrorCode.USER)
        # The password may have changed after the caller checked it.
        if not has_auth_hash(owner, auth_hash(self.user)):
            reject(TokenErrorCode.USER)

    def apply(self, session: Session, now: datetime) -> None:
        """Set the ``STEP_UP_COLUMNS`` of *session*, without storing them."""
        session.amr, session.authenticated_at = " ".join(self.amr), now


@dataclass(frozen=True, slots=True, kw_only=True)
class RefreshRequest:
    """The arguments of a refresh or a step-up, the settings and the verified claims.

    ``step_up`` is the new sign-in of a step-up, or ``None`` for a refresh.
    """

    settings: Settings
    claims: RefreshClaims
    requested: Requested
    client_id: str
    caller: Caller
    request: HttpRequest | None
    now: datetime
    clock: Clock
    on_issued: OnIssued
    step_up: StepUp | None = None

    @property
    def issuer(self) -> TokenIssuer:
        return TokenIssuer(
            settings=self.settings, request=self.request, now=self.now, on_issued=self.on_issued
        )


@sensitive_variables()
def read_request(
    refresh_token: str,
    *,
    scope: Collection[str] | None,
    audience: str | None,
    client_id: str,
    user_agent: str,
    ip: str | None,
    request: HttpRequest | None,
    on_issued: OnIssued,
    now: datetime | None,
    step_up: StepUp | None = None,
) -> RefreshRequest:
    """Check the arguments of :func:`~django_tokenauth.services.refresh`, and verify the token.

    Raises the errors of ``refresh`` for invalid arguments and an invalid token.
    """
    scope = None if scope is None else as_strings("scope", scope)
    check_text("user_agent", user_agent)
    check_ip(ip)
    settings = load_for(request)
    # Check the names before the token. Otherwise, an attacker could send an unknown scope or
    # audience and learn whether a stolen token is valid, without rotating it.
    check_scope(scope)
    if audience is not None:
        check_audiences([audience], scope=scope, request=request)
    clock = clock_of(now)
    started_at = clock()
    try:
        claims = decode_refresh_token(settings, refresh_token, now=started_at.timestamp())
    except InvalidToken as error:
        reject(error.code)
    return RefreshRequest(
        settings=settings,
        claims=claims,
        requested=Requested(scope, audience),
        client_id=client_id,
        caller=Caller.of(ip, user_agent),
        request=django_request(request),
        now=started_at,
        clock=clock,
        on_issued=on_issued,
        step_up=step_up,
    )


def check_client(refresh_request: RefreshRequest, owner: str, *, authenticated: bool) -> None:
    """Reject the token if the request names a client other than *owner*.

    *owner* is the client of the sign-in. If *owner* has a secret, a request without a client is
    rejected too. A token of a client that is no longer in ``CLIENTS`` is rejected too.
    """
    client_id = refresh_request.client_id
    check_listed(refresh_request.settings, owner, authenticated=authenticated)
    try:
        check_owner(refresh_request.settings, owner, client_id)
    except InvalidGrant:
        raise InvalidGrant(SESSION_ENDED) from None
    if client_id and client_id != owner:
        reject(TokenErrorCode.CLAIMS)


def reject(code: TokenErrorCode) -> NoReturn:
    """Log the reason *code*, and raise :class:`InvalidGrant` without a reason."""
    logger.info("refresh rejected: %s", code)
    raise InvalidGrant(SESSION_ENDED) from None
