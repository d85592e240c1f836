"""Session rows, stored without a sign-in."""

from __future__ import annotations

from django_tokenauth.models import Session
from django_tokenauth.sessions import store as sessions
from tests.support.clock import NOW, after


def create_session(user, **fields):
    """Store and return a session with these fields."""
    session = Session(
        **{
            "user": user,
            "created_at": NOW,
            "refreshed_at": NOW,
            "idle_expires_at": after(days=14),
            "absolute_expires_at": after(days=90),
            "auth_hash": "hash",
            "client_id": "django-tokenauth",
            **fields,
        }
    )
    sessions.add(session)
    return session
