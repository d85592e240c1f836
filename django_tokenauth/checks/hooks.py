"""A check of the parameters of hooks."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from typing import Any

from django.core import checks
from django.core.checks import CheckMessage

from ..conf.settings import Settings, UnusableSetting

# The arguments that a hook receives by position, and those that it may receive by name.
_HOOKS = {
    "SCOPE_POLICY": (("user", "scopes", "request"), ()),
    "EXTRA_CLAIMS": (("user", "session", "request"), ("data", "audience")),
    "LIFETIMES": (("user", "client_id", "request"), ("fields",)),
    "SESSION_DATA": (("user", "request", "fields"), ()),
    "IMPERSONATION": (("staff", "user", "request"), ()),
    "ISSUER": (("request",), ()),
    "AUDIENCE": (("request",), ()),
}


def hook_messages(settings: Settings) -> Iterator[CheckMessage]:
    """Report each hook that does not accept its arguments: its first call would fail."""
    for name, (arguments, optional) in _HOOKS.items():
        hook = _hook(settings, name.lower())
        if callable(hook) and not _accepts(hook, arguments, optional):
            shown = ", ".join(arguments)
            yield checks.Error(
                f"{name} is called with ({shown}), which it does not accept.",
                hint=f"Define it as def {getattr(hook, '__name__', 'hook')}({shown}).",
                id="tokenauth.E011",
            )


def _hook(settings: Settings, name: str) -> object:
    """Return the value of the setting *name*, or ``None`` if another check reports the value."""
    try:
        return settings.by_request.get(name) or getattr(settings, name)
    except UnusableSetting:
        return None


def _accepts(
    hook: Callable[..., Any], arguments: tuple[str, ...], optional: tuple[str, ...]
) -> bool:
    try:
        # A decorator may add arguments to those of the function that it wraps.
        signature = inspect.signature(hook, follow_wrapped=False)
    except (TypeError, ValueError):
        # A function that is written in C may have no signature.
        return True
    further = [*signature.parameters][len(arguments) :]
    try:
        signature.bind(*arguments, **{name: name for name in optional if name in further})
    except TypeError:
        return False
    return True
