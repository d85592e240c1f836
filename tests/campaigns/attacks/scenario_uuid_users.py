"""A project whose users have UUIDs as primary keys, and tokens with other subjects."""

from __future__ import annotations

from typing import Any

from django.contrib.auth import get_user_model
from django.core.management import call_command
from django.test import override_settings

from tests.campaigns.attacks.forging import compact, derived_signer, parse_token
from tests.support.client import get, post

NAME, PASSWORD = "alice", "correct horse"


def scenario() -> dict[str, Any]:
    """Return the statuses for each form of the subject."""
    call_command("migrate", run_syncdb=True, verbosity=0)
    users: Any = get_user_model()
    pk = str(users.objects.create_user(NAME, PASSWORD).pk)
    return {
        "primary key": _statuses_in_both_modes(pk),
        "number": _statuses_in_both_modes("1"),
        "other spelling": _statuses_in_both_modes(pk.upper().replace("-", "")),
    }


def _statuses_in_both_modes(subject: str) -> list[int]:
    """Return the statuses with session rows, then those of stateless refresh."""
    with_sessions = _statuses(subject)
    with override_settings(TOKENAUTH={"STATELESS_REFRESH": True}):
        return [*with_sessions, *_statuses(subject)[1:]]


def _statuses(subject: str) -> list[int]:
    tokens = post("token/", {"username": NAME, "password": PASSWORD}).json()
    access = _with_subject(subject, tokens["access_token"], "access token")
    refresh = _with_subject(subject, tokens["refresh_token"], "refresh token")
    return [
        get("/auth/sessions/", access).status_code,
        get("/who/", access).status_code,
        post("token/refresh/", {"refresh_token": refresh}).status_code,
    ]


def _with_subject(subject: str, token: str, purpose: str) -> str:
    header, claims, _ = parse_token(token)
    return compact(header, {**claims, "sub": subject}, derived_signer(purpose))
