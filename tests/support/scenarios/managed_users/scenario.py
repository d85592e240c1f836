"""The user in requests, hooks, signals, the admin and commands."""

from __future__ import annotations

from io import StringIO
from typing import Any

from django.conf import settings
from django.contrib.auth import get_user_model
from django.core.management import call_command
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext, override_settings
from rest_framework.test import APIRequestFactory

from django_tokenauth import services, signals
from django_tokenauth.authentication import JWTAuthentication
from django_tokenauth.models import RevokedReason, Session
from tests.support.client import post
from tests.support.scenarios.managed_users import models
from tests.support.scenarios.managed_users.settings import describe

NAME, PASSWORD = "alice@example.com", "correct horse"


def _user(name: str = NAME) -> Any:
    model: Any = get_user_model()
    if model is models.PolymorphicUser:
        user: Any = models.Teacher(email=name, subject="maths")
    else:
        user = model(email=name)
    user.set_password(PASSWORD)
    user.save()
    if isinstance(user, models.RankedUser):
        type(user).objects.filter(pk=user.pk).update(mentor=user)
    if model is models.AnnotatedUser:
        models.Note.objects.bulk_create(models.Note(author=user) for _ in range(3))
    return user


def _request(token: str) -> tuple[Any, int]:
    """Return the description of a request's user, and the number of statements."""
    request = APIRequestFactory().get("/", headers={"Authorization": f"Bearer {token}"})
    with CaptureQueriesContext(connection) as queries:
        authenticated: Any = JWTAuthentication().authenticate(request)
    user, _claims = authenticated
    leftover = [name for name in vars(user) if "tokenauth" in name]
    return [describe(user), leftover], len(queries)


def _count_impersonated(user: Any) -> list[int]:
    """Return the statements of a request and of a refresh of a session with an actor."""
    staff = _user("bob@example.com")
    own = {**settings.TOKENAUTH, "IMPERSONATION": lambda *_: True}
    with override_settings(TOKENAUTH=own):
        pair = services.impersonate(staff, user)
        _, requested = _request(pair.access_token)
        with CaptureQueriesContext(connection) as refreshed:
            services.refresh(pair.refresh_token)
    staff.delete()
    return [requested, len(refreshed)]


def _described_claim(token: str) -> Any:
    described = services.authenticate_access_token(token).extra["described"]
    return dict(described)


def scenario() -> dict[str, Any]:
    call_command("migrate", run_syncdb=True, verbosity=0)
    user = _user()
    loaded: Any = get_user_model()._default_manager.get()
    expected, expected_name = describe(loaded), str(loaded)
    impersonated = _count_impersonated(loaded)
    # The deletion of the staff has revoked the session.
    Session.objects.all().delete()
    heard: list[Any] = []

    def hear(user: Any, **keywords: Any) -> None:
        heard.append(describe(user))

    for signal in (signals.signed_in, signals.refreshed, signals.session_revoked):
        signal.connect(hear)
    tokens = post("token/", {"email": NAME, "password": PASSWORD}).json()
    refreshed = post("token/refresh/", {"refresh_token": tokens["refresh_token"]}).json()
    requested, statements = _request(refreshed["access_token"])
    for _ in range(2):
        services.sign_in(get_user_model()._default_manager.get())
    admin = Client()
    admin.force_login(user)
    page = admin.get("/admin/django_tokenauth/session/").content.decode()
    output = StringIO()
    call_command("tokenauth_session", str(Session.objects.first().pk), stdout=output)
    last = Session.objects.filter(pk=Session.objects.last().pk)
    services.revoke_sessions(last, RevokedReason.ADMIN)
    call_command("tokenauth_revoke", user=NAME, interactive=False, stdout=output)
    user.delete()
    return {
        "expected": expected,
        "claims": [_described_claim(pair["access_token"]) for pair in (tokens, refreshed)],
        "request": requested,
        "statements": statements,
        "impersonated": impersonated,
        "signals": heard,
        "admin": page.count(f">{expected_name}<"),
        "command": NAME in output.getvalue(),
    }
