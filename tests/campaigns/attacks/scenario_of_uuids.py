"""A project that gave its users UUIDs as keys, and tokens that name them by something else."""

from __future__ import annotations

from typing import Any

from django.contrib.auth import get_user_model
from django.core.management import call_command
from django.test import override_settings

from tests.campaigns.attacks.forging import compact, derived, parts
from tests.support.client import get, post

NAME, PASSWORD = "alice", "correct horse"


def scenario() -> dict[str, Any]:
    call_command("migrate", run_syncdb=True, verbosity=0)
    users: Any = get_user_model()
    pk = str(users.objects.create_user(NAME, PASSWORD).pk)
    return {
        "the key itself": _tried(pk),
        "a number": _tried("1"),
        "another spelling": _tried(pk.upper().replace("-", "")),
    }


def _tried(subject: str) -> list[int]:
    """The statuses where sessions are kept, and then where none are."""
    with_sessions = _statuses(subject)
    with override_settings(TOKENAUTH={"STATELESS_REFRESH": True}):
        return [*with_sessions, *_statuses(subject)[1:]]


def _statuses(subject: str) -> list[int]:
    tokens = post("token/", {"username": NAME, "password": PASSWORD}).json()
    access = _naming(subject, tokens["access_token"], "access token")
    refresh = _naming(subject, tokens["refresh_token"], "refresh token")
    return [
        get("/auth/sessions/", access).status_code,
        get("/who/", access).status_code,
        post("token/refresh/", {"refresh_token": refresh}).status_code,
    ]


def _naming(subject: str, token: str, purpose: str) -> str:
    header, members, _ = parts(token)
    return compact(header, {**members, "sub": subject}, derived(purpose))
