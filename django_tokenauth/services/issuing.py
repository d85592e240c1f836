"""Which tokens a sign-in or a refresh hands out: lifetimes, scope and extra claims. Pure but for
the two hooks of the settings."""

from __future__ import annotations

import uuid
from collections.abc import Collection
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

from django.core.exceptions import ImproperlyConfigured
from django.http import HttpRequest

from ..conf.settings import Settings
from ..errors import InvalidScope
from ..sessions.users import subject_of
from ..tokens.access import access_tokens
from ..tokens.claims import REGISTERED, Claims, RefreshClaims, SignIn
from ..tokens.jws import MAX_LENGTH
from ..tokens.refresh import refresh_tokens

if TYPE_CHECKING:
    from ..models import Session


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenPair:
    """What a sign-in and a refresh give. ``expires_in`` is in seconds.

    ``session`` is ``None`` with ``STATELESS_REFRESH``.
    """

    access_token: str = field(repr=False)
    refresh_token: str = field(repr=False)
    expires_in: int
    scope: frozenset[str]
    user: Any
    session: Session | None

    def to_response(self) -> dict[str, str | int]:
        """The answer of the token endpoint, as RFC 6749 section 5.1 names it."""
        members: dict[str, str | int] = {
            "access_token": self.access_token,
            "refresh_token": self.refresh_token,
            "token_type": "Bearer",
            "expires_in": self.expires_in,
        }
        if self.scope:
            members["scope"] = " ".join(sorted(self.scope))
        return members


def granted_scope(
    settings: Settings,
    user: Any,
    asked: Collection[str] | None,
    limit: Collection[str],
    request: HttpRequest | None,
) -> frozenset[str]:
    """The scope to give: what was asked for, or else all of ``limit``, as far as the policy goes.

    Raises :class:`InvalidScope` if more is asked for than ``limit``, or nothing of it is given.
    """
    if asked is not None and not set(asked) <= set(limit):
        raise InvalidScope
    wanted = frozenset(limit if asked is None else asked).intersection(settings.scopes)
    given = wanted
    if settings.scope_policy is not None:
        given = wanted.intersection(settings.scope_policy(user, wanted, request))
    if asked and not given:
        raise InvalidScope
    return given


def issue_for_session(
    settings: Settings,
    session: Session,
    *,
    generation: int,
    refreshed_at: datetime,
    idle_expires_at: datetime,
    scope: frozenset[str],
    request: HttpRequest | None,
    now: datetime,
) -> TokenPair:
    """The tokens of a session in its state of ``generation``, with an access token of ``scope``.

    The refresh token follows from the session and these arguments alone: asked again, it is the
    same to the letter.
    """
    refresh = _refresh_claims(
        settings, session.user, session.pk, generation, refreshed_at, idle_expires_at
    )
    start = SignIn(
        auth_time=int(session.created_at.timestamp()),
        client_id=session.client_id,
        scope=session.scopes,
        amr=session.methods,
    )
    return _issue(settings, session.user, session, refresh, start, scope, request, now)


def issue_stateless(
    settings: Settings,
    user: Any,
    *,
    session_id: str,
    generation: int,
    sign_in: SignIn,
    scope: frozenset[str],
    request: HttpRequest | None,
    now: datetime,
) -> TokenPair:
    """The tokens of a sign-in of which no row is kept: the refresh token carries it instead."""
    end = sign_in.auth_time + int(settings.session_lifetime.total_seconds())
    idle_end = int((now + settings.refresh_token_lifetime).timestamp())
    refresh = replace(
        _refresh_claims(settings, user, session_id, generation, now, now),
        expires_at=min(idle_end, end),
        sign_in=sign_in,
    )
    return _issue(settings, user, None, refresh, sign_in, scope, request, now)


def _refresh_claims(
    settings: Settings,
    user: Any,
    session_id: object,
    generation: int,
    issued_at: datetime,
    expires_at: datetime,
) -> RefreshClaims:
    return RefreshClaims(
        issuer=settings.issuer,
        subject=subject_of(user, settings.user_id_field),
        session_id=str(session_id),
        generation=generation,
        issued_at=int(issued_at.timestamp()),
        expires_at=int(expires_at.timestamp()),
    )


def _issue(
    settings: Settings,
    user: Any,
    session: Session | None,
    refresh: RefreshClaims,
    start: SignIn,
    scope: frozenset[str],
    request: HttpRequest | None,
    now: datetime,
) -> TokenPair:
    issued_at = int(now.timestamp())
    lifetime = int(settings.access_token_lifetime.total_seconds())
    # Never beyond the refresh token, and so never beyond the session.
    expires_at = min(issued_at + lifetime, refresh.expires_at)
    claims = Claims(
        issuer=settings.issuer,
        audience=(settings.audience,),
        subject=refresh.subject,
        client_id=start.client_id,
        issued_at=issued_at,
        expires_at=expires_at,
        jwt_id=uuid.uuid4().hex,
        session_id=None if session is None else refresh.session_id,
        scope=scope,
        auth_time=start.auth_time,
        amr=start.amr,
        extra=_extra_claims(settings, user, session, request),
    )
    return TokenPair(
        access_token=_sendable(access_tokens(settings).encode, claims),
        refresh_token=refresh_tokens(settings).encode(refresh),
        expires_in=expires_at - issued_at,
        scope=scope,
        user=user,
        session=session,
    )


def _extra_claims(
    settings: Settings, user: Any, session: Session | None, request: HttpRequest | None
) -> dict[str, Any]:
    if settings.extra_claims is None:
        return {}
    extra = settings.extra_claims(user, session, request)
    if not isinstance(extra, dict) or not all(isinstance(name, str) for name in extra):
        raise ImproperlyConfigured("EXTRA_CLAIMS must return a dict with texts as its keys.")
    if taken := REGISTERED.intersection(extra):
        raise ImproperlyConfigured(f"EXTRA_CLAIMS cannot set {', '.join(sorted(taken))}.")
    return extra


def _sendable(encode: Any, claims: Claims) -> str:
    try:
        token: str = encode(claims)
    except (TypeError, ValueError, RecursionError):
        raise ImproperlyConfigured("EXTRA_CLAIMS returned what JSON cannot say.") from None
    if len(token) > MAX_LENGTH:
        raise ImproperlyConfigured(f"EXTRA_CLAIMS makes tokens of more than {MAX_LENGTH} bytes.")
    return token
