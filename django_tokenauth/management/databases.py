"""The option ``--database`` of the commands that read the table of sessions."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from threading import Lock
from typing import Any

from django.contrib.auth import get_user_model
from django.core.management.base import CommandError
from django.db import connections, router

from django_tokenauth.models import Session

# A server may call commands, so other threads must not use the database of a command.
_alias: ContextVar[str | None] = ContextVar("django_tokenauth_alias", default=None)
_lock = Lock()


class _Router:
    """The router that selects the database of the command for the apps of users and sessions.

    Hooks such as ``SCOPE_POLICY`` read the groups and permissions of the user there too. The
    routers of the project select the database of the models in all other apps.
    """

    def __init__(self) -> None:
        user_model = get_user_model()
        models: tuple[Any, ...] = (Session, user_model, *user_model._meta.get_parent_list())
        self._apps = {model._meta.app_label for model in models} | {"auth", "contenttypes"}

    def db_for_read(self, model: Any, **hints: Any) -> str | None:
        return _alias.get() if model._meta.app_label in self._apps else None

    db_for_write = db_for_read


@contextmanager
def database(alias: str | None) -> Iterator[None]:
    """Use the database *alias* for users and sessions in the ``with`` block.

    ``None`` changes nothing. Raises :class:`CommandError` for an unknown alias.
    """
    if alias is None:
        yield
        return
    if alias not in connections.settings:
        known = ", ".join(connections.settings)
        raise CommandError(f"DATABASES has no alias {alias!r}. It has: {known}.")
    chosen, token = _Router(), _alias.set(alias)
    # Replace the list, because another thread may iterate over it.
    with _lock:
        router.routers = [chosen, *router.routers]
    try:
        yield
    finally:
        with _lock:
            router.routers = [each for each in router.routers if each is not chosen]
        _alias.reset(token)
