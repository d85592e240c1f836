"""Sign in, use the API, refresh, sign out and change the user, over HTTP."""

from __future__ import annotations

from io import StringIO
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
        "requests": _requests(),
        "command": _command(user),
        "sign-out": _sign_out(),
        "new password": _change_user(user, password="another"),
        "deactivated": _change_user(user, is_active=False),
        "hidden": _hide_user(user) if hasattr(user, "deleted") else None,
        "deleted": _delete_user(user),
    }


def _sign_in() -> dict[str, Any]:
    response = post("token/", CREDENTIALS)
    assert response.status_code == 200, response.content
    return dict(response.json())


def _subject(user: Any) -> str:
    """Return the name of the user's field whose value is the subject of the tokens."""
    response = get("/who/", _sign_in()["access_token"]).json()
    names = ("pk", "public_id", "email")
    [name] = [name for name in names if str(getattr(user, name, None)) == response["sub"]][:1]
    assert response["user"] == NAME
    return name


def _requests() -> list[int]:
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


def _command(user: Any) -> int:
    """Return the status of a request with the token of ``tokenauth_token``."""
    output = StringIO()
    call_command("tokenauth_token", NAME, "--force", stdout=output, stderr=StringIO())
    status = get("/who/", output.getvalue().strip()).status_code
    services.sign_out_everywhere(user)
    return status


def _sign_out() -> list[int]:
    tokens = _sign_in()
    listed = get("/auth/sessions/", tokens["access_token"]).json()
    [current] = [session["id"] for session in listed if session["current"]]
    sign_out = call("DELETE", f"/auth/sessions/{current}/", tokens["access_token"])
    return [sign_out.status_code, *_statuses_of(tokens)]


def _change_user(user: Any, *, password: str = "", **fields: Any) -> list[int]:
    """Return the statuses after a change of *user*, and undo it without a signal."""
    user.refresh_from_db()
    before = dict(vars(user))
    tokens = _sign_in()
    if password:
        user.set_password(password)
    for name, value in fields.items():
        setattr(user, name, value)
    user.save()
    statuses = _statuses_of(tokens)
    original = {"password": before["password"], "is_active": before["is_active"]}
    get_user_model()._base_manager.filter(pk=user.pk).update(**original)
    return statuses


def _hide_user(user: Any) -> list[int]:
    tokens = _sign_in()
    all_users = get_user_model()._base_manager.filter(pk=user.pk)
    all_users.update(deleted=True)
    rejected = post("token/", CREDENTIALS)
    statuses = [rejected.status_code, *_statuses_of(tokens)[:2]]
    all_users.update(deleted=False)
    return statuses


def _delete_user(user: Any) -> list[int]:
    tokens = _sign_in()
    session = services.list_sessions(user)[0]
    user.delete()
    session.refresh_from_db()
    return [*_statuses_of(tokens), Session.objects.filter(user=None, pk=session.pk).count()]


def _statuses_of(tokens: dict[str, Any]) -> list[int]:
    """Return the statuses of a request, a refresh and a stateless request."""
    # Clear the snapshot, as if the poll interval had passed.
    revoked_sessions.cache_clear()
    return [
        get("/who/", tokens["access_token"]).status_code,
        post("token/refresh/", {"refresh_token": tokens["refresh_token"]}).status_code,
        get("/who/stateless/", tokens["access_token"]).status_code,
    ]
