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


def is_called(backend: Any, names: Iterable[str], field: str) -> bool:
    """Return whether ``authenticate()`` passes the username to *backend* with arguments *names*.

    Django skips a backend whose signature does not accept the arguments.
    """
    names = tuple(names)
    try:
        # The first argument is the request.
        signature(backend.authenticate).bind(None, **dict.fromkeys((*names, "password"), ""))
    except TypeError:
        return False
    own = _own_names(backend, field)
    return not own or not own.isdisjoint(names)


def _own_names(backend: Any, field: str) -> set[str]:
    """Return the names of the username that *backend* has parameters for.

    Without a parameter, the backend reads the username from ``**kwargs``, under a name that only
    the backend knows. ``ModelBackend`` reads *field* from ``**kwargs`` too.
    """
    if type(backend).authenticate is ModelBackend.authenticate:
        return {"username", field}
    return {"username", field}.intersection(signature(backend.authenticate).parameters)


@lru_cache(maxsize=16)
def _most_accepted(field: str, backends: tuple[type[Any], ...]) -> tuple[str, ...]:
    instances = [backend() for backend in backends]

    def score(names: tuple[str, ...]) -> tuple[int, int]:
        called = [backend for backend in instances if is_called(backend, names, field)]
        # A backend that reads the username from **kwargs may need any of the names.
        certain = [each for each in called if len(names) > 1 and not _own_names(each, field)]
        return len(called), len(certain)

    return max([("username",), ("username", field), (field,)], key=score)
