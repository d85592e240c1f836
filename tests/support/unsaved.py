"""A user and valid tokens that are in no database, for tests that make no statement."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from django.contrib.auth.models import User
from django.utils import timezone

from django_tokenauth.conf.settings import load
from django_tokenauth.models import Session
from django_tokenauth.services.issuing import TokenIssuer, TokenPair
from django_tokenauth.sessions.store import SessionState, new_id


def unsaved_alice() -> User:
    return User(pk=1, username="alice")


def issue_tokens(
    client_id: str = "", *, scope: Collection[str] = (), now: datetime | None = None
) -> TokenPair:
    """Return the tokens of a session of alice that starts at *now* and is not stored."""
    settings, now = load(), now or timezone.now()
    absolute_expires_at = now + settings.session_lifetime
    session = Session(
        id=new_id(now),
        user=unsaved_alice(),
        created_at=now,
        refreshed_at=now,
        idle_expires_at=min(now + settings.refresh_token_lifetime, absolute_expires_at),
        absolute_expires_at=absolute_expires_at,
        client_id=client_id or settings.issuer,
        client_authenticated=client_id in settings.clients,
        scope=" ".join(sorted(scope)),
    )
    issuer = TokenIssuer(settings=settings, request=None, now=now)
    return issuer.issue_for_session(session, SessionState.of(session), frozenset(scope))
