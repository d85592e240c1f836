"""Checks of ``CLIENTS`` that need the user model or the package cryptography."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.contrib.auth import get_user_model
from django.core import checks
from django.core.checks import CheckMessage, Error
from django.core.exceptions import FieldDoesNotExist, ValidationError

from ..conf.settings import Settings
from ..errors import InvalidKey
from ..services.client_assertions import load_client_keys
from .settings import judge


def client_messages(settings: Settings) -> Iterator[CheckMessage]:
    """Check the keys of clients, and the client ids of service accounts.

    The messages contain no client id: the project may have swapped the id and a secret.
    """
    yield from judge(settings, _keys, _subjects)


def _keys(settings: Settings) -> Iterator[CheckMessage]:
    for position, client in enumerate(settings.clients.values(), 1):
        found = load_client_keys(client.keys)
        if isinstance(found, InvalidKey):
            yield Error(
                f"A key of entry {position} of CLIENTS cannot be used. {found}",
                hint=found.hint or None,
                id="tokenauth.E012",
            )


def _subjects(settings: Settings) -> Iterator[CheckMessage]:
    """Check that no user can have the subject of a service account (RFC 9068 section 5)."""
    model = get_user_model()
    name = model._meta.pk.name if settings.user_id_field == "pk" else settings.user_id_field
    try:
        field: Any = model._meta.get_field(name)
    except FieldDoesNotExist:
        # Another check reports USER_ID_FIELD.
        return
    while field.is_relation:
        # The validation of a relation would query the database.
        field = field.target_field
    for position, (client_id, client) in enumerate(settings.clients.items(), 1):
        if client.scopes is None or client.user is not None:
            continue
        try:
            field.clean(client_id, None)
        except ValidationError:
            continue
        yield checks.Warning(
            f"A user can have the client id of entry {position} of CLIENTS as the subject of "
            "access tokens. Other services, and views that compare request.user.pk, could take the "
            "service account for this user.",
            hint='Give it a client id that no user has, for example one that begins with "service/"'
            ".",
            id="tokenauth.W033",
        )
