"""Bind tokens to the tenant: a token of one tenant is rejected at another tenant."""

from __future__ import annotations

from contextlib import suppress

from django.views.decorators.debug import sensitive_variables

from ..conf.per_request import for_audience
from ..conf.settings import Settings
from ..errors import InvalidToken, TokenErrorCode
from ..sessions.tenants import is_of_other_tenant, tenant_label
from ..tokens.access import access_tokens
from ..tokens.claims import Claims, RefreshClaims
from ..tokens.refresh import refresh_tokens


def label_for(settings: Settings) -> str | None:
    """Return the ``tokenauth_tenant`` claim of new tokens, or ``None``.

    If ``ISSUER`` or ``AUDIENCE`` is a function, its results distinguish the tenants, so the claim
    is not necessary: the project decides which tenants accept the same tokens.
    """
    return None if settings.by_request else tenant_label()


def check_tenant(settings: Settings, label: str) -> None:
    """Reject a token whose ``tokenauth_tenant`` claim is *label* at another tenant.

    Raises :class:`InvalidToken` with the code ``AUDIENCE``.
    """
    if not settings.by_request and is_of_other_tenant(label):
        raise InvalidToken(TokenErrorCode.AUDIENCE)


@sensitive_variables()
def decode_access_token(settings: Settings, token: object, *, now: float) -> Claims:
    """Verify *token* for the current tenant and return its claims. Raises :class:`InvalidToken`.

    The token may be for ``AUDIENCE`` or an audience in ``AUDIENCES``.
    """
    try:
        claims = access_tokens(settings).decode(token, now=now)
    except InvalidToken as error:
        if error.code != TokenErrorCode.AUDIENCE:
            raise
        claims = _decode_for_other_service(settings, token, now=now)
    if claims.tenant is not None:
        check_tenant(settings, claims.tenant)
    return claims


@sensitive_variables()
def _decode_for_other_service(settings: Settings, token: object, *, now: float) -> Claims:
    for audience in settings.audiences:
        with suppress(InvalidToken):
            return access_tokens(for_audience(settings, audience)).decode(token, now=now)
    raise InvalidToken(TokenErrorCode.AUDIENCE)


@sensitive_variables()
def decode_refresh_token(settings: Settings, token: object, *, now: float) -> RefreshClaims:
    """Verify *token* for the current tenant and return its claims. Raises :class:`InvalidToken`."""
    claims = refresh_tokens(settings).decode(token, now=now)
    if claims.tenant is not None:
        check_tenant(settings, claims.tenant)
    return claims
