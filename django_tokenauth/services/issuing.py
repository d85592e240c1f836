"""Issue the tokens of a sign-in or a refresh: lifetimes, scope and extra claims.

This module queries the database only through the hooks ``SCOPE_POLICY`` and ``EXTRA_CLAIMS``.
"""

from __future__ import annotations

import logging
import uuid
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from django.core.exceptions import ImproperlyConfigured
from django.http import HttpRequest

from ..conf.settings import Settings, UnusableSettings, load
from ..errors import InvalidScope
from ..sessions.store import SessionState
from ..sessions.users import get_subject
from ..tokens.access import access_tokens
from ..tokens.claims import REGISTERED, Claims, RefreshClaims, SignIn
from ..tokens.refresh import refresh_tokens
from .arguments import as_collection, as_strings
from .audiences import scopes_of
from .contexts import context_of
from .hooks import call_hook
from .tenants import label_for

if TYPE_CHECKING:
    from ..models import Session

logger = logging.getLogger("django_tokenauth")


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenPair:
    """The tokens of a sign-in or a refresh, with the granted scope.

    ``expires_in`` and ``refresh_token_expires_in`` are the lifetimes of the tokens in seconds.
    ``audience`` is the audience of the access token.
    ``session`` is the stored session, or ``None`` with ``STATELESS_REFRESH``.
    """

    access_token: str = field(repr=False)
    refresh_token: str = field(repr=False)
    expires_in: int
    refresh_token_expires_in: int
    scope: frozenset[str]
    audience: str
    user: Any
    session: Session | None

    def to_response(self) -> dict[str, str | int]:
        """Return the members of the token response (RFC 6749 section 5.1), ready for JSON.

        ``refresh_token_expires_in`` is not a member of RFC 6749.
        """
        members: dict[str, str | int] = {
            "access_token": self.access_token,
            "refresh_token": self.refresh_token,
            "token_type": "Bearer",
            "expires_in": self.expires_in,
            "refresh_token_expires_in": self.refresh_token_expires_in,
        }
        if self.scope:
            members["scope"] = " ".join(sorted(self.scope))
        return members


#: A function that receives the pair before the session is stored or rotated, or ``None``.
OnIssued = Callable[[TokenPair], object] | None


def check_scope(scope: Collection[str] | None) -> None:
    """Reject *scope*, the requested scope names, if one of them is not in ``SCOPES``.

    Call ``check_scope()`` before you check a password or another secret. An error for an unknown
    scope after the password check would tell an attacker that the password is correct, without
    creating a session.

    Raises :class:`InvalidScope`, and ``TypeError`` if *scope* is a single string or an iterator.
    """
    if scope is not None and not set(as_collection("scope", scope)).issubset(load().scopes):
        raise InvalidScope


