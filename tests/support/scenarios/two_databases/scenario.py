"""Use every service while the replica lags behind the primary."""

from __future__ import annotations

import uuid
from datetime import timedelta
from typing import Any

from django.contrib.auth import get_user_model
from django.core.management import call_command
from django.db import connections
from django.utils import timezone

from django_tokenauth import services
from django_tokenauth.models import RevokedReason, Session
from django_tokenauth.sessions import pruning
from tests.support.client import call, get, post

NAME, PASSWORD = "alice", "correct horse"


def scenario() -> dict[str, Any]:
    call_command("migrate", database="accounts", verbosity=0)
    users: Any = get_user_model()
    users.objects.db_manager("accounts").create_user(NAME, password=PASSWORD)
    catch_up()
    return {
        "tables of default": connections["default"].introspection.table_names(),
        "refresh": refresh_repeatedly(),
        "reuse": reuse(),
        "authenticated request": authenticate(),
        "sign-out": sign_out(),
        "new password": change_password(),
        "session limit": exceed_limit(),
        "pruning at sign-in": prune_at_sign_in(),
        "pruning in batches": prune_in_batches(),
    }


def catch_up() -> None:
    """Copy the primary to the replica."""
    connections["copy"].ensure_connection()
    connections["accounts"].ensure_connection()
    connections["accounts"].connection.backup(connections["copy"].connection)


def sign_in() -> dict[str, Any]:
    response = post("token/", {"username": NAME, "password": PASSWORD})
    assert response.status_code == 200, response.content
    return dict(response.json())


def refresh(tokens: dict[str, Any]) -> Any:
    return post("token/refresh/", {"refresh_token": tokens["refresh_token"]})


def refresh_repeatedly() -> list[int]:
    """Rotate and use the grace period while the replica has no session at all."""
    tokens = sign_in()
    statuses = []
    for _ in range(3):
        response = refresh(tokens)
        repeated = refresh(tokens)
        assert repeated.json()["refresh_token"] == response.json()["refresh_token"]
        statuses += [response.status_code, repeated.status_code]
        tokens = response.json()
    return statuses


def reuse() -> list[Any]:
    """Reuse a token: it is revoked although the replica lags and requests are transactions."""
    oldest = sign_in()
    newest = refresh(refresh(oldest).json()).json()
    catch_up()
    statuses = [refresh(oldest).status_code, refresh(newest).status_code]
    primary = Session.objects.using("accounts")
    return [*statuses, primary.filter(revoked_reason=RevokedReason.REUSED).count()]


def authenticate() -> list[int]:
    """Authenticate before and after the replica has the revocation."""
    tokens = sign_in()
    catch_up()
    Session.objects.using("accounts").update(revoked_at=timezone.now())
    before = get("/who/", tokens["access_token"]).status_code
    catch_up()
    return [before, get("/who/", tokens["access_token"]).status_code]


def sign_out() -> list[int]:
    """Sign out all listed sessions. The list is read from the primary."""
    tokens, other = sign_in(), sign_in()
    catch_up()
    last = sign_in()
    listed = get("/auth/sessions/", tokens["access_token"]).json()
    deleted = [
        call("DELETE", f"/auth/sessions/{session['id']}/", tokens["access_token"]).status_code
        for session in listed
        if not session["current"]
    ]
    revoked = post("token/revoke/", {"token": tokens["refresh_token"]}).status_code
    statuses = [refresh(each).status_code for each in (tokens, other, last)]
    return [*deleted, revoked, *statuses]


def change_password() -> list[int]:
    tokens = sign_in()
    user = get_user_model().objects.using("accounts").get()
    user.set_password("another")
    user.save()
    status = refresh(tokens).status_code
    user.set_password(PASSWORD)
    user.save()
    catch_up()
    return [status]


def exceed_limit() -> int:
    for _ in range(5):
        sign_in()
    user = get_user_model().objects.get()
    return services.list_sessions(user).count()


def prune_at_sign_in() -> int:
    """Return how many of three sessions that expired a year ago remain after a sign-in."""
    old = expire_sessions_last_year()
    user = get_user_model().objects.get()
    # A sign-in that evicts sessions prunes none, so revoke them first.
    services.sign_out_everywhere(user)
    services.sign_in(user)
    return Session.objects.using("accounts").filter(pk__in=old).count()


def expire_sessions_last_year() -> list[uuid.UUID]:
    """Move the expiry of three sessions to a year ago, one day apart, and return their ids."""
    primary = Session.objects.using("accounts")
    old = [session.pk for session in primary.exclude(revoked_at=None)[:3]]
    assert len(old) == 3
    for days, pk in enumerate(old):
        expiry = timezone.now() - timedelta(days=365 + days)
        primary.filter(pk=pk).update(idle_expires_at=expiry)
    return old


def prune_in_batches() -> list[int]:
    expire_sessions_last_year()
    return list(pruning.prune_all(timezone.now() - timedelta(days=300), 2))
