"""``python -m tests.campaigns.machines.fixtures NAME ...``: the tables, a key, and users."""

from __future__ import annotations

import sys
from importlib import import_module
from typing import Any

import django
from django.core.management import call_command

from tests.support.client import PASSWORDS


def prepare(names: list[str]) -> None:
    """Make everything that a new deployment lacks. All people have the password of alice."""
    django.setup()
    call_command("migrate", verbosity=0)
    call_command("tokenauth_keys", "generate")
    # By their name, and not before: the models need the project.
    users: Any = import_module("django.contrib.auth.models").User.objects
    for name in names:
        users.create_user(name, password=PASSWORDS["alice"])


if __name__ == "__main__":
    prepare(sys.argv[1:])
