"""Use two tenants of django-tenants, and re-create the schema of one of them."""

from __future__ import annotations

from contextlib import redirect_stdout
from datetime import UTC, datetime, timedelta
from io import StringIO
from typing import Any

import time_machine
from django.contrib.auth import get_user_model
from django.core import checks
from django.core.management import call_command, execute_from_command_line
from django.test.utils import override_settings
from django_tenants.utils import schema_context

from django_tokenauth.models import Session

from . import flows
from .models import Domain, Tenant


def scenario() -> dict[str, Any]:
    call_command("migrate_schemas", shared=True, verbosity=0)
    for name in ("a", "b"):
        create(name)
    return {
        **flows.run(schema_context),
        "checks": [check(**tokenauth) for tokenauth in flows.PROJECTS.values()],
        "commands": run_commands_of_tenants(),
        "re-created": re_create(),
    }


def create(name: str) -> None:
    tenant = Tenant(schema_name=name, name=name)
    tenant.save(verbosity=0)
    Domain.objects.create(domain=f"{name}.example.com", tenant=tenant)


def check(**tokenauth: Any) -> list[Any]:
    """Return the ids of the messages of this package's checks of the settings."""
    with override_settings(TOKENAUTH=tokenauth):
        found = checks.run_checks()
    return [message.id for message in found if str(message.id).startswith("tokenauth")]


def run_commands_of_tenants() -> list[Any]:
    """Run the documented commands of django-tenants."""
    tokens = {name: flows.sign_in(name) for name in ("a", "b")}
    manage("tenant_command", "tokenauth_revoke", "--all", "--no-input", "--schema=a")
    statuses = [flows.statuses(name, tokens[name])[0] for name in ("a", "b")]
    rows = []
    with time_machine.travel(datetime.now(UTC) + timedelta(days=30)):
        manage("all_tenants_command", "tokenauth_prune")
        for name in ("a", "b"):
            with schema_context(name):
                rows.append(Session.objects.count())
    return [statuses, rows]


def manage(*arguments: str) -> None:
    with redirect_stdout(StringIO()):
        execute_from_command_line(["manage.py", *arguments])


def re_create() -> list[Any]:
    """Drop the schema of a tenant and create it again, with a user with the same key."""
    tokens = flows.sign_in("a")
    with schema_context("public"):
        Tenant.objects.get(schema_name="a").delete(force_drop=True)
        create("a")
    with schema_context("a"):
        get_user_model().objects.create_user("alice", password=flows.PASSWORD)
    fresh = flows.sign_in("a")
    path = "/who/"
    return [
        flows.request("a", "GET", path, tokens["access_token"]).status_code,
        flows.refresh("a", tokens).status_code,
        flows.statuses("a", fresh),
    ]
