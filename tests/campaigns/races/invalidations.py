"""Sessions for the races, created in bulk, and every event that invalidates a session."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.contrib.auth import get_user_model
from django.contrib.auth.hashers import make_password
from django.utils import timezone

from django_tokenauth.conf.settings import load
from django_tokenauth.models import RevokedReason, Session
from django_tokenauth.services.issuing import TokenIssuer
from django_tokenauth.sessions.store import SessionState
from django_tokenauth.sessions.users import auth_hash
from tests.campaigns.races.calls import Call, refreshing

#: The generation of each session: two refreshes after the sign-in.
GENERATION = 3


@dataclass(frozen=True)
class Target:
    """A session that was refreshed twice, with all its tokens."""

    username: str
    session: str
    refresh_tokens: tuple[str, ...]
    access_tokens: tuple[str, ...]

    @property
    def stolen(self) -> str:
        return self.refresh_tokens[0]

    @property
    def predecessor(self) -> str:
        """Return the previous token: valid within the grace period, or once with
        ``REFRESH_RETRY``."""
        return self.refresh_tokens[-2]

    @property
    def current(self) -> str:
        return self.refresh_tokens[-1]


def create_targets(
    number: int, prefix: str = "user", *, ago: timedelta = timedelta(0)
) -> list[Target]:
    """Create sessions of different users, refreshed ``ago``, with about six statements."""
    now = timezone.now() - ago
    users: Any = get_user_model().objects
    password = make_password("correct horse")
    users.bulk_create(
        users.model(username=f"{prefix} {count}", password=password) for count in range(number)
    )
    sessions = [_session(user, now) for user in users.filter(username__startswith=f"{prefix} ")]
    Session.objects.bulk_create(sessions)
    return [_target(session, now) for session in sessions]


def _session(user: Any, now: datetime) -> Session:
    return Session(
        user=user,
        generation=GENERATION,
        created_at=now,
        refreshed_at=now,
        idle_expires_at=now + timedelta(days=14),
        absolute_expires_at=now + timedelta(days=90),
        auth_hash=auth_hash(user),
        client_id="django-tokenauth",
        # As in the requests of the races.
        last_ip="127.0.0.1",
    )


def _target(session: Session, now: datetime) -> Target:
    issuer = TokenIssuer(settings=load(), request=None, now=now)
    state = SessionState.of(session)
    pairs = [
        issuer.issue_for_session(session, state._replace(generation=generation), frozenset())
        for generation in range(1, GENERATION + 1)
    ]
    return Target(
        username=session.user.get_username(),
        session=str(session.pk),
        refresh_tokens=tuple(pair.refresh_token for pair in pairs),
        access_tokens=tuple(pair.access_token for pair in pairs),
    )


@dataclass(frozen=True)
class Invalidation:
    """An event that invalidates a session: the call, its status, and the stored reason."""

    call: Callable[[Target], Call]
    status: int
    #: ``None`` if the session row does not change.
    reason: RevokedReason | None


def _revoked(token: str) -> Call:
    return "post", {"path": "token/revoke/", "body": {"token": token}}


INVALIDATIONS = {
    "sign-out": Invalidation(
        lambda target: _revoked(target.current), 200, RevokedReason.SIGNED_OUT
    ),
    "sign-out-by-access-token": Invalidation(
        lambda target: _revoked(target.access_tokens[0]), 200, RevokedReason.SIGNED_OUT
    ),
    "sign-out-of-one-session": Invalidation(
        lambda target: (
            "delete",
            {"path": f"/auth/sessions/{target.session}/", "token": target.access_tokens[-1]},
        ),
        204,
        RevokedReason.SIGNED_OUT,
    ),
    "sign-out-everywhere": Invalidation(
        lambda target: ("delete", {"path": "/auth/sessions/", "token": target.access_tokens[-1]}),
        204,
        RevokedReason.SIGNED_OUT,
    ),
    "revocation-by-admin": Invalidation(
        lambda target: ("revoke by admin", {"session": target.session}), 200, RevokedReason.ADMIN
    ),
    "new-password": Invalidation(
        lambda target: ("change password", {"username": target.username, "password": "another"}),
        200,
        RevokedReason.USER_CHANGED,
    ),
    "new-password-in-transaction": Invalidation(
        lambda target: (
            "change password",
            {"username": target.username, "password": "another", "in_transaction": True},
        ),
        200,
        RevokedReason.USER_CHANGED,
    ),
    "deactivation": Invalidation(
        lambda target: ("deactivate", {"username": target.username}),
        200,
        RevokedReason.USER_CHANGED,
    ),
    "deactivation-by-update": Invalidation(
        lambda target: ("deactivate by update", {"username": target.username}), 200, None
    ),
    "user-deletion": Invalidation(
        lambda target: ("delete user", {"username": target.username}),
        200,
        RevokedReason.USER_DELETED,
    ),
    "reuse": Invalidation(lambda target: refreshing(target.stolen), 400, RevokedReason.REUSED),
}
