"""Save and delete children of the user model, whose keys belong to other users."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.contrib.auth import get_user_model
from django.contrib.auth.backends import ModelBackend
from django.core import serializers
from django.core.management import call_command
from django.db import connection, connections
from django.db.models.signals import pre_delete
from django.test import override_settings

from django_tokenauth import services
from django_tokenauth.models import Session
from tests.support.client import get, post
from tests.support.scenarios.user_models.models import Customer, Member

PASSWORD = "correct horse"


class CustomerBackend(ModelBackend):
    """A backend that returns the child of a user, as some packages for profiles do."""

    def authenticate(self, request: Any, **credentials: Any) -> Any:
        user = super().authenticate(request, **credentials)
        return user and Customer.objects.filter(user=user).first()


def create_customers() -> tuple[Any, Any]:
    """Return two customers, each of whose numbers is the key of the other one's user."""
    users = [create_user(f"{number}@example.com") for number in range(3)]
    first = Customer(user=users[2], number=users[1].pk)
    second = Customer(user=users[1], number=users[2].pk)
    for customer in (first, second):
        vars(customer).update(
            {name: value for name, value in vars(customer.user).items() if name != "_state"}
        )
        customer.save()
    assert (first.pk, second.pk) == (second.user_id, first.user_id)
    return first, second


def create_user(name: str) -> Any:
    return get_user_model().objects.create_user(name, PASSWORD)


def reasons_after(change: Callable[[Any], object], user_of: Callable[[Any], Any]) -> list[str]:
    """Return the revocation reasons of a session of the changed user and of the other user."""
    Session.objects.all().delete()
    get_user_model().objects.all().delete()
    changed, other = create_customers()
    sessions = [services.sign_in(each.user).session for each in (changed, other)]
    change(user_of(changed))
    return [str(Session.objects.get(pk=each and each.pk).revoked_reason) for each in sessions]


def set_password(user: Any) -> None:
    user.set_password("another")
    user.save()


def deactivate(user: Any) -> None:
    user.is_active = False
    user.save(update_fields=["is_active"])


def as_member(customer: Any) -> Any:
    return Member.objects.get(pk=customer.pk)


def delete_child_alone(customer: Any) -> None:
    customer.delete(keep_parents=True)


def load_fixture(customer: Any) -> None:
    customer.set_password("another")
    [loaded] = serializers.deserialize("json", serializers.serialize("json", [customer]))
    loaded.save()


def save_new_child(customer: Any) -> None:
    """Replace the child, with another password."""
    customer.delete(keep_parents=True)
    customer.set_password("another")
    customer.save(force_insert=(Customer,))


def save_in_another_database(customer: Any) -> None:
    """Deactivate, save and delete the user of an archive with the same key."""
    archive: Any = connection.copy("archive")
    archive.settings_dict["NAME"] = "file:archive?mode=memory"
    connections["archive"] = archive
    user = customer.user
    try:
        with archive.schema_editor() as editor:
            editor.create_model(type(user))
        user.is_active = False
        user.save(using="archive", force_insert=True)
        user.set_password("another")
        user.save(using="archive")
        type(user)._base_manager.using("archive").filter(pk=user.pk)._raw_delete("archive")
        # The archive has no related tables, so its rows cannot be deleted with cascades.
        pre_delete.send(sender=type(user), instance=user, using="archive", origin=user)
    finally:
        archive.close()


def scenario() -> dict[str, Any]:
    call_command("migrate", run_syncdb=True, verbosity=0)
    child, user = (lambda customer: customer), (lambda customer: customer.user)
    changes = {
        "password": (set_password, child),
        "inactive": (deactivate, child),
        "proxy": (set_password, as_member),
        "parent": (set_password, user),
        "deleted": (lambda customer: customer.delete(), child),
        "proxy deleted": (lambda customer: customer.delete(), as_member),
        "child deleted": (delete_child_alone, child),
        "saved": (lambda customer: customer.save(), child),
        "fixture": (load_fixture, child),
        "new child": (save_new_child, child),
        "archive": (save_in_another_database, child),
    }
    return {
        **{name: reasons_after(change, user_of) for name, (change, user_of) in changes.items()},
        "sign-in": sign_in_as_child(),
    }


def sign_in_as_child() -> list[object]:
    """Sign in with a backend that returns the child, and use the token and the services."""
    get_user_model().objects.all().delete()
    customer, other = create_customers()
    body = {"username": customer.email, "password": PASSWORD}
    with override_settings(AUTHENTICATION_BACKENDS=[f"{__name__}.CustomerBackend"]):
        access_token = post("token/", body).json()["access_token"]
    who = [get(f"/who/{path}", access_token).json() for path in ("", "stateless/")]
    listed = len(get("/auth/sessions/", access_token).json())
    sessions = [services.list_sessions(each).count() for each in (customer, other)]
    services.sign_out_everywhere(other)
    still = get("/who/", access_token).status_code
    services.sign_out_everywhere(customer)
    return [
        [each["sub"] == str(customer.user_id) for each in who],
        who[0]["user"] == customer.email,
        listed,
        sessions,
        [still, get("/who/", access_token).status_code],
    ]
