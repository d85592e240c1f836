"""Sign in with usernames that a numeric field can and cannot hold."""

from __future__ import annotations

from typing import Any

from django.contrib.auth import get_user_model
from django.core.management import call_command

from tests.support.client import post

PASSWORD = "correct horse"


def scenario() -> dict[str, int]:
    """Return the status of a sign-in for each spelling of a username."""
    call_command("migrate", run_syncdb=True, verbosity=0)
    users: Any = get_user_model()
    users.objects.create_user("7", PASSWORD)
    return {
        name: post("token/", {"username": name, "password": PASSWORD}).status_code
        for name in ("7", "8", "alice", "é")
    }
