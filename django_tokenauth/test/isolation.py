"""Isolation of tests: throttles that start empty, and a snapshot that is read again."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from uuid import uuid4

from django.conf import settings as django_settings
from django.test import override_settings

from ..conf.settings import load
from ..http.counters import Counters
from ..services import list_sessions
from ..sessions.revocations import revoked_sessions


@contextmanager
def empty_throttles() -> Iterator[None]:
    """Count failed sign-ins and wrong client secrets from zero in the ``with`` block.

    Also usable as a decorator. The counters of the block have names of their own in
    ``THROTTLE_CACHE``, so other entries of the cache stay, and parallel test processes with one
    cache do not throttle each other. All threads of the process use the new counters, also those of
    a live server. A server in another process does not.
    """
    former = Counters.namespace
    Counters.namespace = f"{uuid4().hex}."
    try:
        yield
    finally:
        Counters.namespace = former


def forget_revoked_sessions() -> None:
    """Drop this process's snapshot of revoked sessions. The next stateless request reads it again.

    Without this call, :class:`~django_tokenauth.authentication.StatelessJWTAuthentication` accepts
    the tokens of a session that was revoked over HTTP, for up to ``REVOCATION_POLL_INTERVAL``.
    """
    revoked_sessions.cache_clear()


@contextmanager
def without_eviction(user: Any) -> Iterator[None]:
    """Evict no session of *user* in the ``with`` block, so that the clients stay signed in."""
    settings = load()
    limit = settings.max_sessions_per_user
    if settings.stateless_refresh or limit is None or list_sessions(user).count() < limit:
        yield
        return
    unlimited = {**getattr(django_settings, "TOKENAUTH", {}), "MAX_SESSIONS_PER_USER": None}
    with override_settings(TOKENAUTH=unlimited):
        yield


@contextmanager
def isolated() -> Iterator[None]:
    """Separate a test from earlier tests: empty throttles, and a snapshot of its own."""
    forget_revoked_sessions()
    with empty_throttles():
        yield
