"""Authenticate requests by API tokens."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from django.http import HttpRequest
from django.views.decorators.debug import sensitive_variables

from ..conf.per_request import load_for
from ..conf.settings import Settings, load
from ..errors import InvalidToken, TokenErrorCode
from ..services.arguments import current_time, django_request
from ..services.issuing import granted_scope
from ..sessions.database import database_errors_as_unavailable
from ..sessions.users import get_subject, has_auth_hash
from ..tokens.claims import APITokenClaims
from . import formats, last_use, store
from .store import APITokenStatus


class Reader:
    """The :class:`~django_tokenauth.services.api_tokens.APITokenReader` of this app."""

    def matches(self, token: object) -> bool:
        return formats.has_prefix(token, load().api_token_prefix)

    @sensitive_variables()
    def authenticate(
        self,
        token: str,
        *,
        request: HttpRequest | None = None,
        audience: str | None = None,
        now: datetime | None = None,
    ) -> APITokenClaims:
        """Return the claims of *token*. One statement, and those of ``SCOPE_POLICY``.

        *audience* is the audience that the token must have, by default ``AUDIENCE``. The scope is
        the part of the token's scope that the user may have now. Without a query, reject a token
        with a typing error. Raises :class:`InvalidToken` and :class:`ServiceUnavailable`.
        """
        settings, now = load_for(request), current_time(now)
        if not formats.is_complete(token, settings.api_token_prefix):
            raise InvalidToken(TokenErrorCode.MALFORMED)
        digest, expected = formats.digest(token), audience or settings.audience
        with database_errors_as_unavailable():
            status = _find(settings, digest, settings.issuer, settings.audience, now)
            if (status.resource or settings.audience) != expected:
                raise InvalidToken(TokenErrorCode.AUDIENCE)
            scope = granted_scope(
                settings,
                status.user,
                None,
                status.scope.split(),
                django_request(request),
                (expected,),
            )
        claims = APITokenClaims(
            issuer=settings.issuer,
            audience=(expected,),
            subject=get_subject(status.user, settings.user_id_field),
            # As for a sign-in without a client.
            client_id=settings.issuer,
            issued_at=int(status.created_at.timestamp()),
            expires_at=int(_expiry(status, digest).timestamp()),
            jwt_id=str(status.id),
            scope=scope,
        )
        claims._user, claims._digest = status.user, digest
        last_use.record(status.id, status.last_used_at, now)
        return claims

    def get_user(self, claims: APITokenClaims) -> Any:
        """Return the user that :meth:`authenticate` has read, or else read the user again.

        Raises :class:`InvalidToken` and :class:`ServiceUnavailable`.
        """
        user, claims._user = claims._user, None
        if user is not None:
            return user
        with database_errors_as_unavailable():
            # authenticate() has checked the audience, which never changes.
            status = _find(load(), claims._digest, claims.issuer, None, current_time(None))
        return status.user

    def count_ended(self, before: datetime) -> int:
        return store.ended(before).count()

    def prune_all(self, before: datetime, size: int) -> Iterator[int]:
        return store.prune_all(before, size)


def _expiry(status: APITokenStatus, digest: str) -> datetime:
    """Return the end of the token with *digest*, which may be the old token of a rotation."""
    if digest == status.digest:
        return status.expires_at
    return min(status.expires_at, status.previous_expires_at or status.created_at)


def _find(
    settings: Settings, digest: str, issuer: str, audience: str | None, now: datetime
) -> APITokenStatus:
    """Return the valid API token with *digest*. One statement.

    If ``ISSUER`` or ``AUDIENCE`` is a function, the token must be of the tenant with *issuer* and,
    unless it is ``None``, *audience*. Raises :class:`InvalidToken`.
    """
    status = store.find_status(digest)
    if status is None or status.revoked_at is not None:
        raise InvalidToken(TokenErrorCode.REVOKED)
    if settings.by_request or status.issuer:
        if status.issuer != issuer:
            raise InvalidToken(TokenErrorCode.ISSUER)
        if audience not in (None, status.audience):
            raise InvalidToken(TokenErrorCode.AUDIENCE)
    if _expiry(status, digest) <= now:
        raise InvalidToken(TokenErrorCode.EXPIRED)
    if settings.is_revoked_by_not_before(status.created_at.timestamp()):
        raise InvalidToken(TokenErrorCode.REVOKED)
    if not status.user.is_active:
        raise InvalidToken(TokenErrorCode.USER)
    if status.auth_hash and not has_auth_hash(status.user, status.auth_hash):
        raise InvalidToken(TokenErrorCode.REVOKED)
    return status
