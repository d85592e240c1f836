"""The demo's database and its two users."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from django.contrib.auth import get_user_model
from django.core.management import call_command
from django.db import connections


@dataclass(frozen=True)
class Person:
    name: str
    password: str
    is_superuser: bool = False


ALICE = Person("alice", "correct horse battery staple", is_superuser=True)
BOB = Person("bob", "tangerine lantern gravel song")


def prepare(path: Path | None = None) -> None:
    """Create the tables and the users, in the file `path` or in the database of the settings."""
    if path is not None:
        # As Django's test runner does: new connections, also of the server's threads, use it.
        connections["default"].close()
        connections.settings["default"]["NAME"] = str(path)
    call_command("migrate", verbosity=0, interactive=False)
    for person in (ALICE, BOB):
        _create_or_restore(person)


def _create_or_restore(person: Person) -> None:
    user, _ = get_user_model().objects.get_or_create(username=person.name)
    # Set only a different password, because a new password revokes the sessions of the user.
    if not user.check_password(person.password):
        user.set_password(person.password)
    user.is_active = True
    user.is_staff = user.is_superuser = person.is_superuser
    user.save()
