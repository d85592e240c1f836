"""Use two tenants with a database each."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from io import StringIO
from typing import Any

import time_machine
from django.contrib.auth import get_user_model
from django.core.management import CommandError, call_command
from django.db.transaction import atomic
from django.test.utils import override_settings

from django_tokenauth import services
from django_tokenauth.models import Session

from . import databases, flows


def scenario() -> dict[str, Any]:
    for alias in ("a", "b"):
        with databases.tenant(alias):
            call_command("migrate", database=alias, verbosity=0)
    results = flows.run(databases.tenant)
    # Both tenants have one user and no session.
    return {**results, "commands": run_on_a_database(), "commits": commit_outside_the_tenant()}


@override_settings(TOKENAUTH={})
def run_on_a_database() -> dict[str, Any]:
    """Run each command with ``--database``, outside of the tenants."""
    for name in ("a", "b"):
        Session.objects.using(name).all().delete()
    tokens = {name: flows.sign_in(name) for name in ("a", "b")}
    session_id = str(Session.objects.using("a").get().pk)
    found = [is_found(session_id, name) for name in ("a", "b")]
    printed = command("tokenauth_token", "alice", "--force", "--database=a").strip()
    status = flows.request("a", "GET", "/who/", printed).status_code
    command("tokenauth_revoke", "--user=alice", "--no-input", "--database=a")
    accepted = [flows.statuses(name, tokens[name])[0] for name in ("a", "b")]
    with time_machine.travel(datetime.now(UTC) + timedelta(days=30)):
        command("tokenauth_prune", "--database=b")
    rows = [Session.objects.using(name).count() for name in ("a", "b")]
    return {"session": found, "token": status, "revoke": accepted, "prune": rows}


def is_found(session_id: str, alias: str) -> bool:
    try:
        return "alice" in command("tokenauth_session", session_id, f"--database={alias}")
    except CommandError:
        return False


def command(*arguments: str) -> str:
    output = StringIO()
    call_command(*arguments, stdout=output, stderr=StringIO())
    return output.getvalue()


def commit_outside_the_tenant() -> list[int]:
    """Deactivate and delete users of a in a transaction that ends outside of the tenant.

    Return the numbers of their sessions that are not revoked.
    """
    users: Any = get_user_model().objects
    with databases.tenant("a"):
        names = [f"user{number}" for number in range(12)]
        sessions = [services.sign_in(users.create_user(name)).session for name in names]
        late = services.sign_in(users.create_user("bob")).session
    assert late is not None
    with atomic(using="a"), databases.tenant("a"):
        users.get(username="bob").delete()
        # A sign-in may store a session during the deletion.
        Session.objects.filter(pk=late.pk).update(
            revoked_at=None, idle_expires_at=late.idle_expires_at
        )
        for user in users.filter(username__in=names):
            user.is_active = False
            user.save()
    rows = Session.objects.using("a").filter(revoked_at=None)
    deactivated = [session.pk for session in sessions if session is not None]
    return [rows.filter(pk__in=deactivated).count(), rows.filter(pk=late.pk).count()]
