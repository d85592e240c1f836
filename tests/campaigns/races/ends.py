"""Sessions to be ended, made in bulk, and all the ways to end one."""

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

#: As old as a token that was stolen before its owner refreshed twice.
GENERATION = 3


@dataclass(frozen=True)
class Target:
    """A session that was refreshed twice, with all the tokens that its clients got."""

    username: str
    session: str
    refresh_tokens: tuple[str, ...]
    access_tokens: tuple[str, ...]

    @property
    def stolen(self) -> str:
        return self.refresh_tokens[0]

    @property
    def predecessor(self) -> str:
        """Good for as long as the grace lasts, or once more with ``REFRESH_RETRY``."""
        return self.refresh_tokens[-2]

    @property
    def current(self) -> str:
        return self.refresh_tokens[-1]


def targets(number: int, prefix: str = "user", *, ago: timedelta = timedelta(0)) -> list[Target]:
    """So many sessions, refreshed so long ago, each of a user of its own. Six statements or so."""
    now = timezone.now() - ago
    users: Any = get_user_model().objects
    password = make_password("correct horse")
    users.bulk_create(
        users.model(username=f"{prefix} {count}", password=password) for count in range(number)
    )
    made = [_session(user, now) for user in users.filter(username__startswith=f"{prefix} ")]
    Session.objects.bulk_create(made)
    return [_target(session, now) for session in made]


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
class Ending:
    """A way to end a session: the call, what it answers, and the reason that is written down."""

    call: Callable[[Target], Call]
    status: int
    #: ``None`` where nothing is written to the session.
    reason: RevokedReason | None


def _revoked(token: str) -> Call:
    return "post", {"path": "token/revoke/", "body": {"token": token}}


ENDINGS = {
    "a sign-out": Ending(lambda it: _revoked(it.current), 200, RevokedReason.SIGNED_OUT),
    "a sign-out by an access token": Ending(
        lambda it: _revoked(it.access_tokens[0]), 200, RevokedReason.SIGNED_OUT
    ),
    "a sign-out of one session": Ending(
        lambda it: (
            "delete",
            {"path": f"/auth/sessions/{it.session}/", "token": it.access_tokens[-1]},
        ),
        204,
        RevokedReason.SIGNED_OUT,
    ),
    "a sign-out everywhere": Ending(
        lambda it: ("delete", {"path": "/auth/sessions/", "token": it.access_tokens[-1]}),
        204,
        RevokedReason.SIGNED_OUT,
    ),
    "an administrator": Ending(
        lambda it: ("end by admin", {"session": it.session}), 200, RevokedReason.ADMIN
    ),
    "a new password": Ending(
        lambda it: ("change password", {"username": it.username, "password": "another"}),
        200,
        RevokedReason.USER_CHANGED,
    ),
    "a new password in a transaction": Ending(
        lambda it: (
            "change password",
            {"username": it.username, "password": "another", "in_transaction": True},
        ),
        200,
        RevokedReason.USER_CHANGED,
    ),
    "a deactivation": Ending(
        lambda it: ("deactivate", {"username": it.username}), 200, RevokedReason.USER_CHANGED
    ),
    "a deactivation that nobody is told of": Ending(
        lambda it: ("deactivate unheard", {"username": it.username}), 200, None
    ),
    "a deletion": Ending(
        lambda it: ("delete user", {"username": it.username}), 200, RevokedReason.USER_DELETED
    ),
    "a reuse": Ending(lambda it: refreshing(it.stolen), 400, RevokedReason.REUSED),
}
