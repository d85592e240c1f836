"""What must not wait for the copy, and what is read from it."""

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
        "refreshed": refreshed(),
        "reused": reused(),
        "used": used(),
        "signed out": signed_out(),
        "new password": new_password(),
        "too many": too_many(),
        "pruned": pruned(),
        "pruned in batches": pruned_in_batches(),
    }


def catch_up() -> None:
    """Bring the copy up to date."""
    connections["copy"].ensure_connection()
    connections["accounts"].ensure_connection()
    connections["accounts"].connection.backup(connections["copy"].connection)


def sign_in() -> dict[str, Any]:
    answer = post("token/", {"username": NAME, "password": PASSWORD})
    assert answer.status_code == 200, answer.content
    return dict(answer.json())


def refresh(tokens: dict[str, Any]) -> Any:
    return post("token/refresh/", {"refresh_token": tokens["refresh_token"]})


def refreshed() -> list[int]:
    """Rotation after rotation, and the grace, while the copy knows of no session."""
    tokens = sign_in()
    statuses = []
    for _ in range(3):
        answer = refresh(tokens)
        again = refresh(tokens)
        assert again.json()["refresh_token"] == answer.json()["refresh_token"]
        statuses += [answer.status_code, again.status_code]
        tokens = answer.json()
    return statuses


def reused() -> list[Any]:
    """The revocation is there although the copy is behind and requests are transactions."""
    oldest = sign_in()
    newest = refresh(refresh(oldest).json()).json()
    catch_up()
    statuses = [refresh(oldest).status_code, refresh(newest).status_code]
    written = Session.objects.using("accounts")
    return [*statuses, written.filter(revoked_reason=RevokedReason.REUSED).count()]


def used() -> list[int]:
    """Requests of the API are read from the copy."""
    tokens = sign_in()
    catch_up()
    Session.objects.using("accounts").update(revoked_at=timezone.now())
    before = get("/who/", tokens["access_token"]).status_code
    catch_up()
    return [before, get("/who/", tokens["access_token"]).status_code]


def signed_out() -> list[int]:
    """By the list of sessions, which is read where it is written."""
    tokens, other = sign_in(), sign_in()
    catch_up()
    last = sign_in()
    listed = get("/auth/sessions/", tokens["access_token"]).json()
    ended = [
        call("DELETE", f"/auth/sessions/{session['id']}/", tokens["access_token"]).status_code
        for session in listed
        if not session["current"]
    ]
    revoked = post("token/revoke/", {"token": tokens["access_token"]}).status_code
    tried = [refresh(each).status_code for each in (tokens, other, last)]
    return [*ended, revoked, *tried]


def new_password() -> list[int]:
    tokens = sign_in()
    user = get_user_model().objects.using("accounts").get()
    user.set_password("another")
    user.save()
    tried = refresh(tokens).status_code
    user.set_password(PASSWORD)
    user.save()
    catch_up()
    return [tried]


def too_many() -> int:
    for _ in range(5):
        sign_in()
    user = get_user_model().objects.get()
    return services.list_sessions(user).count()


def pruned() -> int:
    """How many of three sessions that ended a year ago are left after a sign-in."""
    old = ended_last_year()
    user = get_user_model().objects.get()
    # One who has too many sessions makes room for the new one only.
    services.sign_out_everywhere(user)
    services.sign_in(user)
    return Session.objects.using("accounts").filter(pk__in=old).count()


def ended_last_year() -> list[uuid.UUID]:
    """Three sessions that ended a year ago, a day from each other."""
    written = Session.objects.using("accounts")
    old = [session.pk for session in written.exclude(revoked_at=None)[:3]]
    assert len(old) == 3
    for days, pk in enumerate(old):
        end = timezone.now() - timedelta(days=365 + days)
        written.filter(pk=pk).update(idle_expires_at=end)
    return old


def pruned_in_batches() -> list[int]:
    ended_last_year()
    return list(pruning.prune_all(timezone.now() - timedelta(days=300), 2))
