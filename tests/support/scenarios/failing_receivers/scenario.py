"""Save users in autocommit mode, with a receiver that raises an error."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from django.contrib.auth.models import User
from django.core.management import call_command

from django_tokenauth import services
from django_tokenauth.models import Session


def scenario() -> dict[str, Any]:
    """Return the reason of the revocation after each change of a user."""
    call_command("migrate", verbosity=0)
    results = {}
    for name, change in (("password", change_password), ("deactivation", deactivate)):
        user = User.objects.create_user(name)
        services.sign_in(user)
        with suppress(LookupError):
            change(user)
            raise AssertionError("The receiver was not called.")
        results[name] = Session.objects.get(user=user).revoked_reason
    return results


def change_password(user: User) -> None:
    user.set_password("another")
    user.save()


def deactivate(user: User) -> None:
    user.is_active = False
    user.save(update_fields=["is_active"])
