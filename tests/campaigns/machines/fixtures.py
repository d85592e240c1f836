"""``python -m tests.campaigns.machines.fixtures NAME ...``: create tables, a key and users."""

from __future__ import annotations

import sys
from importlib import import_module
from typing import Any

import django
from django.core.management import call_command

from tests.support.client import PASSWORDS


def prepare(names: list[str]) -> None:
    """Set up a new deployment. All users have the password of alice."""
    django.setup()
    call_command("migrate", verbosity=0)
    call_command("tokenauth_keys", "generate")
    # The models need ``django.setup()``, so they are imported by name.
    users: Any = import_module("django.contrib.auth.models").User.objects
    for name in names:
        users.create_user(name, password=PASSWORDS["alice"])


if __name__ == "__main__":
    prepare(sys.argv[1:])
