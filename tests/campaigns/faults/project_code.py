"""The project's code that the package calls, and its faults: an error, or an invalid result."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.contrib.auth.backends import ModelBackend
from django.contrib.auth.signals import user_logged_in, user_login_failed
from django.core.exceptions import ImproperlyConfigured
from django.db import IntegrityError, OperationalError, ProgrammingError
from django.dispatch import Signal
from django.test import override_settings

from django_tokenauth import signals

#: Receivers of these cannot affect the response.
ROBUST = {
    "signed_in": signals.signed_in,
    "refreshed": signals.refreshed,
    "network_changed": signals.network_changed,
    "refresh_token_reused": signals.refresh_token_reused,
    "session_revoked": signals.session_revoked,
}
#: Django sends these itself, or a receiver of them may reject the request.
FRAGILE = {"user_logged_in": user_logged_in, "user_login_failed": user_login_failed}
HOOKS = ("EXTRA_CLAIMS", "SCOPE_POLICY")
PLACES = (*HOOKS, "backend", *FRAGILE, *ROBUST)

ERRORS = (LookupError, ImproperlyConfigured, IntegrityError, ProgrammingError, RecursionError)
OUTAGE = OperationalError
#: Invalid results of a hook. Every result is invalid for both hooks.
JUNK = (None, 7, "notes", b"notes", {1: 2}, [object()])

#: The flows that call each place, with an error as the consequence.
BREAKS = {
    "EXTRA_CLAIMS": {"sign-in", "refresh"},
    "SCOPE_POLICY": {"sign-in", "refresh", "list"},
    "backend": {"sign-in", "wrong password"},
    "user_logged_in": {"sign-in"},
    "user_login_failed": {"wrong password"},
}


class Backend(ModelBackend):
    """Django's backend, which first calls the function of the current fault."""

    fault: Callable[..., Any] | None = None

    def authenticate(
        self, request: Any, username: Any = None, password: Any = None, **more: Any
    ) -> Any:
        if Backend.fault is not None:
            Backend.fault()
        return super().authenticate(request, username, password, **more)


BACKENDS = [f"{__name__}.Backend"]


@dataclass(frozen=True)
class Fault:
    """What the code in *place* does: raise *error*, or return *junk* if there is no error."""

    place: str
    error: type[Exception] | None = None
    junk: object = None

    def __call__(self, *arguments: object, **keywords: object) -> object:
        if self.error is not None:
            raise self.error("a fault of the project")
        return self.junk


@contextmanager
def injected(fault: Callable[..., Any], place: str) -> Iterator[None]:
    """Let *fault* run in *place* during the ``with`` block."""
    signal: Signal | None = {**FRAGILE, **ROBUST}.get(place)
    if place in HOOKS:
        # Assignments to the fixture of pytest-django would add up over thousands of rounds.
        with override_settings(TOKENAUTH={**settings.TOKENAUTH, place: fault}):
            yield
        return
    if signal is not None:
        signal.connect(fault)
    else:
        Backend.fault = staticmethod(fault)
    try:
        yield
    finally:
        Backend.fault = None
        if signal is not None:
            signal.disconnect(fault)
