"""Sign in with the email address, and use the tokens, the admin, the commands and the schema."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable
from contextlib import suppress
from io import StringIO
from typing import Any

from django.core.management import call_command
from django.db import connection, transaction
from django.db.models import ProtectedError
from django.test import Client
from django.test.utils import (
    CaptureQueriesContext,
    override_settings,
    setup_databases,
    teardown_databases,
)

from django_tokenauth import services
from django_tokenauth.conf.settings import load
from django_tokenauth.models import Session
from django_tokenauth.sessions.log_ids import log_id
from django_tokenauth.tokens.access import access_tokens
from tests.support.client import get, post
from tests.support.scenarios.email_uuid_users.models import Account, Company, Invoice

EMAIL, PASSWORD = "alice@example.com", "correct horse"
CREDENTIALS = {"email": EMAIL, "password": PASSWORD}
ADMIN = "/admin/django_tokenauth/session/"


def scenario() -> dict[str, Any]:
    databases = setup_databases(verbosity=0, interactive=False)
    try:
        parts = (
            signed_in,
            rejected,
            backends,
            subjects,
            statements,
            admin,
            commands,
            ended,
            schema,
        )
        return {part.__name__: _run(part) for part in parts}
    finally:
        teardown_databases(databases, verbosity=0)


def _run(part: Callable[[Any], Any]) -> Any:
    """Return the result of *part* for a new user without sessions."""
    Session.objects.all().delete()
    Account.objects.all().delete()
    load.cache_clear()
    return part(Account.objects.create_user(EMAIL, PASSWORD))


def _accepted(token: str) -> list[int]:
    return [get(path, token).status_code for path in ("/who/", "/who/stateless/")]


def signed_in(alice: Any) -> list[Any]:
    tokens = post("token/", CREDENTIALS).json()
    refreshed = post("token/refresh/", {"refresh_token": tokens["refresh_token"]}).json()
    token = refreshed["access_token"]
    who = get("/who/", token).json()
    [listed] = get("/auth/sessions/", token).json()
    gateway = get("/auth/token/forward-auth/", token)
    post("token/revoke/", {"token": refreshed["refresh_token"]})
    load.cache_clear()
    return [
        who == {"user": EMAIL, "sub": str(alice.pk)},
        get("/who/stateless/", post("token/", CREDENTIALS).json()["access_token"]).json()["sub"]
        == str(alice.pk),
        listed["current"],
        gateway.headers["X-Auth-User"] == str(alice.pk),
        _accepted(token),
    ]


def rejected(alice: Any) -> list[Any]:
    bodies: list[dict[str, object]] = [
        {"username": EMAIL, "password": PASSWORD},
        {**CREDENTIALS, "username": EMAIL},
        {**CREDENTIALS, "username": "bob@example.com"},
        {**CREDENTIALS, "password": "a guess"},
        {**CREDENTIALS, "email": "bob@example.com"},
        {**CREDENTIALS, "email": 7},
        {"email": EMAIL},
        {"password": PASSWORD},
    ]
    responses = [post("token/", body) for body in bodies]
    return [
        [response.status_code, response.json().get("error_description")] for response in responses
    ]


BACKENDS = (
    *(("Credentials",), ("Static",), ("Username",), ("django",), ("Credentials", "django")),
    *(("django", "Static"), ("Locked", "django"), ("Broken", "django")),
)


def backends(alice: Any) -> dict[str, int]:
    """Return the status of a sign-in with each list of authentication backends."""
    paths = {"django": "django.contrib.auth.backends.ModelBackend"}
    statuses = {}
    for names in BACKENDS:
        folder = f"{__package__}.backends"
        classes = [paths.get(name, f"{folder}.{name}") for name in names]
        with override_settings(AUTHENTICATION_BACKENDS=classes):
            statuses[" ".join(names)] = post("token/", CREDENTIALS).status_code
    return statuses


def subjects(alice: Any) -> list[list[int]]:
    """Return the results for each spelling of the user's UUID, signed with the server's key."""
    claims = services.authenticate_access_token(services.sign_in(alice).access_token)
    key: uuid.UUID = alice.pk
    spellings = [str(key), str(key).upper(), key.hex, f"{{{key}}}", key.urn, str(uuid.uuid4())]
    return [
        # The stateless class does not know the users. The server signs only the first spelling.
        _accepted(access_tokens(load()).encode(claims._replace(subject=spelling)))[:1]
        for spelling in spellings
    ]


def statements(alice: Any) -> dict[str, int]:
    tokens = post("token/", CREDENTIALS).json()
    # Read the snapshot of revoked sessions before counting.
    get("/who/stateless/", tokens["access_token"])
    counts = {}
    for name, send in {
        "request": lambda: get("/who/", tokens["access_token"]),
        "stateless": lambda: get("/who/stateless/", tokens["access_token"]),
        "refresh": lambda: post("token/refresh/", {"refresh_token": tokens["refresh_token"]}),
    }.items():
        with CaptureQueriesContext(connection) as queries:
            assert send().status_code == 200
        counts[name] = len(queries)
    return counts


def admin(alice: Any) -> list[Any]:
    pair = services.sign_in(alice, device_name="phone")
    staff = Client()
    staff.force_login(Account.objects.create_user("root@example.com", is_staff=True))
    found = [
        staff.get(ADMIN, {"q": text}).content.decode().count(f">{EMAIL}<")
        for text in ("", EMAIL, "ALICE", "bob", str(pair.session and pair.session.pk))
    ]
    page = staff.get(f"{ADMIN}{pair.session and pair.session.pk}/change/")
    action = {
        "action": "revoke_sessions",
        "_selected_action": [str(pair.session and pair.session.pk)],
    }
    done = staff.post(ADMIN, action, follow=True).content.decode()
    return [found, page.status_code, "Signed out 1 session." in done, _accepted(pair.access_token)]


def commands(alice: Any) -> list[Any]:
    tokens = [services.sign_in(alice) for _ in range(2)]
    first: Any = tokens[0].session
    output = [StringIO() for _ in range(3)]
    call_command("tokenauth_session", log_id(first.pk), stdout=output[0])
    call_command("tokenauth_session", str(first.pk), stdout=output[1])
    call_command("tokenauth_revoke", user=EMAIL, interactive=False, stdout=output[2])
    shown = [f"{EMAIL} (id {alice.pk})" in stream.getvalue() for stream in output[:2]]
    return [
        *shown,
        "2 sessions" in output[2].getvalue(),
        *(_accepted(each.access_token) for each in tokens),
    ]


def _new_password(alice: Any) -> None:
    alice.set_password("another")
    alice.save()


def _deactivate(alice: Any) -> None:
    alice.is_active = False
    alice.save(update_fields=["is_active"])


def _delete_company(alice: Any) -> None:
    company = Company.objects.create(name="Example")
    Account.objects.filter(pk=alice.pk).update(company=company)
    company.delete()


def _roll_back_the_deletion(alice: Any) -> None:
    with suppress(LookupError), transaction.atomic():
        alice.delete()
        raise LookupError


def _delete_protected(alice: Any) -> None:
    invoice = Invoice.objects.create(account=alice)
    with suppress(ProtectedError):
        alice.delete()
    invoice.delete()


def ended(alice: Any) -> dict[str, str]:
    """Return the revocation reason of a session after each change."""
    changes = (
        *(_new_password, _deactivate, Account.delete, _delete_company),
        *(_roll_back_the_deletion, _delete_protected),
    )
    reasons = {}
    for number, change in enumerate(changes):
        account = Account.objects.create_user(f"{number}@example.com", PASSWORD)
        session: Any = services.sign_in(account).session
        change(account)
        reasons[change.__name__.strip("_")] = Session.objects.get(pk=session.pk).revoked_reason
    return reasons


def schema(alice: Any) -> Any:
    output = StringIO()
    call_command("spectacular", format="openapi-json", validate=True, stdout=output)
    grant = json.loads(output.getvalue())["components"]["schemas"]["TokenAuthGrant"]
    return ["email" in grant["properties"], grant["required"]]
