"""Use two tenants with a database each."""

from __future__ import annotations

from typing import Any

from django.contrib.auth import get_user_model
from django.core.management import call_command
from django.db.transaction import atomic

from django_tokenauth import services
from django_tokenauth.models import Session

from . import databases, flows


def scenario() -> dict[str, Any]:
    for alias in ("a", "b"):
        with databases.tenant(alias):
            call_command("migrate", database=alias, verbosity=0)
    return {**flows.run(databases.tenant), "commits": commit_outside_the_tenant()}


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
