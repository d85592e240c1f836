"""Use two tenants with a database each."""

from __future__ import annotations

from typing import Any

from django.core.management import call_command

from . import databases, flows


def scenario() -> dict[str, Any]:
    for alias in ("a", "b"):
        with databases.tenant(alias):
            call_command("migrate", database=alias, verbosity=0)
    return flows.run(databases.tenant)