def granted_scope(
    settings: Settings,
    user: Any,
    requested: Collection[str] | None,
    allowed: Collection[str],
    request: HttpRequest | None,
    audiences: Iterable[str] | None = None,
) -> frozenset[str]:
    """Return the scope to grant: *requested*, or *allowed* if *requested* is ``None``.

    ``SCOPES``, ``SCOPE_POLICY`` and the scopes of *audiences*, by default ``AUDIENCE``, can narrow
    the granted scope. ``SCOPE_POLICY`` is not called if *user* is ``None``. Raises
    :class:`InvalidScope` if *requested* exceeds *allowed*, or if *requested* contains names and
    none is granted. Raises ``ImproperlyConfigured`` if ``SCOPE_POLICY`` does not return a
    collection of names.
    """
    if requested is not None and not set(requested) <= set(allowed):
        raise InvalidScope
    candidates = frozenset(allowed if requested is None else requested)
    candidates = candidates.intersection(settings.scopes)
    if settings.audiences:
        candidates &= scopes_of(settings, audiences or (settings.audience,))
    granted = candidates
    if settings.scope_policy is not None and user is not None:
        policy = settings.scope_policy(user, candidates, request)
        try:
            granted = candidates.intersection(as_strings("scopes", policy))
        except TypeError:
            raise ImproperlyConfigured(
                "SCOPE_POLICY must return a collection of scope names, not "
                f"{type(policy).__name__}."
            ) from None
    if requested and not granted:
        raise InvalidScope
    return granted


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenIssuer:
    """Issues the tokens of one sign-in or refresh, at the time ``now``.

    Each issued pair is passed to ``on_issued``.
    """

    settings: Settings
    request: HttpRequest | None
    now: datetime
    on_issued: OnIssued = None

    def issue_for_session(
        self,
        session: Session,
        state: SessionState,
        scope: frozenset[str],
        audience: str | None = None,
    ) -> TokenPair:
        """Return the tokens of *session* in *state*, with an access token for *scope*.

        The access token is for *audience*, by default ``AUDIENCE``.

        Two calls with the same *session*, *state* and settings return the same refresh token.
        """
        refresh = self._refresh_claims(
            session.user, session.pk, state.generation, state.refreshed_at, state.idle_expires_at
        )
        if session.actor is not None:
            actor = get_subject(session.actor, self.settings.user_id_field)
            refresh = replace(refresh, actor=actor)
        sign_in = SignIn(
            auth_time=int(session.auth_time.timestamp()),
            client_id=session.client_id,
            scope=session.scopes,
            amr=session.methods,
            access_lifetime=as_seconds(session.access_lifetime),
            data=session.data,
        )
        return self._issue(session.user, session, refresh, sign_in, scope, audience)

    def issue_stateless(
        self,
        user: Any,
        sign_in: SignIn,
        scope: frozenset[str],
        audience: str | None = None,
        *,
        session_id: uuid.UUID | str,
        generation: int,
    ) -> TokenPair:
        """Return the tokens of a sign-in or a refresh without a stored session.

        The refresh token contains the data of *sign_in*, because no row stores the data.
        """
        absolute_expiry = sign_in.auth_time + absolute_lifetime(self.settings, sign_in)
        idle_expires_at = self.now + self.settings.refresh_token_lifetime
        if sign_in.idle_lifetime is not None:
            idle_expires_at = self.now + timedelta(seconds=sign_in.idle_lifetime)
        refresh = self._refresh_claims(user, session_id, generation, self.now, idle_expires_at)
        refresh = replace(
            refresh, expires_at=min(refresh.expires_at, absolute_expiry), sign_in=sign_in
        )
        return self._issue(user, None, refresh, sign_in, scope, audience)

    def _refresh_claims(
        self,
        user: Any,
        session_id: uuid.UUID | str,
        generation: int,
        issued_at: datetime,
        expires_at: datetime,
    ) -> RefreshClaims:
        return RefreshClaims(
            issuer=self.settings.issuer,
            subject=get_subject(user, self.settings.user_id_field),
            session_id=str(session_id),
            generation=generation,
            issued_at=int(issued_at.timestamp()),
            expires_at=int(expires_at.timestamp()),
            tenant=label_for(self.settings),
        )

    def _issue(
        self,
        user: Any,
        session: Session | None,
        refresh: RefreshClaims,
        sign_in: SignIn,
        scope: frozenset[str],
        audience: str | None,
    ) -> TokenPair:
        audience = audience or self.settings.audience
        issued_at = int(self.now.timestamp())
        lifetime = int(self.settings.access_token_lifetime.total_seconds())
        if sign_in.access_lifetime is not None:
            # Readers reject a longer access token.
            longest = int(self.settings.max_access_token_lifetime.total_seconds())
            lifetime = min(sign_in.access_lifetime, longest)
        # An access token expires no later than its refresh token and its session.
        expires_at = min(issued_at + lifetime, refresh.expires_at)
        claims = Claims(
            issuer=self.settings.issuer,
            audience=(audience,),
            subject=refresh.subject,
            client_id=sign_in.client_id,
            issued_at=issued_at,
            expires_at=expires_at,
            jwt_id=uuid.uuid4().hex,
            session_id=None if session is None else refresh.session_id,
            scope=scope,
            auth_time=sign_in.auth_time,
            amr=sign_in.amr,
            actor=refresh.actor,
            acr=context_of(self.settings, sign_in.amr),
            extra=self.extra_claims(user, session, data=sign_in.data, audience=audience),
            tenant=refresh.tenant,
        )
        pair = TokenPair(
            access_token=sign_access_token(self.settings, claims),
            refresh_token=refresh_tokens(self.settings).encode(refresh),
            expires_in=expires_at - issued_at,
            refresh_token_expires_in=refresh.expires_at - issued_at,
            scope=scope,
            audience=audience,
            user=user,
            session=session,
        )
        if self.on_issued is not None:
            self.on_issued(pair)
        return pair

    def extra_claims(self, user: Any, session: Session | None, **optional: Any) -> dict[str, Any]:
        """Return the claims of the hook ``EXTRA_CLAIMS``. Raises ``ImproperlyConfigured``."""
        if self.settings.extra_claims is None:
            return {}
        extra = call_hook(self.settings, "extra_claims", user, session, self.request, **optional)
        if not isinstance(extra, dict) or not all(isinstance(name, str) for name in extra):
            raise ImproperlyConfigured("EXTRA_CLAIMS must return a dict whose keys are strings.")
        if reserved := REGISTERED.intersection(extra):
            names = ", ".join(sorted(reserved))
            raise ImproperlyConfigured(f"EXTRA_CLAIMS must not set the reserved claims {names}.")
        return extra


def sign_access_token(settings: Settings, claims: Claims) -> str:
    """Return the access token with *claims*.

    Raises ``UnusableSettings`` without a key that signs. Raises and logs ``ImproperlyConfigured``
    if the server would reject the token.
    """
    try:
        return access_tokens(settings).encode(claims)
    except UnusableSettings:
        raise
    except ImproperlyConfigured as error:
        logger.critical("%s", error)
        raise


def absolute_lifetime(settings: Settings, sign_in: SignIn) -> int:
    """Return the seconds after *sign_in* in which its stateless refresh tokens may expire."""
    if sign_in.absolute_lifetime is None:
        return int(settings.session_lifetime.total_seconds())
    return min(sign_in.absolute_lifetime, int(settings.max_session_lifetime.total_seconds()))


def as_seconds(lifetime: timedelta | None) -> int | None:
    """Return *lifetime* in whole seconds, or ``None``."""
    return None if lifetime is None else int(lifetime.total_seconds())
