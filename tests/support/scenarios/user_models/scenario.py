"""Somebody signs in, uses the API, refreshes, signs out, and changes: all of it over HTTP."""

from __future__ import annotations

from typing import Any

from django.contrib.auth import get_user_model
from django.core.management import call_command

from django_tokenauth import services
from django_tokenauth.models import Session
from django_tokenauth.sessions.revocations import revoked_sessions
from tests.support.client import call, get, post

NAME, PASSWORD = "alice@example.com", "correct horse"
CREDENTIALS = {"username": NAME, "password": PASSWORD}


def scenario() -> dict[str, Any]:
    call_command("check", fail_level="WARNING")
    call_command("migrate", run_syncdb=True, verbosity=0)
    users: Any = get_user_model()
    user = users.objects.create_user(NAME, PASSWORD)
    users.objects.create_user("bob@example.com", PASSWORD)
    return {
        "subject": _subject(user),
        "used": _used(),
        "signed out": _signed_out(),
        "new password": _changed(user, password="another"),
        "deactivated": _changed(user, is_active=False),
        "hidden": _hidden(user) if hasattr(user, "deleted") else None,
        "deleted": _deleted(user),
    }


def _sign_in() -> dict[str, Any]:
    answer = post("token/", CREDENTIALS)
    assert answer.status_code == 200, answer.content
    return dict(answer.json())


def _subject(user: Any) -> str:
    """Which field of the user the tokens name, and whether they name it exactly."""
    answer = get("/who/", _sign_in()["access_token"]).json()
    names = ("pk", "public_id", "email")
    [name] = [name for name in names if str(getattr(user, name, None)) == answer["sub"]][:1]
    assert answer["user"] == NAME
    return name


def _used() -> list[int]:
    tokens = _sign_in()
    refreshed = post("token/refresh/", {"refresh_token": tokens["refresh_token"]})
    new = refreshed.json()
    listed = get("/auth/sessions/", new["access_token"])
    return [
        get("/who/", tokens["access_token"]).status_code,
        get("/who/stateless/", tokens["access_token"]).status_code,
        refreshed.status_code,
        get("/who/", new["access_token"]).status_code,
        listed.status_code,
        [session["current"] for session in listed.json()].count(True),
    ]


def _signed_out() -> list[int]:
    tokens = _sign_in()
    listed = get("/auth/sessions/", tokens["access_token"]).json()
    [current] = [session["id"] for session in listed if session["current"]]
    ended = call("DELETE", f"/auth/sessions/{current}/", tokens["access_token"])
    return [ended.status_code, *_tried(tokens)]


def _changed(user: Any, *, password: str = "", **fields: Any) -> list[int]:
    """Before and after a change, which is undone without a signal."""
    user.refresh_from_db()
    before = dict(vars(user))
    tokens = _sign_in()
    if password:
        user.set_password(password)
    for name, value in fields.items():
        setattr(user, name, value)
    user.save()
    tried = _tried(tokens)
    kept = {"password": before["password"], "is_active": before["is_active"]}
    get_user_model()._base_manager.filter(pk=user.pk).update(**kept)
    return tried


def _hidden(user: Any) -> list[int]:
    tokens = _sign_in()
    everybody = get_user_model()._base_manager.filter(pk=user.pk)
    everybody.update(deleted=True)
    refused = post("token/", CREDENTIALS)
    tried = [refused.status_code, *_tried(tokens)[:2]]
    everybody.update(deleted=False)
    return tried


def _deleted(user: Any) -> list[int]:
    tokens = _sign_in()
    session = services.list_sessions(user)[0]
    user.delete()
    session.refresh_from_db()
    return [*_tried(tokens), Session.objects.filter(user=None, pk=session.pk).count()]


def _tried(tokens: dict[str, Any]) -> list[int]:
    """The statuses of the API, of a refresh, and of the API that asks no database."""
    # As if the interval between two looks at the database had passed.
    revoked_sessions.cache_clear()
    return [
        get("/who/", tokens["access_token"]).status_code,
        post("token/refresh/", {"refresh_token": tokens["refresh_token"]}).status_code,
        get("/who/stateless/", tokens["access_token"]).status_code,
    ]
