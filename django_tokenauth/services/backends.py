"""The arguments with which a sign-in calls the authentication backends of the project.

Some backends have a parameter ``username``, which Django's own forms pass. Other backends have a
parameter with the name of ``USERNAME_FIELD``, for example ``email``.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from inspect import signature
from typing import Any

from django.contrib.auth import get_backends, get_user_model
from django.contrib.auth.backends import ModelBackend
from django.views.decorators.debug import sensitive_variables


@sensitive_variables()
def credentials(username: str, password: str) -> dict[str, str]:
    """Return the keyword arguments for Django's ``authenticate()``.

    The username has the name ``username``, the name of ``USERNAME_FIELD``, or both: the names that
    most backends accept.
    """
    return {**dict.fromkeys(username_arguments(), username), "password": password}


def username_arguments() -> tuple[str, ...]:
    """Return the names under which ``authenticate()`` passes the username."""
    field = get_user_model().USERNAME_FIELD
    if field == "username":
        return ("username",)
    return _most_accepted(field, tuple(type(backend) for backend in get_backends()))


def is_called(backend: type[Any], names: Iterable[str], field: str) -> bool:
    """Return whether ``authenticate()`` passes the username to *backend* with arguments *names*.

    Django skips a backend whose signature does not accept the arguments.
    """
    names, accepted = tuple(names), signature(backend.authenticate)
    try:
        # The first two arguments are the backend and the request.
        accepted.bind(None, None, **dict.fromkeys((*names, "password"), ""))
    except TypeError:
        return False
    # Without a parameter of its own, the backend reads the username from **kwargs. ModelBackend
    # has a parameter, and reads USERNAME_FIELD from **kwargs too.
    own = {"username", field}.intersection(accepted.parameters)
    if backend.authenticate is ModelBackend.authenticate:
        own = {"username", field}
    return not own or not own.isdisjoint(names)


@lru_cache(maxsize=16)
def _most_accepted(field: str, backends: tuple[type[Any], ...]) -> tuple[str, ...]:
    candidates = (("username",), ("username", field), (field,))
    return max(
        candidates,
        key=lambda names: sum(is_called(backend, names, field) for backend in backends),
    )
