"""Sign in, and guess, with usernames that a numeric field can and cannot hold."""

from __future__ import annotations

from typing import Any

from django.contrib.auth import get_user_model
from django.core.management import call_command

from tests.support.client import post

PASSWORD = "correct horse"


#: Spellings that ``int`` reads as 7.
SPELLINGS = ("7", "07", "007", "+7", " 7", "7 ", "0_7", "\u0667", "\uff17", "\n7")


def scenario() -> dict[str, Any]:
    """Return the status of a sign-in for each username, and those of guesses."""
    call_command("migrate", run_syncdb=True, verbosity=0)
    users: Any = get_user_model()
    users.objects.create_user("7", PASSWORD)
    return {
        **{
            name: post("token/", {"username": name, "password": PASSWORD}).status_code
            for name in ("7", "8", "alice", "é")
        },
        "guesses": [
            post("token/", {"username": name, "password": "a guess"}).status_code
            for name in SPELLINGS * 5
        ],
    }
