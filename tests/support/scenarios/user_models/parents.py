"""Change users through the parent of the user model."""

from __future__ import annotations

from typing import Any

from django.contrib.auth import get_user_model
from django.core import serializers
from django.core.management import call_command
from django.db import connection
from django.db.transaction import atomic
from django.test.utils import CaptureQueriesContext

from django_tokenauth import services
from django_tokenauth.models import Session
from django_tokenauth.sessions.changed_users import AT_ONCE
from tests.support.scenarios.user_models.models import Account

PASSWORD = "correct horse"


def scenario() -> dict[str, list[str]]:
    """Return the revocation reasons of the sessions of the changed user and of another user."""
    call_command("migrate", run_syncdb=True, verbosity=0)
    # From here on, the keys of accounts and users differ.
    Account.objects.create(email="without-user@example.com").save()
    results = {
        change.__name__: reasons_after(change)
        for change in (set_password, deactivate, save, load_fixture)
    }
    return {**results, "deactivate_many": reasons_after_many()}


def reasons_after_many() -> list[str]:
    """Deactivate 30 users in one transaction, and return the revocation reasons of their
    sessions."""
    users: Any = get_user_model()
    names = [f"user{number}@example.com" for number in range(30)]
    sessions = [
        services.sign_in(users.objects.create_user(name, PASSWORD)).session for name in names
    ]
    accounts = list(Account.objects.filter(email__in=names))
    with CaptureQueriesContext(connection) as captured, atomic():
        for account in accounts:
            deactivate(account)
    # A statement for each account, two more for each of the first users, and a few at the end.
    assert len(captured) <= len(accounts) + 2 * AT_ONCE + 8
    rows = Session.objects.filter(pk__in=[each and each.pk for each in sessions])
    return sorted(set(rows.values_list("revoked_reason", flat=True)))


def reasons_after(change: Any) -> list[str]:
    users: Any = get_user_model()
    names = [f"{change.__name__}-{number}@example.com" for number in range(2)]
    changed, other = [users.objects.create_user(name, PASSWORD) for name in names]
    sessions = [services.sign_in(user).session for user in (changed, other)]
    change(Account.objects.get(pk=changed.account_id))
    return [str(Session.objects.get(pk=each and each.pk).revoked_reason) for each in sessions]


def set_password(account: Any) -> None:
    account.set_password("another")
    account.save()


def deactivate(account: Any) -> None:
    account.is_active = False
    account.save(update_fields=["is_active"])


def save(account: Any) -> None:
    account.save()


def load_fixture(account: Any) -> None:
    account.set_password("another")
    [loaded] = serializers.deserialize("json", serializers.serialize("json", [account]))
    loaded.save()
