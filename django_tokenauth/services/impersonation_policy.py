"""Decide whether a member of the staff may act as a user: fixed rules, then ``IMPERSONATION``."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import ImproperlyConfigured
from django.http import HttpRequest

from ..conf.settings import Settings
from ..sessions.users import get_key


def is_permitted(settings: Settings, staff: Any, user: Any, request: HttpRequest | None) -> bool:
    """Return whether *staff* may act as *user*. Statements of the hook only.

    The hook cannot permit a user to act as themselves, an inactive user, or a user who is not a
    superuser to act as a superuser. Without ``IMPERSONATION``, return ``False``.

    Raises ``ImproperlyConfigured`` if ``IMPERSONATION`` does not return ``True`` or ``False``.
    """
    hook = settings.impersonation
    if hook is None or get_key(staff) == get_key(user):
        return False
    if not (staff.is_active and user.is_active):
        return False
    if getattr(user, "is_superuser", False) and not getattr(staff, "is_superuser", False):
        return False
    permitted = hook(staff, user, request)
    # A coroutine and a query set are true in a condition.
    if not isinstance(permitted, bool):
        raise ImproperlyConfigured(
            f"IMPERSONATION must return True or False, not {type(permitted).__name__}."
        )
    return permitted
